/** Solve All: what is asked of the server for each problem, and what the person is told of all of them together. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../../../server/protocol/commands.ts";
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";
import type { ProblemPlace } from "../../../server/protocol/places.ts";
import type { SolveOutcome } from "../../../server/protocol/solving.ts";
import { HANDLERS } from "../../../src/commands.ts";
import type { Parts } from "../../../src/parts.ts";
import { executed, person, shown, Uri } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";
import { listedProblem } from "./listed-problem.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

const URI = "file:///notes/a.md";

const placeOf = (index: number, hash = `h${index}`): ProblemPlace => ({
  uri: URI,
  problem: { kind: "hash", hash, index },
});

const KEPT = { state: "kept", traceId: "k", storedTraceId: "k", storedAnswer: "42" } as const;
const MISSING: SolveOutcome = {
  ...{ kind: "not-started", reason: "model-missing", message: "The model is not here." },
  model: { id: "m", bytes: 5 },
};

/** The server's list; what is solved or inserted is solved in it from then on. */
let problems: ListedProblem[] = [];
/** What the searches of problems come to that are not solved, by index. */
let outcomes: Record<number, SolveOutcome | null> = {};
let sent: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
let tallies: (string | null)[] = [];

function indexOf(asked: Readonly<Record<string, unknown>>): number {
  const { problem: of } = (asked["place"] ?? asked) as ProblemPlace;
  return of.kind === "hash" ? (of.index ?? 0) : 0;
}

/** Of each request that is sent: its name, and the place and trace that it names. */
const ask = (name: string, params: unknown): Promise<unknown> => {
  if (name === "models") return Promise.resolve(MODELS);
  const asked = params as Record<string, unknown>;
  sent.push([name, asked]);
  const index = indexOf(asked);
  const outcome = outcomes[index];
  if (outcome !== undefined) return Promise.resolve(outcome);
  problems = problems.map((one) => (one.index === index ? { ...one, state: "solved" } : one));
  return Promise.resolve(
    name === "insertSolution"
      ? { kind: "done", message: "" }
      : {
          ...{ kind: "solved", traceId: `t${index}`, message: `Problem ${index}: 42.`, answer: "42" },
          ...{ support: 1, trajectories: 1, inserted: true },
        },
  );
};
const MODELS = {
  models: [
    {
      ...{ id: "m", role: "policy", name: "M", description: "", license: null, installed: true, bytes: 1 },
      ...{ estimate: { memoryBytes: 1, fits: true, tokensPerSecond: null, basis: "" }, bytesToDownload: 0 },
    },
  ],
  ...{ problem: null, policy: "m", ppm: null, unnamed: { policy: "m", ppm: null } },
};
const list = () => Promise.resolve(problems);
const parts = {
  server: { ask, askAtLength: ask, hasFailed: false },
  lists: { refresh: list, read: list, known: () => problems },
  status: {
    during: (work: (report: () => void) => unknown) => work(() => undefined),
    tally: (_of: object, text: string | null) => tallies.push(text),
  },
} as unknown as Parts;

const solveAll = async (): Promise<void> => {
  await HANDLERS["rstarMath.solveAllProblems"]?.(parts, Uri.parse(URI));
};
const messages = (): string[] => shown.map(({ text }) => text);
const configuration = vscode.workspace.getConfiguration;

beforeEach(() => {
  executed.length = shown.length = 0;
  person.presses = { button: undefined };
  person.picks = undefined;
  vscode.workspace.openTextDocument = () => Promise.resolve();
  vscode.workspace.getConfiguration = configuration;
  [problems, outcomes, sent, tallies] = [[], {}, [], []];
});

