/** The built language server with the real model and the real sandbox, on a problem of `examples/`. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ApplyWorkspaceEditParams,
  type Hover,
  type MarkupContent,
  type ProtocolConnection,
  type TextEdit,
} from "vscode-languageserver/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { modelManager } from "../../server/compose.ts";
import { dataHome } from "../../server/models/home.ts";
import { packageRoot } from "../../server/models/manifest.ts";
import { REQUESTS } from "../../server/protocol/requests.ts";
import { SearchNews } from "../../server/protocol/solving.ts";

const URI = "file:///notes/word-problems.md";
let folder: string;
let home: string;
let server: ChildProcess;
let editor: ProtocolConnection;
let document: TextDocument;
const news: SearchNews[] = [];

beforeAll(async () => {
  const resolution = await (
    await modelManager()
  ).resolve("qwen2.5-coder-0.5b", {
    signal: new AbortController().signal,
  });
  if (resolution.kind === "failed") throw new Error(resolution.message);
  folder = mkdtempSync(path.join(tmpdir(), "rstar-language-server-"));
  home = path.join(folder, "home");
  mkdirSync(home);
  symlinkSync(path.join(dataHome(), "models"), path.join(home, "models"), "junction");
  const text = readFileSync(path.join(packageRoot(), "examples", "word-problems.md"), "utf8");
  document = TextDocument.create(URI, "markdown", 1, text);
  await start();
});

/** Starts the server and opens the document as it is. */
async function start(): Promise<void> {
  news.length = 0;
  server = spawn(process.execPath, [path.join(packageRoot(), "dist", "server.mjs"), "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, RSTAR_HOME: home },
  });
  if (server.stdout === null || server.stdin === null) throw new Error("the server has no pipes");
  editor = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  editor.onRequest("workspace/applyEdit", async ({ edit }: ApplyWorkspaceEditParams) => {
    const edits: TextEdit[] = edit.changes?.[URI] ?? [];
    document = TextDocument.create(
      URI,
      "markdown",
      document.version + 1,
      TextDocument.applyEdits(document, edits),
    );
    await editor.sendNotification("textDocument/didChange", {
      textDocument: { uri: URI, version: document.version },
      contentChanges: [{ text: document.getText() }],
    });
    return { applied: true };
  });
  editor.onNotification("rstar/search", (raw: unknown) => {
    news.push(SearchNews.parse(raw));
  });
  editor.listen();
  await editor.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: {} });
  await editor.sendNotification("initialized", {});
  await editor.sendNotification("textDocument/didOpen", {
    textDocument: { uri: URI, languageId: "markdown", version: document.version, text: document.getText() },
  });
}
afterAll(() => {
  editor.dispose();
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

it("solves a problem, shows it while it is written, explains a step, checks it again, and frees the memory", async () => {
  const problem = { kind: "index", index: 1 } as const;
  const outcome = REQUESTS.solve.result.parse(await editor.sendRequest("rstar/solve", { uri: URI, problem }));
  expect(outcome).toMatchObject({ kind: "solved", inserted: true });
  const kinds = news.flatMap(({ events }) => events.map(({ kind }) => kind));
  expect(kinds.indexOf("draft")).toBeGreaterThan(0);
  expect(kinds.indexOf("draft")).toBeLessThan(kinds.indexOf("candidate"));
  const position = document.positionAt(document.getText().indexOf("**Step 1.**"));
  const hover: Hover | null = await editor.sendRequest("textDocument/hover", {
    textDocument: { uri: URI },
    position,
  });
  expect((hover?.contents as MarkupContent).value).toMatch(/\*\*Step 1\*\* .*Q -?\d\.\d\d · \d+ visits?/u);
  const checked = REQUESTS.verify.result.parse(
    await editor.sendRequest("rstar/verify", { uri: URI, problem }),
  );
  expect(checked).toMatchObject({ kind: "checked", solutions: [{ index: 1, holds: true }] });
  const step = REQUESTS.verifyStep.result.parse(
    await editor.sendRequest("rstar/verifyStep", {
      earlier: ["x = 2"],
      step: "assert x == 2\nprint(x ** 10)",
    }),
  );
  expect(step).toMatchObject({ kind: "ok", output: "1024\n", assertions: 1 });
  await editor.sendRequest("rstar/models/unload", {});
  const status = REQUESTS.status.result.parse(await editor.sendRequest("rstar/status", {}));
  expect(status.state).toBe("unloaded");
});

it("a kill in the middle of a solve costs nothing: the next server goes on with the search", async () => {
  const problem = { kind: "index", index: 2 } as const;
  const before = document.getText();
  // Goes on until its tokens are spent, however well its candidates agree.
  const overrides = { strategy: "best-of-n", budgetTokens: 20_000 };
  let ended: unknown = null;
  editor.sendRequest("rstar/solve", { uri: URI, problem, overrides }).then(
    (outcome) => (ended = outcome),
    () => undefined,
  );
  const running = path.join(home, "traces", "running");
  const written = (): string[] =>
    existsSync(running) ? readdirSync(running).filter((name) => name.endsWith(".json")) : [];
  await until(() => ended !== null || written().length > 0);
  expect(ended).toBeNull();
  const exited = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await exited;
  editor.dispose();
  expect(document.getText()).toBe(before);

  await start();
  const listed = REQUESTS.problems.result.parse(await editor.sendRequest("rstar/problems", { uri: URI }));
  const killed = listed.problems[1];
  // Unsolved, or with an answer by then that is only kept.
  expect(killed?.state).toMatch(/^(unsolved|kept)$/u);
  expect(killed?.resumable).toBe(true);
  const outcome = REQUESTS.resume.result.parse(
    await editor.sendRequest("rstar/resume", {
      traceId: killed?.traceId,
      place: { uri: URI, problem },
      overrides: { budgetTokens: 800 },
    }),
  );
  expect(outcome).toMatchObject({ kind: "solved", inserted: true });
  expect(readdirSync(running)).toEqual([]);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}
