/** One interpreter process, seen from the host: start, one request at a time, and a kill that always works. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { onLines } from "../protocol/lines.ts";
import type { Answer, Message, Request, WorkerConfig } from "./messages.ts";

/** A start may take this long, in ms, on a machine that is busy loading a model as well. */
const START_LIMIT_MS = 120_000;

export interface InterpreterOptions {
  readonly config: WorkerConfig;
  /** The bundled worker (`dist/sandbox-worker.mjs`). */
  readonly workerPath: string;
  /** Whether to ask for Node's permission model: reading the files it needs, and nothing else. */
  readonly permission: boolean;
}

export type Ready = Extract<Message, { readonly op: "ready" }>;

/** How a request ended: with an answer, or with the process. */
export type Exchange =
  | { readonly kind: "answer"; readonly answer: Answer; readonly heapMB: number }
  | { readonly kind: "died"; readonly reason: string; readonly outOfMemory: boolean };

export interface ExchangeEvents {
  onStep?: (step: Extract<Message, { readonly op: "step" }>) => void;
  onOutput?: (text: string) => void;
}

interface Pending {
  readonly events: ExchangeEvents;
  readonly settle: (exchange: Exchange) => void;
}

/** The flag of Node's permission model in this version, or null where there is none. */
function permissionFlag(): string | null {
  const flags = process.allowedNodeEnvironmentFlags;
  // `--permission` is stable from Node 22.13; the older name is all that Node 20 knows.
  if (flags.has("--permission")) return "--permission";
  return flags.has("--experimental-permission") ? "--experimental-permission" : null;
}

/** What Node is started with: no code from strings, and read access to the program's own files only. */
function nodeFlags(options: InterpreterOptions): string[] {
  const flags = [
    "--no-warnings",
    "--disallow-code-generation-from-strings",
    "--max-old-space-size=512",
    "--expose-gc",
  ];
  const permission = options.permission ? permissionFlag() : null;
  if (permission === null) return flags;
  const { wheelsDir, snapshotDir } = options.config;
  const pyodide = path.dirname(fileURLToPath(import.meta.resolve("pyodide")));
  const asked = [path.dirname(options.workerPath), wheelsDir, pyodide, path.join(pyodide, "../ws")];
  if (snapshotDir !== null) asked.push(snapshotDir);
  // Node 20 aborts when a folder is given twice or inside another.
  const readable = [...new Set(asked.map((dir) => path.resolve(dir)))].filter(
    (dir, _, all) => !all.some((other) => dir.startsWith(other + path.sep)),
  );
  // The watchdog is a thread; it starts before any Python does.
  return [...flags, permission, "--allow-worker", ...readable.map((dir) => `--allow-fs-read=${dir}`)];
}

/** The environment of the process: empty, but for what the platform's loader cannot do without. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  if (process.versions["electron"] !== undefined) env["ELECTRON_RUN_AS_NODE"] = "1";
  const root = process.env["SystemRoot"];
  if (process.platform === "win32" && root !== undefined) env["SystemRoot"] = root;
  return env;
}

/** A running interpreter. Its process never outlives `kill`, its own fatal errors, or the host. */
export class Interpreter {
  /** Rejects when the process ends, or says that it cannot, before it is ready. */
  readonly ready: Promise<Ready>;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #pending: Pending | null = null;
  #reason: string | null = null;
  #outOfMemory = false;
  #over = false;

  constructor(options: InterpreterOptions) {
    this.#child = spawn(
      process.execPath,
      [...nodeFlags(options), options.workerPath, JSON.stringify(options.config)],
      { stdio: ["pipe", "pipe", "pipe"], env: environment(), windowsHide: true },
    );
    let errors = "";
    this.#child.stderr?.on("data", (data: Buffer) => {
      errors = (errors + data.toString()).slice(-2000);
    });
    // A write to a process that has just died is no news: its end is reported by `close`.
    this.#child.stdin?.on("error", () => undefined);
    this.gone = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#end(error.message);
        resolve();
      });
      this.#child.once("close", (code, signal) => {
        const how = signal ?? `exit code ${code ?? "unknown"}`;
        const said = errors.trim();
        this.#end(`the interpreter ended with ${how}${said === "" ? "" : `: ${said}`}`);
        resolve();
      });
    });
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.kill("the interpreter did not start in time");
      }, START_LIMIT_MS);
      void this.gone.then(() => {
        clearTimeout(timer);
        reject(new Error(this.#reason ?? "the interpreter ended"));
      });
      if (this.#child.stdout === null) return;
      onLines(this.#child.stdout, (line) => {
        // What still lies in a killed process's pipe is no news.
        if (this.#over) return;
        const message = parseMessage(line);
        if (message === null) this.kill("the interpreter said what is no message");
        else if (message.op === "ready") {
          clearTimeout(timer);
          resolve(message);
        } else this.#receive(message);
      });
    });
    // Whoever waits for a start sees the rejection; a start that nobody waits for may fail in silence.
    this.ready.catch(() => undefined);
  }

  /**
   * How long the thread that runs Python has stood ready without a core, in ms since it began. Only Linux tells it; 0
   * elsewhere.
   */
  get waitedMs(): number {
    if (process.platform !== "linux" || this.#child.pid === undefined) return 0;
    try {
      // Nanoseconds on a core, nanoseconds in line for one, turns.
      const [, waited] = readFileSync(`/proc/${this.#child.pid}/schedstat`, "latin1").split(" ");
      return Number(waited) / 1e6;
    } catch {
      return 0;
    }
  }

  /** Whether the process can take a request. */
  get alive(): boolean {
    return !this.#over;
  }

  /** Sends one request; the caller sends the next one only after this has settled. Never rejects. */
  ask(request: Request, events: ExchangeEvents = {}): Promise<Exchange> {
    return new Promise((settle) => {
      if (this.#over) {
        settle({ kind: "died", reason: this.#reason ?? "the interpreter ended", outOfMemory: false });
        return;
      }
      this.#pending = { events, settle };
      this.#child.stdin?.write(JSON.stringify(request) + "\n");
    });
  }

  /** Ends the process at once; a request in flight settles as `died` without waiting for the system to confirm. */
  kill(reason: string): void {
    this.#child.kill("SIGKILL");
    this.#end(reason);
  }

  #receive(message: Exclude<Message, Ready>): void {
    switch (message.op) {
      case "step":
        this.#pending?.events.onStep?.(message);
        return;
      case "output":
        this.#pending?.events.onOutput?.(message.text);
        return;
      case "answer": {
        const pending = this.#pending;
        this.#pending = null;
        pending?.settle({
          kind: "answer",
          answer: message.answer,
          heapMB: message.heapMB,
        });
        return;
      }
      case "fatal":
        this.#outOfMemory = message.outOfMemory;
        this.kill(message.reason);
        return;
      default:
        message satisfies never;
    }
  }

  #end(reason: string): void {
    this.#over = true;
    this.#reason ??= reason;
    const pending = this.#pending;
    this.#pending = null;
    pending?.settle({ kind: "died", reason: this.#reason, outOfMemory: this.#outOfMemory });
  }
}

function parseMessage(line: string): Message | null {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return null;
  }
}
