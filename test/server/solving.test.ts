import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { CodeLens } from "vscode-languageserver/node";
import { describe, expect, it } from "vitest";
import { statementHash } from "../../server/document/problems.ts";
import { Trace } from "../../server/protocol/trace.ts";
import { solve } from "../../server/search/solve.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../support/fakes.ts";
import type { TestClient } from "./client.ts";
import { ANSWER, FIRST, gated, multiply, SECOND, TEXT, until, URI, scriptedClients } from "./scripts.ts";

const client = scriptedClients();

describe("solving", () => {
  it("inserts the solution below its problem as one edit, and stores the search", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome).toMatchObject({ kind: "solved", answer: "42", inserted: true });
    expect(editor.applied).toHaveLength(1);
    expect(editor.text(URI)).toContain(ANSWER);
    expect(editor.text(URI).indexOf(ANSWER)).toBeLessThan(editor.text(URI).indexOf("## Problem 2"));
    const { traces } = await editor.traces.store.query();
    expect(traces.map(({ id, problem }) => [id, problem.source])).toEqual([["t-1", "a.md#1"]]);
    const [one, two] = await editor.problems(URI);
    expect(one).toMatchObject({ state: "solved", answer: "42", traceId: "t-1", title: "What is 6 times 7?" });
    expect(one?.steps).toHaveLength(2);
    expect(two).toMatchObject({ state: "unsolved" });
  });

  it("tells every event of the search, and its progress in words", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    await editor.ask("solve", { ...FIRST, partialResultToken: "p", workDoneToken: "w" });
    await until(() => editor.news.some(({ events }) => events.some(({ kind }) => kind === "finished")));
    const events = editor.news.flatMap((news) => news.events);
    expect(events[0]?.kind).toBe("started");
    // The first thing to be seen is a candidate while it is written.
    expect(events[1]).toMatchObject({ kind: "draft", parent: 0, draft: 0 });
    const trace = (await editor.traces.store.query()).traces[0];
    const told = new Set(events.flatMap((event) => (event.kind === "candidate" ? [event.node.id] : [])));
    expect(told.size).toBe((trace?.nodes.length ?? 0) - 1);
    expect(editor.progress.some((line) => /of about \d+ trajectories/u.test(line))).toBe(true);
  });

  it("keeps what the person typed meanwhile, wherever the problem is then", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await editor.type(URI, 0, 0, "A line above.\n\n");
    await editor.type(URI, editor.text(URI).length, editor.text(URI).length, "A line below.\n");
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: true });
    const text = editor.text(URI);
    expect(text.startsWith("A line above.\n\n# Notes")).toBe(true);
    expect(text.endsWith("A line below.\n")).toBe(true);
    expect(text.indexOf(ANSWER)).toBeGreaterThan(text.indexOf("6 times 7"));
    expect(text.indexOf(ANSWER)).toBeLessThan(text.indexOf("6 times 8"));
  });

  it.each([
    ["a step that was corrected", "print(42)", "print(6 * 7)", false],
    ["a note that was added", "**Final answer:**", "A note of mine.\n\n**Final answer:**", true],
  ])("does not lose %s in the solution meanwhile", async (_what, before, after, inserted) => {
    const earlier = await client();
    await earlier.open(URI, TEXT);
    await earlier.ask("solve", FIRST);
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, earlier.text(URI));
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    const at = editor.text(URI).indexOf(before);
    expect(at).toBeGreaterThan(0);
    await editor.type(URI, at, at + before.length, after);
    gate.release();
    const outcome = await solving;
    expect(outcome).toMatchObject({ kind: "solved", inserted });
    expect(editor.text(URI)).toContain(inserted ? "A note of mine." : after);
    if (!inserted && "message" in outcome) expect(outcome.message).toContain("changed meanwhile, and stays");
  });

  it("puts the new solution where the old one was taken out meanwhile", async () => {
    const earlier = await client();
    await earlier.open(URI, TEXT);
    await earlier.ask("solve", FIRST);
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, earlier.text(URI));
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await editor.type(URI, 0, editor.text(URI).length, TEXT);
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.text(URI)).toContain(ANSWER);
  });

  it("plans the edit anew when a keystroke was faster", async () => {
    let raced = false;
    const editor: TestClient = await client({
      acceptEdit: () => {
        if (raced) return true;
        raced = true;
        void editor.type(URI, 0, 0, "Typed in between.\n\n");
        return false;
      },
    });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.text(URI).startsWith("Typed in between.\n\n# Notes")).toBe(true);
    expect(editor.text(URI)).toContain(ANSWER);
  });

  it.each([
    ["closed", (editor: TestClient) => editor.close(URI), "no longer open"],
    [
      "changed in the problem itself",
      (editor: TestClient) => editor.type(URI, TEXT.indexOf("6 times 7"), TEXT.indexOf("6 times 7") + 1, "5"),
      "changed or removed",
    ],
  ])("keeps the solution when the file is %s during the solve", async (_how, act, words) => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await act(editor);
    const before = editor.text(URI);
    gate.release();
    const outcome = await solving;
    expect(outcome).toMatchObject({ kind: "solved", answer: "42", inserted: false });
    expect("message" in outcome ? outcome.message : "").toContain(words);
    expect(editor.text(URI)).toBe(before);
    expect((await editor.traces.store.query()).traces).toHaveLength(1);
    // And it can be inserted where the problem stands as it was.
    if (before === "") await editor.open(URI, TEXT);
    else await editor.open("file:///notes/copy.md", TEXT);
    expect(await editor.ask("insertSolution", { traceId: "t-1" })).toMatchObject({ kind: "done" });
  });

  it("finds the problem of an unsaved text again in the file that it was saved as", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    const unsaved = { ...FIRST, uri: "untitled:Untitled-1" };
    await editor.open(unsaved.uri, TEXT);
    const solving = editor.ask("solve", unsaved);
    await until(() => gate.waiting() > 0);
    await editor.close(unsaved.uri);
    await editor.open(URI, TEXT);
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: false });
    expect(await editor.ask("insertSolution", { traceId: "t-1", place: unsaved })).toMatchObject({
      kind: "done",
    });
    expect(editor.text(URI)).toContain(ANSWER);
    const onward = await editor.ask("resume", { traceId: "t-1", place: unsaved });
    expect(onward).toMatchObject({ kind: "solved", inserted: true });
  });

  it("keeps the solution when the file is read-only", async () => {
    const editor = await client({ acceptEdit: () => false });
    await editor.open(URI, TEXT);
    const outcome = await editor.ask("solve", FIRST);
    expect(outcome).toMatchObject({ kind: "solved", inserted: false });
    expect("message" in outcome ? outcome.message : "").toMatch(/read-only.*kept as t-1/u);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "kept", answer: "42", traceId: "t-1" });
  });

  it("keeps the solution when the file must not be written, whatever the editor would do", async () => {
    const editor = await client();
    const file = path.join(editor.home, "locked.md");
    writeFileSync(file, TEXT, { mode: 0o444 });
    const uri = pathToFileURL(file).href;
    await editor.open(uri, TEXT);
    const outcome = await editor.ask("solve", { ...FIRST, uri });
    expect(outcome).toMatchObject({ kind: "solved", inserted: false });
    expect("message" in outcome && outcome.message).toMatch(/read-only.*kept as t-1/u);
    expect(editor.applied).toEqual([]);
  });

  it.each([
    ["file", URI, "file:///notes/b.md", "file:///notes/b.md"],
    ["folder", "file:///notes", "file:///books", URI.replace("notes", "books")],
  ])("follows a %s that is renamed", async (_what, oldUri, newUri, renamed) => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    await editor.connection.sendNotification("workspace/didRenameFiles", { files: [{ oldUri, newUri }] });
    await editor.close(URI);
    await editor.open(renamed, TEXT);
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: true });
    expect(editor.text(renamed)).toContain(ANSWER);
  });

  it("solves the text that was selected, also when what stands above it grew before it could begin", async () => {
    const editor = await client();
    const text = "Just words.\n\nI wonder: what is 6 times 7?\n\nMore words.\n";
    const selected = "I wonder: what is 6 times 7?";
    const range = { start: { line: 2, character: 0 }, end: { line: 2, character: 28 } };
    const problem = { kind: "selection" as const, range, text: selected };
    await editor.open(URI, text);
    await editor.type(URI, 0, 0, "Typed meanwhile.\n\n");
    expect(await editor.ask("solve", { uri: URI, problem })).toMatchObject({
      kind: "solved",
      inserted: true,
    });
    expect(editor.text(URI).indexOf(ANSWER)).toBeGreaterThan(editor.text(URI).indexOf(selected));
    const gone = { ...problem, text: "What is 1 + 1?" };
    expect(await editor.ask("solve", { uri: URI, problem: gone })).toMatchObject({
      kind: "not-started",
      message: expect.stringContaining("select it again") as string,
    });
  });

  it("solves a selection that is no problem by its form, and finds its text again", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    const text = "Just words.\n\nI wonder: what is 6 times 7?\n\nMore words.\n";
    await editor.open(URI, text);
    const range = { start: { line: 2, character: 0 }, end: { line: 2, character: 28 } };
    const solving = editor.ask("solve", { uri: URI, problem: { kind: "selection", range } });
    await until(() => gate.waiting() > 0);
    await editor.type(URI, 0, 0, "New FIRST line.\n\n");
    gate.release();
    expect(await solving).toMatchObject({ kind: "solved", inserted: true });
    const lines = editor.text(URI).split("\n");
    expect(lines.findIndex((line) => line.includes("Final answer"))).toBeGreaterThan(
      lines.indexOf("I wonder: what is 6 times 7?"),
    );
    expect(lines.indexOf("More words.")).toBeGreaterThan(
      lines.findIndex((line) => line.includes("Final answer")),
    );
  });

  it("begins one search of a problem that is asked for twice at once", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    const outcomes = await Promise.all([editor.ask("solve", FIRST), editor.ask("solve", FIRST)]);
    expect(outcomes).toMatchObject([{ kind: "solved" }, { kind: "not-started", reason: "busy" }]);
  });

  it("says what is in the way, and changes nothing", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    const refused = [
      await editor.ask("solve", { uri: "file:///other.md", problem: { kind: "index", index: 1 } }),
      await editor.ask("solve", { uri: URI, problem: { kind: "index", index: 9 } }),
      await editor.ask("solve", { uri: URI, problem: { kind: "hash", hash: "0".repeat(64) } }),
      await editor.ask("resume", { traceId: "unknown" }),
    ];
    expect(refused.map((outcome) => outcome.kind === "not-started" && outcome.reason)).toEqual([
      "no-problem",
      "no-problem",
      "no-problem",
      "no-trace",
    ]);
    expect(editor.text(URI)).toBe(TEXT);
    await expect(editor.connection.sendRequest("rstar/solve", { uri: 7 })).rejects.toThrow(/rstar\/solve/u);
  });

  it("runs nothing in a workspace that is not trusted, until it is", async () => {
    const editor = await client({ initializationOptions: { trusted: false } });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "not-started", reason: "untrusted" });
    expect(await editor.ask("verify", { uri: URI })).toMatchObject({ kind: "not-done" });
    expect(await editor.ask("verifyStep", { step: "print(1)" })).toMatchObject({ kind: "not-started" });
    await editor.connection.sendNotification("rstar/didGrantTrust", {});
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved" });
  });

  it("runs nothing where the client's options, which say whether it is trusted, are not usable, and tells so", async () => {
    const editor = await client({ initializationOptions: { trusted: "yes", commands: "client" } });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "not-started", reason: "untrusted" });
    expect(editor.messages).toEqual([expect.stringMatching(/initialization options are not usable/u)]);
    await editor.connection.sendNotification("rstar/didGrantTrust", {});
    expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved" });
  });

  it("names the model that has to be downloaded", async () => {
    const editor = await client({
      editor: {
        openRuntime: () =>
          Promise.resolve({
            kind: "failed",
            message: "The model m is not on this machine.",
            missing: { id: "m", bytes: 5 },
          }),
      },
    });
    await editor.open(URI, TEXT);
    expect(await editor.ask("solve", FIRST)).toMatchObject({
      kind: "not-started",
      reason: "model-missing",
      model: { id: "m", bytes: 5 },
    });
  });
});

