/** Starts and stops llama.cpp's own server, and asks it for completions. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../support/free-port.ts";
import { isAlive } from "./alive.ts";
import { llamaTool } from "./llama-tools.ts";

/** A running `llama-server`. */
export interface LlamaServer {
  readonly url: string;
  readonly pid: number;
  /** One call of `/completion`; the fields are those of its documentation. @throws when the server refuses. */
  complete(body: object): Promise<readonly Completion[]>;
  stop(): Promise<void>;
}

/** The fields of an answer that the benchmarks use. */
export interface Completion {
  readonly content: string;
  readonly tokens_predicted: number;
  readonly tokens_evaluated: number;
  readonly completion_probabilities?: readonly {
    readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[];
  }[];
}

/** Starts the server on a free port of this machine and waits until the model is loaded. */
export async function startLlamaServer(
  modelFile: string,
  threads: number,
  settings: readonly string[],
): Promise<LlamaServer> {
  const port = await freePort();
  const child = spawn(
    await llamaTool("llama-server"),
    [
      ...["-m", modelFile, "-t", String(threads), "-tb", String(threads), "-ngl", "0"],
      ...["--host", "127.0.0.1", "--port", String(port), "--no-webui", ...settings],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  // However this process ends, the server must not stay behind.
  const onExit = (): void => void child.kill("SIGKILL");
  process.once("exit", onExit);
  const log: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log.push(text);
    log.splice(0, log.length - 50);
  });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    if (!isAlive(child) || attempt > 600) {
      child.kill();
      throw new Error(`llama-server did not start:\n${log.join("").slice(-2000)}`);
    }
    const health = await fetch(`${url}/health`).catch(() => null);
    if (health?.ok === true) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    url,
    pid: child.pid ?? 0,
    async complete(body) {
      const response = await fetch(`${url}/completion`, { method: "POST", body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`llama-server: ${response.status} ${await response.text()}`);
      const answer = (await response.json()) as Completion | readonly Completion[];
      return Array.isArray(answer) ? (answer as readonly Completion[]) : [answer as Completion];
    },
    async stop() {
      if (!isAlive(child)) return;
      const ended = once(child, "exit");
      child.kill();
      await ended;
      process.off("exit", onExit);
    },
  };
}
