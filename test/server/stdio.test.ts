/** The built server over stdio, as a plain editor starts it: with no commands of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  createProtocolConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type CodeLens,
  type InitializeResult,
  type ProtocolConnection,
} from "vscode-languageserver/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Trace } from "../../server/protocol/trace.ts";
import { endpointServer, write } from "../support/endpoint-server.ts";
import { until } from "./scripts.ts";

const SERVER = path.resolve(import.meta.dirname, "../../dist/server.mjs");
const URI = "file:///notes/plain.md";
const TEXT = "## Problem 1\n\nWhat is 6 times 7?\n";

let server: ChildProcess;
let editor: ProtocolConnection;
let home: string;
let exited: Promise<number | null>;
const asked: string[] = [];
const shown: string[] = [];

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "rstar-stdio-"));
  server = spawn(process.execPath, [SERVER, "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, RSTAR_HOME: home },
  });
  exited = new Promise((resolve) => server.once("exit", resolve));
  if (server.stdout === null || server.stdin === null) throw new Error("the server has no pipes");
  editor = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  editor.onRequest(
    "window/showMessageRequest",
    ({ message, actions }: { message: string; actions: { title: string }[] }) => {
      asked.push(message);
      return actions.find(({ title }) => title === "Not Now") ?? null;
    },
  );
  editor.onNotification("window/showMessage", ({ message }: { message: string }) => {
    shown.push(message);
  });
  editor.onRequest("window/workDoneProgress/create", () => null);
  editor.listen();
});

afterEach(() => {
  editor.dispose();
  server.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

it("starts, shows its lenses, asks before a download, and leaves nothing behind", async () => {
  const initialized: InitializeResult = await editor.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { window: { workDoneProgress: true } },
  });
  expect(initialized.serverInfo?.name).toBe("rStar Math");
  expect(initialized.capabilities.executeCommandProvider?.commands).toContain("rstarMath.solveProblem");
  await editor.sendNotification("initialized", {});
  await editor.sendNotification("textDocument/didOpen", {
    textDocument: { uri: URI, languageId: "markdown", version: 1, text: TEXT },
  });
  const lenses: CodeLens[] = await editor.sendRequest("textDocument/codeLens", {
    textDocument: { uri: URI },
  });
  // What needs a view of the editor's is left out.
  expect(lenses.map(({ command }) => command?.title)).toEqual(["Solve"]);
  expect(readdirSync(home)).toEqual([]);
  const solve = lenses[0]?.command;
  const outcome: { kind: string } = await editor.sendRequest("workspace/executeCommand", {
    command: solve?.command,
    arguments: solve?.arguments,
  });
  expect(outcome.kind).toBe("not-started");
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatch(/not on this machine.*MB/u);
  expect(shown.at(-1)).toContain("Nothing was downloaded");
  await editor.sendRequest("shutdown");
  await editor.sendNotification("exit");
  expect(await exited).toBe(0);
});

it("goes on in an editor that has no settings of ours and refuses to register anything or to draw anew", async () => {
  const refuse = (): never => {
    throw new ResponseError(-32_601, "no such method");
  };
  editor.onRequest("workspace/configuration", () => [null]);
  editor.onRequest("client/registerCapability", refuse);
  editor.onRequest("workspace/codeLens/refresh", refuse);
  await editor.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: {
      workspace: {
        configuration: true,
        didChangeConfiguration: { dynamicRegistration: true },
        codeLens: { refreshSupport: true },
      },
    },
    initializationOptions: { settings: { document: { headings: ["Riddle"] } } },
  });
  const drawn = new Promise((resolve) => editor.onNotification("rstar/problemsChanged", resolve));
  await editor.sendNotification("initialized", {});
  await editor.sendNotification("textDocument/didOpen", {
    textDocument: { uri: URI, languageId: "markdown", version: 1, text: TEXT.replace("Problem", "Riddle") },
  });
  await drawn;
  expect(await editor.sendRequest("textDocument/codeLens", { textDocument: { uri: URI } })).toHaveLength(1);
  await editor.sendRequest("shutdown");
  await editor.sendNotification("exit");
  expect(await exited).toBe(0);
});

it("writes down what may train, bundled as it is", async () => {
  await editor.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
  const decided: unknown = await editor.sendRequest("rstar/traces/decideConsent", { agreed: true });
  expect(decided).toEqual({ kind: "consent", agreed: true, optedOut: [] });
  expect(await editor.sendRequest("rstar/traces/consent", {})).toEqual(decided);
  await editor.sendRequest("shutdown");
  await editor.sendNotification("exit");
  expect(await exited).toBe(0);
});

it("leaves its candidates behind when it is killed in the middle of a solve", async () => {
  let answered = 0;
  await using policy = await endpointServer((_asked, response) => {
    // The first wave, and then nothing more.
    if (++answered <= 4) write(response, ["# Step 1: Multiply.\n", "print(6 * 7)\n", "<end_of_code>"]);
  });
  await editor.sendRequest("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
    initializationOptions: {
      settings: {
        endpoint: { url: policy.url },
        search: { strategy: "self-consistency", settleConfidence: 1 },
      },
    },
  });
  await editor.sendNotification("initialized", {});
  await editor.sendNotification("textDocument/didOpen", {
    textDocument: { uri: URI, languageId: "markdown", version: 1, text: TEXT },
  });
  editor
    .sendRequest("rstar/solve", { uri: URI, problem: { kind: "index", index: 1 } })
    .catch(() => undefined);
  const running = path.join(home, "traces", "running");
  const written = (): string | undefined =>
    existsSync(running) ? readdirSync(running).find((name) => name.endsWith(".json")) : undefined;
  await until(() => written() !== undefined);
  server.kill("SIGKILL");
  await exited;
  const trace = Trace.parse(JSON.parse(readFileSync(path.join(running, written() ?? ""), "utf8")));
  expect(trace.votes).toMatchObject([{ answer: "42", count: 4 }]);
});