describe("each problem", () => {
  it("gets what it still needs, and none is solved again or replaced unasked", async () => {
    problems = [
      listedProblem(1),
      listedProblem(2, { storedTraceId: "cut", resumable: true }),
      listedProblem(3, KEPT),
      listedProblem(4, { ...KEPT, state: "stale", traceId: "older" }),
      listedProblem(5, { state: "damaged" }),
      listedProblem(6, { state: "broken" }),
      listedProblem(7, { state: "solved" }),
      // What was stopped has more to find than it had until then.
      listedProblem(8, { ...KEPT, storedAnswer: null, resumable: true }),
    ];
    await solveAll();
    expect(sent.toSorted(([, one], [, other]) => indexOf(one) - indexOf(other))).toEqual([
      ["solve", placeOf(1)],
      ["resume", { traceId: "cut", place: placeOf(2) }],
      ["insertSolution", { traceId: "k", place: placeOf(3) }],
      ["insertSolution", { traceId: "k", place: placeOf(4) }],
      ["resume", { traceId: "k", place: placeOf(8) }],
    ]);
  });

  it("is searched once where its text stands twice", async () => {
    problems = [listedProblem(1, { hash: "same" }), listedProblem(2, { hash: "same" }), listedProblem(3)];
    await solveAll();
    expect(sent).toEqual([
      ["solve", placeOf(1, "same")],
      ["solve", placeOf(3)],
      ["insertSolution", { traceId: "t1", place: placeOf(2, "same") }],
    ]);
    expect(messages()).toEqual([`${URI}: 3 solved`]);
  });

  it("is left as it is where its solution is kept and the settings want it so", async () => {
    vscode.workspace.getConfiguration = () => ({ ...configuration(), get: () => "store" });
    problems = [
      listedProblem(1, KEPT),
      listedProblem(2, { ...KEPT, differs: true }),
      listedProblem(3, { state: "broken" }),
    ];
    await solveAll();
    expect(sent).toEqual([]);
    expect(messages()).toEqual([
      "Nothing is left to solve here: 1 differing from the given answer, 1 kept in the store, 1 with a step that no longer checks. Solve Problem solves one again.",
    ]);
  });
});

describe("a file", () => {
  it("that no editor shows is opened again when VS Code closes it, as long as it is searched", async () => {
    problems = [listedProblem(1)];
    let end = (): void => undefined;
    const server = {
      ...{ ask, hasFailed: false },
      askAtLength: async (name: string, params: unknown) => {
        await new Promise<void>((resolve) => (end = resolve));
        return await ask(name, params);
      },
    };
    const opens = vi.fn(() => Promise.resolve());
    vscode.workspace.openTextDocument = opens;
    const uri = Uri.parse(URI);
    const close = async (): Promise<number> => {
      opens.mockClear();
      const solving = HANDLERS["rstarMath.solveAllProblems"]?.({ ...parts, server } as unknown as Parts, uri);
      await vi.waitFor(() => expect(opens).toHaveBeenCalledTimes(2));
      vscode.closed.fire({ uri: Uri.parse("file:///notes/b.md") });
      vscode.closed.fire({ uri });
      const count = opens.mock.calls.length;
      end();
      await solving;
      vscode.closed.fire({ uri });
      expect(opens).toHaveBeenCalledTimes(count);
      problems = [listedProblem(1)];
      return count - 2;
    };
    expect(await close()).toBe(1);
    // What a person closes stays closed.
    vscode.window.tabGroups.all = [{ tabs: [{ input: new vscode.TabInputText(uri) }] }];
    expect(await close()).toBe(0);
    vscode.window.tabGroups.all = [];
  });

  it("is solved with the others that are selected in the Explorer", async () => {
    problems = [listedProblem(1)];
    const read: string[] = [];
    const lists = {
      refresh: list,
      read: (uri: Uri) => {
        read.push(uri.toString());
        return list();
      },
    };
    const files = [URI, "file:///notes/b.md"].map((uri) => Uri.parse(uri));
    const several = { ...parts, lists } as unknown as Parts;
    await HANDLERS["rstarMath.solveAllProblems"]?.(several, files[1], files);
    await HANDLERS["rstarMath.solveAllProblems"]?.(several, files[1], [{ groupId: 1 }]);
    expect(read).toEqual([URI, "file:///notes/b.md", "file:///notes/b.md"]);
  });
});