describe("stopping and going on", () => {
  it("stops a search by its trace, keeps what there is, and resumes it", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "searching", traceId: "t-1" });
    expect(await editor.ask("cancel", { traceId: "t-1" })).toEqual({ stopped: true });
    expect(await solving).toMatchObject({ kind: "cancelled", traceId: "t-1", best: null });
    expect(editor.text(URI)).toBe(TEXT);
    expect((await editor.problems(URI))[0]).toMatchObject({ traceId: "t-1", resumable: true });
    gate.release();
    const outcome = await editor.ask("resume", { traceId: "t-1", place: FIRST });
    expect(outcome).toMatchObject({ kind: "solved", traceId: "t-2", inserted: true });
    expect((await editor.traces.store.query({ id: "t-2" })).traces[0]?.continues).toBe("t-1");
  });

  it("offers what was stopped, not the older solution in the text", async () => {
    const first = await client();
    await first.open(URI, TEXT);
    await first.ask("solve", FIRST);
    const gate = gated(multiply, 1);
    const editor = await client({
      services: fakeServices(gate.policy),
      settings: { search: { settleConfidence: 1 } },
      initializationOptions: { commands: "client" },
      home: first.home,
      editor: { newTraceId: () => "newer" },
    });
    await editor.open(URI, first.text(URI).replace("6 times 7?", "6 times 7, in words?"));
    const solving = editor.ask("solve", FIRST);
    await until(() => gate.waiting() > 0);
    expect((await editor.problems(URI))[0]).toMatchObject({ traceId: "newer", storedTraceId: null });
    await editor.ask("cancel", { traceId: "newer" });
    expect(await solving).toMatchObject({ kind: "cancelled", best: { answer: "42" } });
    expect((await editor.problems(URI))[0]).toMatchObject({
      ...{ state: "stale", traceId: "t-1", storedTraceId: "newer", resumable: true },
      // There is more to find than its best answer so far.
      storedAnswer: null,
    });
    const lenses: CodeLens[] = await editor.connection.sendRequest("textDocument/codeLens", {
      textDocument: { uri: URI },
    });
    const offered = lenses.flatMap(({ command }) => {
      const of = command?.arguments?.[0] as { readonly traceId?: string };
      return of.traceId === "newer" ? [command] : [];
    });
    expect(offered.map((command) => command?.title)).toEqual(["Insert 42", "Resume"]);
    expect(await editor.ask("insertSolution", { traceId: "newer", place: FIRST })).toMatchObject({
      kind: "done",
    });
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "solved", traceId: "newer" });
  });

  it("stops by the request's own cancellation", async () => {
    const gate = gated(multiply);
    const editor = await client({ services: fakeServices(gate.policy) });
    await editor.open(URI, TEXT);
    const { CancellationTokenSource } = await import("vscode-languageserver/node");
    const source = new CancellationTokenSource();
    const solving = editor.connection.sendRequest("rstar/solve", FIRST, source.token);
    await until(() => gate.waiting() > 0);
    source.cancel();
    expect(await solving).toMatchObject({ kind: "cancelled" });
  });

  it("stops all, those that wait too, and starts none of them", async () => {
    const gate = gated(multiply);
    const editor = await client({
      services: fakeServices(gate.policy),
      settings: { search: { concurrentProblems: 1 } },
    });
    await editor.open(URI, TEXT);
    const both = [editor.ask("solve", FIRST), editor.ask("solve", SECOND)];
    await until(
      async () => (await editor.problems(URI)).some(({ state }) => state === "queued") && gate.waiting() > 0,
    );
    expect(await editor.ask("status", {})).toMatchObject({
      searching: 1,
      queued: 1,
      backend: "a script",
      model: "scripted",
    });
    expect(await editor.ask("stopAll", {})).toEqual({ stopped: 2 });
    expect((await Promise.all(both)).map(({ kind }) => kind)).toEqual(["cancelled", "cancelled"]);
    expect(gate.waiting()).toBe(1);
    expect(await editor.ask("status", {})).toMatchObject({ searching: 0, queued: 0 });
  });

  it("keeps the search of a server that was killed, for the next one to resume", async () => {
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    const trace = await solve(
      { id: statementHash("What is 6 times 7?"), text: "What is 6 times 7?", reference: null },
      configOf({ budgetTokens: 40, strategy: "self-consistency" }),
      fakeServices(scriptedPolicy(multiply)),
      { ...STAMP, id: "killed" },
      new AbortController().signal,
    );
    const editor = await client();
    mkdirSync(path.join(editor.home, "running"), { recursive: true });
    writeFileSync(
      path.join(editor.home, "running", `killed.${gone}.json`),
      JSON.stringify({ ...trace, stop: "cancelled" }),
    );
    await editor.open(URI, TEXT);
    expect((await editor.problems(URI))[0]).toMatchObject({ traceId: "killed", resumable: true });
    await until(() => editor.messages.some((message) => message.includes("Resume")));
    expect(await editor.ask("resume", { traceId: "killed", place: FIRST })).toMatchObject({
      kind: "solved",
      inserted: true,
    });
    expect(readdirSync(path.join(editor.home, "running"))).toEqual([]);
  });

  it("writes a search down as soon as it has candidates, so that a kill leaves them behind", async () => {
    const gate = gated(multiply, 1);
    const editor = await client({
      services: fakeServices(gate.policy),
      settings: { search: { settleConfidence: 1 } },
    });
    await editor.open(URI, TEXT);
    const solving = editor.ask("solve", FIRST);
    const folder = path.join(editor.home, "running");
    await until(() => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")));
    const [name = ""] = readdirSync(folder);
    const written = Trace.parse(JSON.parse(readFileSync(path.join(folder, name), "utf8")));
    expect(written).toMatchObject({ id: "t-1", stop: "cancelled" });
    expect(written.nodes.filter(({ kind }) => kind === "step").length).toBeGreaterThan(1);
    gate.release();
    await solving;
    expect(readdirSync(folder)).toEqual([]);
  });
});
