/** The server as the editor sees it when things go wrong: who may start it again, what the person is told, who waits. */
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProblemLists } from "../../../src/problem-lists.ts";
import { shown } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";

const State = { Stopped: 1, Running: 2, Starting: 3, StartFailed: 4 };

/** In the place of the language client: starts and answers as the test says. */
class FakeClient {
  static readonly made: FakeClient[] = [];
  static canStart = true;
  static answer: () => unknown = () => ({});
  readonly closed: () => { readonly action: string };
  readonly program: unknown;
  readonly #changed = new vscode.EventEmitter<{ readonly newState: number }>();
  readonly onDidChangeState = this.#changed.event;
  readonly onNotification = vi.fn();
  readonly onRequest = vi.fn();

  constructor(
    ...[, , program, options]: [
      string,
      string,
      unknown,
      { readonly errorHandler: Pick<FakeClient, "closed"> },
    ]
  ) {
    this.program = program;
    this.closed = () => options.errorHandler.closed();
    FakeClient.made.push(this);
  }

  async start(): Promise<void> {
    await Promise.resolve();
    if (!FakeClient.canStart) throw new Error("no such program");
    this.become(State.Running);
  }

  async stop(): Promise<void> {
    await Promise.reject(new Error("Stopping the server timed out"));
  }

  async sendRequest(): Promise<unknown> {
    return await Promise.resolve(FakeClient.answer());
  }

  become(newState: number): void {
    this.#changed.fire({ newState });
  }

  /** Ends by itself; it is started again if the extension says so. */
  crash(): void {
    const { action } = this.closed();
    this.become(State.Stopped);
    if (action === "restart") this.become(State.Running);
  }
}

vi.mock("vscode", () => import("./fake-vscode.ts"));
vi.mock("../../../src/language-client.ts", () => ({
  LanguageClient: FakeClient,
  TransportKind: { ipc: 1 },
  State,
  CloseAction: { Restart: "restart", DoNotRestart: "stay" },
  ErrorAction: { Continue: 1 },
}));
const { Server } = await import("../../../src/server.ts");
const { watch } = await import("../../../src/extension.ts");

let server: InstanceType<typeof Server>;
beforeEach(() => {
  FakeClient.made.length = shown.length = 0;
  FakeClient.canStart = true;
  FakeClient.answer = () => ({});
  const context = { extensionUri: vscode.Uri.parse("file:///extension") };
  const log = { warn: vi.fn(), error: vi.fn(), show: vi.fn() };
  server = new Server(...([context, log] as unknown as ConstructorParameters<typeof Server>));
});

it("runs on the program that the settings name, with ~ expanded", async () => {
  const { getConfiguration } = vscode.workspace;
  const get = (name: string, value: unknown) => (name === "nodePath" ? "~/bin/node" : value);
  vscode.workspace.getConfiguration = () => ({ get });
  await server.start();
  vscode.workspace.getConfiguration = getConfiguration;
  const runtime = path.join(os.homedir(), "bin/node");
  expect(FakeClient.made[0]?.program).toMatchObject({ run: { runtime }, debug: { runtime } });
});

it("runs in its own folder, not in the one that is open", async () => {
  await server.start();
  expect(FakeClient.made[0]?.program).toMatchObject({ run: { options: { cwd: "/extension/dist" } } });
});

it("is not started by a path that depends on the folder that is open, which is told", async () => {
  const { getConfiguration } = vscode.workspace;
  vscode.workspace.getConfiguration = () => ({
    get: (name, value) => (name === "nodePath" ? "./node" : value),
  });
  expect(await server.start()).toBe(false);
  vscode.workspace.getConfiguration = getConfiguration;
  expect([server.state, server.hasFailed, FakeClient.made.length]).toEqual(["stopped", true, 0]);
  expect(shown.map(({ text }) => text)).toEqual([
    expect.stringMatching(/nodePath is \.\/node, .* Your documents are untouched\./u),
  ]);
});

describe("a server that cannot be started", () => {
  beforeEach(() => (FakeClient.canStart = false));

  it("keeps nobody waiting until the message is dismissed", async () => {
    expect(await server.ask("status", {})).toBeNull();
    expect(shown.map(({ text }) => text)).toEqual([expect.stringContaining("no such program")]);
  });

  it("says that it has failed until a person's next try succeeds", async () => {
    await server.start();
    expect([server.state, server.hasFailed]).toEqual(["stopped", true]);
    FakeClient.canStart = true;
    expect(await server.start()).toBe(true);
    expect([server.state, server.hasFailed]).toEqual(["running", false]);
  });
});

it("a fourth crash within minutes is the last: nothing says that it is being restarted", async () => {
  await server.start();
  for (let crash = 1; crash < 4; crash++) FakeClient.made[0]?.crash();
  expect([server.state, server.hasFailed]).toEqual(["running", false]);
  FakeClient.made[0]?.crash();
  expect([server.state, server.hasFailed]).toEqual(["stopped", true]);
  expect(shown.at(-1)?.text).toContain("was not started again");
});

it("one that never ran is not started again by itself, nor one that fails while it is", async () => {
  FakeClient.canStart = false;
  await server.start();
  expect(FakeClient.made[0]?.closed().action).toBe("stay");
  FakeClient.canStart = true;
  await server.start();
  const [, client] = FakeClient.made;
  expect(client?.closed().action).toBe("restart");
  client?.become(State.Stopped);
  client?.become(State.Starting);
  client?.become(State.StartFailed);
  expect([server.state, server.hasFailed]).toEqual(["stopped", true]);
  expect(shown.at(-1)?.text).toContain("could not be started");
  // Whatever it does now, it is given up.
  client?.become(State.Starting);
  expect([server.state, client?.closed().action]).toEqual(["stopped", "stay"]);
});

it("a server that had to be killed leaves nobody waiting for its answer", async () => {
  await server.start();
  const asked = vi.fn(() => new Promise(() => undefined));
  FakeClient.answer = asked;
  const answer = server.ask("status", {});
  await vi.waitFor(() => expect(asked).toHaveBeenCalled());
  await server.stop();
  expect(await answer).toBeNull();
  expect(shown).toEqual([]);
});

describe("a document with a stored solution", () => {
  const refresh = vi.fn(() => Promise.resolve([]));
  let watching: readonly { dispose(): unknown }[];
  beforeEach(() => {
    const document = {
      uri: vscode.Uri.parse("file:///notes.md"),
      getText: () => "<!-- rstar:solution -->",
    };
    vscode.window.activeTextEditor = { document };
    vscode.window.visibleTextEditors = [{ document }];
    refresh.mockClear();
    watching = watch(server, { known: () => [], refresh } as unknown as ProblemLists);
  });
  afterEach(() => {
    for (const one of watching) one.dispose();
  });
  const type = () => vscode.changedText.fire(vscode.window.activeTextEditor);

  it("starts the server, and not one that has failed", async () => {
    type();
    expect(refresh).toHaveBeenCalledOnce();
    FakeClient.canStart = false;
    await server.start();
    refresh.mockClear();
    type();
    expect(refresh).not.toHaveBeenCalled();
  });
});

describe("a request without an answer", () => {
  it.each([
    ["failed in the server", -32_603, true],
    ["was cancelled", -32_800, false],
    ["met the server's end", -32_097, false],
  ])("that %s", async (_, code, isTold) => {
    FakeClient.answer = () => {
      throw Object.assign(new Error("The disk is full."), { code });
    };
    expect(await server.ask("status", {})).toBeNull();
    expect(shown.map(({ text }) => text.includes("The disk is full."))).toEqual(isTold ? [true] : []);
  });
});