describe("the person", () => {
  it("is told of all in one message, and meanwhile how far it is", async () => {
    problems = [
      listedProblem(1),
      listedProblem(2, { differs: true }),
      listedProblem(3),
      listedProblem(4),
      listedProblem(5),
    ];
    outcomes = {
      3: { kind: "unsolved", traceId: "t3", message: "No answer." },
      4: { kind: "failed", traceId: "t4", message: "Out of memory." },
      5: { kind: "cancelled", traceId: "t5", message: "Stopped.", best: null },
    };
    person.presses = { button: "Show Problems" };
    await solveAll();
    expect(messages()).toEqual([
      `${URI}: 1 solved, 1 differing from the given answer, 1 without an answer, 1 failed, 1 stopped`,
    ]);
    await vi.waitFor(() => expect(executed).toEqual([["rstarMath.problems.focus"]]));
    expect(tallies[0]).toBe("0 of 5");
    expect(tallies.slice(-2)).toEqual(["5 of 5, 1 differ", null]);
  });

  it("is told how long it takes by the pace of the searches, not by what is only inserted", async () => {
    problems = [listedProblem(1), listedProblem(2), listedProblem(3), listedProblem(4, KEPT)];
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    const gates = new Map<number, () => void>();
    const askAtLength = async (name: string, params: Readonly<Record<string, unknown>>): Promise<unknown> => {
      await new Promise<void>((resolve) => gates.set(indexOf(params), resolve));
      return await ask(name, params);
    };
    const server = { ask, askAtLength, hasFailed: false };
    const held = { ...parts, server } as unknown as Parts;
    const solving = HANDLERS["rstarMath.solveAllProblems"]?.(held, Uri.parse(URI));
    await vi.waitFor(() => expect(gates.size).toBe(3));
    await vi.waitFor(() => expect(tallies.at(-1)).toBe("1 of 4"));
    for (const [index, ms, told] of [
      [1, 90_000, "2 of 4 · about 3 min left"],
      [2, 120_000, "3 of 4 · about 60 s left"],
      [3, 130_000, null],
    ] as const) {
      clock.mockReturnValue(ms);
      gates.get(index)?.();
      await vi.waitFor(() => expect(tallies.at(-1)).toBe(told));
    }
    await solving;
    expect(tallies.slice(-2)).toEqual(["4 of 4", null]);
    clock.mockRestore();
  });

  it("is told once that searches were not stored, and which solutions are nowhere", async () => {
    problems = [listedProblem(1), listedProblem(2), listedProblem(3)];
    const message = "42. The search could not be stored.";
    const unstored = {
      ...({ kind: "solved", traceId: "t", message, unstored: true } as const),
      ...{ answer: "42", support: 1, trajectories: 1 },
    };
    outcomes = {
      1: { ...unstored, inserted: false },
      2: { ...unstored, inserted: false },
      3: { kind: "failed", traceId: "t3", message, unstored: true },
    };
    await solveAll();
    expect(messages()).toEqual([message, `${URI}: 2 solved but neither written nor stored, 1 failed`]);
  });

  it("is told once why searches do not start, and nothing more", async () => {
    problems = [listedProblem(1), listedProblem(2)];
    const untrusted = { kind: "not-started", reason: "untrusted", message: "Not trusted." } as const;
    outcomes = { 1: untrusted, 2: untrusted };
    await solveAll();
    expect(messages()).toEqual(["Not trusted."]);
  });

  it("is told that there is no problem only by a server that looked", async () => {
    await solveAll();
    expect(messages()).toEqual(["No problem was found in this file."]);
    shown.length = 0;
    await HANDLERS["rstarMath.solveAllProblems"]?.(
      { ...parts, server: { hasFailed: true } } as unknown as Parts,
      Uri.parse(URI),
    );
    expect(messages()).toEqual([]);
  });
});

describe("a model that is missing", () => {
  beforeEach(() => {
    person.presses = { button: "Select Model…" };
    problems = [listedProblem(1), listedProblem(2)];
    outcomes = { 1: MISSING, 2: MISSING };
    // The person picks another one, which is on this machine.
    person.picks = (items) => {
      outcomes = {};
      return items.find((item) => typeof item === "object" && item !== null && "model" in item);
    };
  });

  it("and another one is selected: all problems are solved with that", async () => {
    await solveAll();
    await vi.waitFor(() => expect(messages()).toEqual(["The model is not here.", `${URI}: 2 solved`]));
    expect(sent.map(([name]) => name)).toEqual(["solve", "solve", "solve", "solve"]);
  });

  it("and another one is selected: the problem is solved with that", async () => {
    await HANDLERS[COMMANDS.solve]?.(parts, placeOf(1));
    await vi.waitFor(() => expect(messages()).toEqual(["The model is not here.", "Problem 1: 42."]));
  });

  it("and none is selected: nothing is asked again", async () => {
    person.picks = undefined;
    await HANDLERS[COMMANDS.solve]?.(parts, placeOf(1));
    await vi.waitFor(() => expect(messages()).toEqual(["The model is not here."]));
    expect(sent).toHaveLength(1);
  });
});
