/** What a document, a program or a server says is shown by the terminal and never obeyed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgress } from "../../../server/cli/progress.ts";
import { printable } from "../../../server/cli/printable.ts";
import { renderResult } from "../../../server/cli/render.ts";
import { solveCommand } from "../../../server/cli/solve.ts";
import { treeText } from "../../../server/cli/trace-text.ts";
import { verifyCommand } from "../../../server/cli/verify.ts";
import type { Runtime } from "../../../server/compose.ts";
import type { Trace } from "../../../server/protocol/trace.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { solve } from "../../../server/search/solve.ts";
import { toSolution } from "../../../server/solutions.ts";
import { createTraceStore } from "../../../server/traces/store.ts";
import {
  configOf,
  fakeServices,
  scriptedPolicy,
  STAMP,
  textGrader,
  wordSandbox,
} from "../../support/fakes.ts";

let home = "";
const traceFile = (): string => path.join(home, "traces.jsonl");
const policy = scriptedPolicy(() => ({ text: "# Add.\nprint(2)", stop: MARK.endOfCode }));

vi.mock("../../../server/compose.ts", () => ({
  defaultTraceFile: () => traceFile(),
  openPython: () => ({ sandbox: wordSandbox(), grader: textGrader, dispose: () => Promise.resolve() }),
  openRuntime: (_options: object, _signal: AbortSignal, { say }: { say: (line: string) => void }) => {
    say(EVIL);
    const runtime = { services: fakeServices(policy), dispose: () => Promise.resolve() } as Partial<Runtime>;
    return Promise.resolve({ kind: "ready", runtime });
  },
}));

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "rstar-printable-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(home, { recursive: true, force: true });
});

/** What is printed, to either stream, while the work is done. */
async function printed(work: () => Promise<unknown>): Promise<string> {
  let text = "";
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
  await work();
  return text;
}

/** Sets the clipboard, then the title, goes back to the line's beginning, and turns the direction of writing. */
const EVIL = "\u001b]52;c;ZXZpbA==\u0007\u009d0;title\u009c\rover\u202e\u2066\u007f\u0000";
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u;

test("controls and marks of direction are replaced, line breaks, tabs and all else kept", () => {
  expect(printable(EVIL)).toBe("�]52;c;ZXZpbA==��0;title��over����");
  expect(printable("a\tb\n  π ≈ 3 ‏שלום‏ 👩‍🚀\n")).toBe("a\tb\n  π ≈ 3 ‏שלום‏ 👩‍🚀\n");
  expect(printable("a\r\nb\rc")).toBe("a\nb�c");
});

/** A search that found an answer, with other texts in place of what was written in it. */
async function evilTrace(): Promise<Trace> {
  const trace = await solve(
    { id: "p", text: `What is ${EVIL}?`, reference: null },
    configOf({ strategy: "greedy" }),
    fakeServices(policy),
    STAMP,
    new AbortController().signal,
  );
  const nodes = trace.nodes.map((node) => ({
    ...node,
    ...{ reason: EVIL, code: `# ${EVIL}\n${EVIL}`, output: `${EVIL}\n` },
    ...{ answer: node.answer === null ? null : EVIL, value: EVIL },
  }));
  const votes = trace.votes.map((vote) => ({ ...vote, answer: EVIL }));
  return { ...trace, nodes, votes, failure: EVIL };
}

test.each([
  ["a result", (trace: Trace) => renderResult(EVIL, toSolution(trace, "p"), trace, (_style, text) => text)],
  [
    "a result without an answer",
    (trace: Trace) =>
      renderResult(EVIL, { ...toSolution(trace, "p"), answer: null }, trace, (_style, text) => text),
  ],
  ["a tree", treeText],
])("%s has none of them", async (_what, textOf) => {
  const trace = await evilTrace();
  expect(trace.chosen).not.toBeNull();
  const text = textOf(trace);
  expect(text).toContain("�]52;c;");
  expect(text).not.toMatch(OBEYED);
});

test("the colours that are ours are kept", async () => {
  const trace = await evilTrace();
  const painted = renderResult("1.", toSolution(trace, "p"), trace, (_style, text) => `\u001b[1m${text}`);
  expect(painted).toContain("\u001b[1m1.");
});

test("progress tells an answer without them", () => {
  const stream = new PassThrough();
  const progress = { candidates: 1, rejected: 0, trajectories: 1, best: { answer: EVIL, support: 1 } };
  createProgress(stream as unknown as NodeJS.WriteStream).show(1, {
    ...{ kind: "finished", progress },
  } as unknown as Parameters<ReturnType<typeof createProgress>["show"]>[1]);
  expect(String(stream.read())).toMatch(/best �\]52/u);
});

test("`rstar solve` shows a document without them", async () => {
  const file = path.join(home, "notes.md");
  writeFileSync(file, `# Problem 1: ${EVIL.replaceAll(/[\r\0]/gu, "")}\n\nWhat is 1 + 1?\n`);
  const text = await printed(() => solveCommand().parseAsync([file], { from: "user" }));
  expect(text).toMatch(/1\. .*�\]52;c;/u);
  expect(text).toContain("Answer 2");
  expect(text).not.toMatch(OBEYED);
});

test("`rstar verify` tells what a stored step printed without them", async () => {
  const trace = await evilTrace();
  await createTraceStore(traceFile()).append(trace);
  const text = await printed(() => verifyCommand().parseAsync(["--trace", trace.id], { from: "user" }));
  expect(text).toContain("stored «�]52;c;");
  expect(text).not.toMatch(OBEYED);
});
