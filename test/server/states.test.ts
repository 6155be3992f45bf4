/** What is said of a problem beside its solution: whether it is the given answer, which search goes on, what is in the way. */
import { DiagnosticSeverity, type CodeLens } from "vscode-languageserver/node";
import { expect, describe, it } from "vitest";
import { summarise } from "../../server/protocol/trace.ts";
import { MARK } from "../../server/search/grammar.ts";
import { fakeServices, scriptedPolicy } from "../support/fakes.ts";
import type { TestClient } from "./client.ts";
import { ANSWER, FIRST, multiply, scriptedClients, TEXT, until, URI } from "./scripts.ts";

const client = scriptedClients();

const GIVEN = TEXT.replace("6 times 7?", "6 times 7?\n\nAnswer: 41");

async function write(editor: TestClient, old: string, now: string): Promise<void> {
  const at = editor.text(URI).indexOf(old);
  await editor.type(URI, at, at + old.length, now);
}

function differing(editor: TestClient): unknown[] {
  return (editor.diagnostics.get(URI) ?? []).filter(({ code }) => code === "answer-differs");
}

describe("an answer that is not the given one", () => {
  it("is said in the outcome, the list and a diagnostic, until the given one is corrected", async () => {
    const editor = await client();
    await editor.open(URI, GIVEN);
    expect(await editor.ask("solve", FIRST)).toMatchObject({
      message: expect.stringMatching(
        /^Problem 1: 42 \(\d of \d agree\), differs from the given answer 41\. The solution is below/u,
      ) as string,
    });
    expect((await editor.problems(URI))[0]).toMatchObject({
      ...{ state: "solved", differs: true, detail: "solved: 42, differs from the given answer 41" },
    });
    await until(() => differing(editor).length > 0);
    const start = editor.position(URI, "41");
    expect(differing(editor)).toMatchObject([
      {
        ...{ severity: DiagnosticSeverity.Information, range: { start } },
        message: "The solution's answer 42 differs from the given answer 41.",
      },
    ]);
    await write(editor, "Answer: 41", "Answer: 42");
    expect((await editor.problems(URI))[0]).toMatchObject({ differs: false, detail: "solved: 42" });
    await until(() => differing(editor).length === 0);
  });

  it("is noticed where the answer was given after the solve, and not of another text of the problem", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    await write(editor, "6 times 7?", "6 times 7?\n\nAnswer: 40");
    expect((await editor.problems(URI))[0]).toMatchObject({ differs: true });
    await write(editor, "6 times 7?", "5 times 8?");
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "stale", differs: false });
  });

  it("is said of a solution that is only kept", async () => {
    const editor = await client({ settings: { display: { solutionPlacement: "store" } } });
    await editor.open(URI, GIVEN);
    await editor.ask("solve", FIRST);
    expect((await editor.problems(URI))[0]).toMatchObject({
      ...{ state: "kept", differs: true, storedAnswer: "42" },
      detail: "kept: 42, not in the document, differs from the given answer 41",
    });
  });

  it.each(["document", "store"])(
    "is known of formulas as the search compared them, with that very answer (%s)",
    async (solutionPlacement) => {
      const policy = scriptedPolicy(() => ({
        text: "# Step 1: Halve it.\nprint(x/2)",
        stop: MARK.endOfCode,
      }));
      const settings = { display: { solutionPlacement } };
      const editor = await client({ services: fakeServices(policy), settings });
      await editor.open(URI, GIVEN.replace("41", "x/3"));
      expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", answer: "x/2" });
      expect((await editor.problems(URI))[0]).toMatchObject({ differs: true });
      await write(editor, "Answer: x/3", "Answer: 2x/4");
      expect((await editor.problems(URI))[0]).toMatchObject({ differs: false });
    },
  );
});

