/** The tests' end of the wire to `driver/driver.mjs`: sends a function into the extension host, gets its result. */
import net from "node:net";
import type { AddressInfo } from "node:net";
import type * as vscode from "vscode";

/** The editor's API. */
export type VsCode = typeof vscode;

/** A function that runs in the extension host. It sees its arguments only, and both ways only what JSON can carry. */
export type Remote<A, R> = (api: VsCode, argument: A) => R | Promise<R>;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Waits for the driver to connect, again after the window was reloaded, and calls it. */
export class DriverChannel {
  readonly #server: net.Server;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Promise<net.Socket>;
  #arrived: (socket: net.Socket) => void = () => undefined;
  #next = 0;

  private constructor(server: net.Server) {
    this.#server = server;
    this.#socket = this.#expect();
    server.on("connection", (socket) => {
      this.#listen(socket);
      // A second driver can be there before the first has gone.
      this.#socket = Promise.resolve(socket);
      this.#arrived(socket);
    });
  }

  #expect(): Promise<net.Socket> {
    return new Promise((resolve) => (this.#arrived = resolve));
  }

  static async open(): Promise<DriverChannel> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new DriverChannel(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once the editor's extension host is there. */
  async connected(): Promise<void> {
    await this.#socket;
  }

  /** Resolves once the extension host that is there now has gone. */
  async gone(): Promise<void> {
    const socket = await this.#socket;
    if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  }

  /** Runs `work` in the extension host. @throws what it throws. */
  async call<A, R>(work: Remote<A, R>, argument: A): Promise<R> {
    const socket = await this.#socket;
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    socket.write(`${JSON.stringify({ id, source: work.toString(), argument })}\n`);
    return (await answer) as R;
  }

  /** Lets the driver go; calls without an answer fail. */
  close(): void {
    this.#server.close();
    void this.#socket.then((socket) => socket.destroy());
    this.#failAll("the editor was closed");
  }

  #listen(socket: net.Socket): void {
    let rest = "";
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#settle(line);
    });
    socket.on("close", () => {
      this.#failAll("the extension host ended");
      void this.#socket.then((current) => {
        if (current === socket) this.#socket = this.#expect();
      });
    });
    socket.on("error", (error) => this.#failAll(error.message));
  }

  #settle(line: string): void {
    const message = JSON.parse(line) as { id: number; value?: unknown; error?: string };
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(new Error(`in the editor: ${message.error}`));
  }

  #failAll(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}