describe("after a comparison of strategies", () => {
  /** Which trace each lens of the first problem is about. */
  async function lenses(editor: TestClient): Promise<unknown[]> {
    const found: CodeLens[] = await editor.connection.sendRequest("textDocument/codeLens", {
      textDocument: { uri: URI },
    });
    return found.flatMap(({ command }) => {
      const of = command?.arguments?.[0] as { readonly traceId?: string };
      return of.traceId === undefined ? [] : [[command?.title, of.traceId]];
    });
  }

  it("the search of the solution in the text goes on, unless a newer one was cut short", async () => {
    const inner = scriptedPolicy(multiply);
    let holds = false;
    const editor = await client({
      services: fakeServices({
        ...inner,
        propose: (requests, signal) =>
          holds
            ? new Promise((_resolve, reject) => {
                signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
              })
            : inner.propose(requests, signal),
      }),
    });
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    await editor.ask("solve", { ...FIRST, overrides: { strategy: "greedy" }, insert: false });
    expect(await lenses(editor)).toEqual([["Search On", "t-1"]]);
    expect((await editor.problems(URI))[0]).toMatchObject({ storedTraceId: "t-1", resumable: false });
    holds = true;
    const solving = editor.ask("solve", { ...FIRST, overrides: { strategy: "mcts" }, insert: false });
    await until(async () => (await editor.problems(URI))[0]?.state === "searching");
    await editor.ask("cancel", { traceId: "t-3" });
    expect(await solving).toMatchObject({ kind: "cancelled" });
    expect(await lenses(editor)).toEqual([["Resume", "t-3"]]);
  });

  it("the solution of any of them takes the place of the one in the document by one edit", async () => {
    const editor = await client();
    await editor.open(URI, TEXT);
    await editor.ask("solve", FIRST);
    await editor.ask("solve", { ...FIRST, overrides: { strategy: "self-consistency" }, insert: false });
    const before = editor.applied.length;
    expect(await editor.ask("insertSolution", { traceId: "t-2", place: FIRST })).toMatchObject({
      kind: "done",
    });
    expect(editor.applied).toHaveLength(before + 1);
    expect(editor.text(URI).split("**Final answer:**")).toHaveLength(2);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "solved", traceId: "t-2" });
  });
});

describe("after a comparison of strategies, of which one found nothing", () => {
  /** The first search is what `multiply` makes of it; every later one fails at its first step. */
  async function compared(): Promise<TestClient> {
    let searches = 0;
    const editor = await client({
      services: fakeServices(
        scriptedPolicy((...asked) =>
          searches > 1 ? { text: "# Step 1: Fail.\nraise", stop: MARK.endOfCode } : multiply(...asked),
        ),
      ),
      editor: { newTraceId: () => `t-${++searches}` },
    });
    await editor.open(URI, TEXT);
    for (const strategy of ["self-consistency", "greedy"] as const)
      await editor.ask("solve", { ...FIRST, overrides: { strategy }, insert: false });
    return editor;
  }

  it("the newest answer is what is kept, shown and inserted", async () => {
    const editor = await compared();
    expect((await editor.traces.store.read(summarise)).traces.map(({ answer }) => answer)).toEqual([
      "42",
      null,
    ]);
    expect((await editor.problems(URI))[0]).toMatchObject({
      ...{ state: "kept", answer: "42", traceId: "t-1", storedTraceId: "t-1", storedAnswer: "42" },
    });
    expect(await editor.ask("insertAllSolutions", { uri: URI })).toMatchObject({ kind: "done" });
    expect(editor.text(URI)).toContain(ANSWER);
  });

  it("and in another process, which reads the store, too", async () => {
    const { home } = await compared();
    const editor = await client({ home });
    await editor.open(URI, TEXT);
    expect((await editor.problems(URI))[0]).toMatchObject({ state: "kept", storedTraceId: "t-1" });
  });
});

it("a step that fails accuses no step after it, which never ran", async () => {
  const editor = await client();
  await editor.open(URI, TEXT);
  await editor.ask("solve", FIRST);
  await write(editor, "a = 6", "raise");
  expect(await editor.ask("verify", FIRST)).toMatchObject({
    solutions: [{ steps: [{ kind: "fails" }], answer: "not-checked", holds: false }],
  });
  await until(() => (editor.diagnostics.get(URI) ?? []).length > 0);
  expect(editor.diagnostics.get(URI)?.map(({ code }) => code)).toEqual(["step-no-longer-checks"]);
});

it("problems are listed without a store that cannot be read, which is told once", async () => {
  let isAway = true;
  const editor: TestClient = await client({
    editor: {
      traces: () =>
        isAway ? Promise.reject(new Error("EACCES: permission denied")) : Promise.resolve(editor.traces),
    },
  });
  await editor.open(URI, TEXT);
  const states = async (): Promise<string[]> => (await editor.problems(URI)).map(({ state }) => state);
  expect(await states()).toEqual(["unsolved", "unsolved"]);
  expect(await states()).toEqual(["unsolved", "unsolved"]);
  expect(editor.messages).toEqual([expect.stringContaining("EACCES") as string]);
  isAway = false;
  await states();
  expect(editor.messages).toHaveLength(1);
});

it("what is asked right after a change of settings is done with the new ones", async () => {
  const settings = { display: { solutionPlacement: "document" } };
  const editor = await client({ settings });
  await editor.open(URI, TEXT);
  settings.display.solutionPlacement = "store";
  void editor.connection.sendNotification("workspace/didChangeConfiguration", { settings: null });
  expect(await editor.ask("solve", FIRST)).toMatchObject({ kind: "solved", inserted: false });
});
