/** Which search the search view shows: one at a time, that of the person's choice or the newest, and of which problem. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { WebviewPanel } from "vscode";
import type { ListedProblem } from "../../../server/protocol/problem-list.ts";
import type { SearchNews } from "../../../server/protocol/solving.ts";
import type { Trace } from "../../../server/protocol/trace.ts";
import type { Parts } from "../../../src/parts.ts";
import type { ProblemItem } from "../../../src/places.ts";
import { sessionOf } from "../../../src/session.ts";
import { recorded } from "../../media/fixtures.ts";
import * as vscode from "./fake-vscode.ts";
import { listedProblem } from "./listed-problem.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));
const { SearchView } = await import("../../../src/search-view.ts");

const URI = "file:///notes.md";
const trace = recorded("mcts");
const hash = trace.problem.id;
const session = sessionOf({ uri: URI, problem: { hash, index: 2 }, traceId: null });
const line = (at: number) => ({ start: { line: at, character: 0 }, end: { line: at, character: 9 } });

/** The document's second problem; its text is that of the first one. Its solution is the trace "old". */
function problem(changes: Partial<ListedProblem> = {}): ListedProblem {
  return listedProblem(2, {
    ...{ hash, title: "Not divisible", state: "solved", answer: "266" },
    ...{ range: line(10), headingRange: line(10), solutionRange: line(20) },
    ...{ traceId: "old", storedTraceId: "old" },
    steps: [{ position: 0, range: line(21), q: 1, visits: 1, ppm: null, checks: null }],
    ...changes,
  });
}

type Ask = (name: string, params: Record<string, unknown>) => unknown;
let view: InstanceType<typeof SearchView>;
let asked: { readonly name: string; readonly params: Record<string, unknown> }[];
/** Stored traces, and running ones. */
let traces: Map<string, { readonly trace: Trace; readonly running: boolean }>;
let answer: Ask;
let news: vscode.EventEmitter<SearchNews>;
let serverState: vscode.EventEmitter<string>;
let listed: vscode.EventEmitter<unknown>;
let known: ListedProblem[];

const stored = (id: string, changes: Partial<Trace> = {}) =>
  traces.set(id, { trace: { ...trace, id, ...changes }, running: false });
const running = (id: string, nodes: number) =>
  traces.set(id, {
    trace: { ...trace, id, nodes: trace.nodes.slice(0, nodes), chosen: null },
    running: true,
  });
const posts = (kind: string) => vscode.page.posted.filter((message) => message.kind === kind);
const tell = (traceId: string, ...events: SearchNews["events"]) =>
  news.fire({ traceId, uri: URI, problemHash: hash, events, rate: null });
const candidate = (id: number): SearchNews["events"][number] => {
  const node = trace.nodes[id];
  if (node === undefined) throw new Error("the fixture has no such node");
  return { kind: "candidate", problemId: hash, node };
};
const started = { kind: "started", problemId: hash, strategy: "mcts", budget: 300 } as const;
const progress = {
  ...{ generatedTokens: 1, budget: 300, candidates: 1, rejected: 0 },
  ...{ trajectories: 0, started: 1, planned: 1, best: null },
};
const finished = { kind: "finished", problemId: hash, progress } as const;

/** Opens the panel and waits until everything was sent. */
async function show(target: Parameters<typeof view.show>[0]): Promise<void> {
  await view.show(target);
  vscode.page.received.fire({ kind: "ready" });
  await vi.waitFor(() => expect(posts("compare")).toHaveLength(1));
}
const item = { uri: vscode.Uri.parse(URI), problem: problem() } as unknown as ProblemItem;
const request = (message: object) => vscode.page.received.fire({ session, ...message });

beforeEach(() => {
  asked = [];
  traces = new Map();
  news = new vscode.EventEmitter();
  answer = (name, params) => {
    if (name === "traces") return { traces: [], unreadable: 0 };
    if (name !== "trace") return null;
    const found = traces.get(String(params["traceId"]));
    return found === undefined ? { kind: "missing", message: "gone" } : { kind: "trace", ...found };
  };
  const ask = async (name: string, params: Record<string, unknown>) => {
    asked.push({ name, params });
    return await Promise.resolve(answer(name, params));
  };
  serverState = new vscode.EventEmitter();
  listed = new vscode.EventEmitter();
  const onDidChangeState = serverState.event;
  const server = { ask, askAtLength: ask, log: { warn: vi.fn() }, onDidChangeState };
  known = [problem({ index: 1, traceId: null, steps: [], range: line(0) }), problem()];
  const lists = {
    known: () => known,
    refresh: () => Promise.resolve(known),
    read: () => Promise.resolve(known),
    at: () => known[1],
    onDidChange: listed.event,
  };
  const searches = { all: [], onNews: news.event, onDidChange: new vscode.EventEmitter().event };
  const status = { during: async (work: (report: () => void) => unknown) => await work(() => undefined) };
  const parts = { context: { extensionUri: vscode.Uri.parse("file:///extension") }, server, lists, searches };
  view = new SearchView(...(Object.values(parts) as unknown as ConstructorParameters<typeof SearchView>));
  view.actions = { ...parts, status, view } as unknown as Parts;
});
afterEach(() => view.dispose());

describe("while a search runs", () => {
  it("leaves an older trace alone that the person turned to", async () => {
    running("new", 3);
    stored("old");
    await show({ ...item, problem: problem({ traceId: "new", state: "searching" }) });
    request({ kind: "open-trace", traceId: "old" });
    await vi.waitFor(() => expect(posts("open").at(-1)).toMatchObject({ trace: { id: "old" } }));
    const before = vscode.page.posted.length;
    tell("new", candidate(3));
    tell("new", finished);
    tell("old", candidate(1));
    expect(vscode.page.posted.slice(before).filter(({ kind }) => kind !== "compare")).toEqual([
      { kind: "events", session, events: [candidate(1)], rate: null },
    ]);
  });

  it("shows what is kept when the server ended by itself, and went on in a new process", async () => {
    running("new", 3);
    await show({ ...item, problem: problem({ traceId: "new", state: "searching" }) });
    stored("new", { stop: "cancelled" });
    serverState.fire("running");
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    expect(posts("open")[1]).toMatchObject({ running: false, trace: { id: "new" } });
    serverState.fire("running");
    expect(posts("open")).toHaveLength(2);
  });

  it("shows no search as running when the server ended and is not started again", async () => {
    running("new", 3);
    await show({ ...item, problem: problem({ traceId: "new", state: "searching" }) });
    serverState.fire("stopped");
    serverState.fire("stopped");
    expect(posts("running")).toEqual([{ kind: "running", session, state: "idle" }]);
  });

  it("shows the older one again when the new one was stopped before it began", async () => {
    stored("old");
    vscode.workspace.openTextDocument = () => Promise.resolve({ getText: () => "How many?" });
    known[1] = problem({ traceId: "new", state: "queued" });
    await show({ ...item, problem: problem({ traceId: "new", state: "queued" }) });
    expect(posts("open")[0]).toMatchObject({ running: true, trace: null });
    listed.fire(vscode.Uri.parse(URI));
    expect(posts("open")).toHaveLength(1);
    known[1] = problem();
    listed.fire(vscode.Uri.parse(URI));
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    expect(posts("open")[1]).toMatchObject({ running: false, trace: { id: "old" } });
  });

  it("shows the one that begins, with what it told first before what it tells later", async () => {
    stored("old");
    await show(item);
    running("new", 3);
    let compared: ((value: unknown) => void) | undefined;
    const others = answer;
    answer = (name, params) =>
      name === "traces" ? new Promise((resolve) => (compared = resolve)) : others(name, params);
    tell("new", started, candidate(1));
    // In what is fetched for the page, which still shows the other trace.
    tell("new", candidate(2));
    await vi.waitFor(() => expect(compared).toBeDefined());
    tell("new", candidate(3));
    compared?.({ traces: [], unreadable: 0 });
    await vi.waitFor(() => expect(posts("compare")).toHaveLength(2));
    expect(posts("open").at(-1)).toMatchObject({ running: true });
    expect(posts("events")).toMatchObject([
      { events: [started, candidate(1), candidate(1), candidate(2)] },
      { events: [candidate(3)] },
    ]);
  });

  it("says nothing of one that ended before when another has begun", async () => {
    running("first", 3);
    await show({ ...item, problem: problem({ traceId: "first", state: "searching" }) });
    let storing: ((value: unknown) => void) | undefined;
    const others = answer;
    answer = (name, params) =>
      name === "trace" && params["traceId"] === "first"
        ? new Promise((resolve) => (storing = resolve))
        : others(name, params);
    tell("first", finished);
    running("second", 2);
    tell("second", started);
    await vi.waitFor(() => expect(posts("compare")).toHaveLength(2));
    storing?.({ kind: "trace", trace: { ...trace, id: "first" }, running: false });
    // Whatever comes of that has come when the event loop has turned.
    await new Promise(setImmediate);
    tell("second", candidate(3));
    expect(posts("events").at(-1)).toMatchObject({ events: [candidate(3)] });
    expect([...posts("running"), ...posts("trace")]).toEqual([]);
  });
});

describe("the cursor", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  /** Moves it into the first step of the document's solution. */
  function move(): void {
    vscode.selected.fire({
      textEditor: { document: { uri: vscode.Uri.parse(URI) } },
      selections: [{ active: { line: 21, character: 0 } }],
    });
    vi.runAllTimers();
  }

  it("selects its step in the document's trace, and none in another one", async () => {
    stored("old");
    stored("other");
    await show(item);
    move();
    expect(posts("select")).toMatchObject([{ session, focus: false }]);
    request({ kind: "open-trace", traceId: "other" });
    await vi.waitFor(() => expect(posts("open").at(-1)).toMatchObject({ trace: { id: "other" } }));
    move();
    expect(posts("select")).toHaveLength(1);
    expect(posts("open")).toHaveLength(2);
  });

  it("is not followed while the person wants the view to stay, also after a reload", async () => {
    stored("old");
    await show(item);
    vscode.page.received.fire({ kind: "follow", isFollowing: false });
    request({ kind: "open-trace", traceId: "old" });
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    move();
    expect(posts("select")).toEqual([]);
    const panel = vscode.window.createWebviewPanel();
    const left = { version: 1, session, traceId: "old", selected: 0, collapsed: [] };
    const state = { ...left, page: "tree", density: "compact", isFollowing: false };
    await view.deserializeWebviewPanel(panel as unknown as WebviewPanel, state);
    vscode.page.received.fire({ kind: "ready" });
    await vi.waitFor(() => expect(posts("compare")).toHaveLength(1));
    move();
    expect(posts("select")).toEqual([]);
    vscode.page.received.fire({ kind: "follow", isFollowing: true });
    request({ kind: "open-trace", traceId: "old" });
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    move();
    expect(posts("select")).toHaveLength(1);
  });
});

describe("a request of the page", () => {
  it("is about its own problem where another one has the same text", async () => {
    stored("old");
    await show(item);
    request({ kind: "use-alternative", traceId: "old", node: 3 });
    request({ kind: "resume", traceId: "old" });
    await vi.waitFor(() => expect(asked.map(({ name }) => name)).toContain("resume"));
    const place = { uri: URI, problem: { kind: "hash", hash, index: 2 } };
    expect(asked).toContainEqual({ name: "useAlternative", params: { ...place, traceId: "old", node: 3 } });
    expect(asked).toContainEqual({ name: "resume", params: { traceId: "old", place } });
  });

  it("to insert the solution of a search is the command for it, with the problem that is shown", async () => {
    stored("old");
    await show(item);
    vscode.executed.length = 0;
    request({ kind: "insert", traceId: "other" });
    const place = { uri: URI, problem: { kind: "hash", hash, index: 2 } };
    await vi.waitFor(() =>
      expect(vscode.executed).toEqual([["rstarMath.insertSolution", { traceId: "other", place }]]),
    );
  });

  it("to compare with a strategy leaves the document's solution", async () => {
    stored("old");
    await show(item);
    request({ kind: "solve", strategy: "beam" });
    await vi.waitFor(() => expect(asked.map(({ name }) => name)).toContain("solve"));
    expect(asked.at(-1)?.params).toMatchObject({ overrides: { strategy: "beam" }, insert: false });
  });
});

describe("the solution in the document", () => {
  const list = (changes: Partial<ListedProblem>): void => {
    known[1] = problem(changes);
    listed.fire(vscode.Uri.parse(URI));
  };

  it("is shown when it takes the place of the one that was shown", async () => {
    stored("old");
    stored("sibling");
    await show(item);
    list({ traceId: "sibling" });
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    expect(posts("open")[1]).toMatchObject({ trace: { id: "sibling" }, subject: { inserted: "sibling" } });
  });

  it("is told with the problem, and when another one takes its place or it is taken out", async () => {
    stored("old");
    stored("third");
    await show(item);
    expect(posts("open")).toMatchObject([{ subject: { inserted: "old" } }]);
    // A person who looks at another search than the document's goes on looking at it.
    request({ kind: "open-trace", traceId: "third" });
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    list({ state: "broken" });
    expect(posts("inserted")).toEqual([]);
    list({ traceId: "other" });
    list({ traceId: "other", state: "stale" });
    list({ traceId: "other", state: "kept", solutionRange: null });
    expect(posts("inserted")).toEqual([
      { kind: "inserted", session, traceId: "other" },
      { kind: "inserted", session, traceId: null },
    ]);
    expect(posts("stale")).toMatchObject([{ stale: true }, { stale: false }]);
  });

  it("and the search are stale where the document no longer has the text, also of one that is only kept", async () => {
    stored("old");
    known[1] = problem({ state: "kept", solutionRange: null });
    await show(item);
    expect(posts("open")).toMatchObject([{ subject: { stale: false } }]);
    known.shift();
    known[0] = problem({ hash: "another text", traceId: null, state: "unsolved" });
    listed.fire(vscode.Uri.parse(URI));
    list({ state: "kept", solutionRange: null });
    expect(posts("stale")).toMatchObject([{ stale: true }, { stale: false }]);
  });

  it("is none where one is only kept, or was changed by hand", async () => {
    stored("old");
    for (const state of ["kept", "damaged"] as const) {
      known[1] = problem({ state });
      await show(item);
      expect(posts("open").at(-1)).toMatchObject({ subject: { inserted: null } });
      vscode.page.posted.length = 0;
    }
  });
});

describe("a trace from the store", () => {
  it("is titled by its statement's first words and compared with others of the same statement", async () => {
    const text = "How many?\n\nTake all of them.";
    // As written, the text has another hash than as it is compared.
    stored("alone", { problem: { ...trace.problem, id: "statement", text, sha256: "0".repeat(64) } });
    await show({ traceId: "alone" });
    expect(posts("open")).toMatchObject([{ subject: { title: "How many?", problem: text } }]);
    expect(asked).toContainEqual({ name: "traces", params: { problemHash: "statement" } });
  });

  it("is that of the document's problem with its statement", async () => {
    vscode.workspace.textDocuments = [{ uri: vscode.Uri.parse(URI) }];
    stored("kept", { problem: { ...trace.problem, sha256: "0".repeat(64) } });
    await show({ traceId: "kept" });
    expect(posts("open")).toMatchObject([{ subject: { document: { uri: URI }, title: "Not divisible" } }]);
    vscode.workspace.textDocuments = [];
  });

  it("goes along with a file that is renamed", async () => {
    stored("old");
    await show(item);
    const [oldUri, newUri] = ["file:///notes.md", "file:///other.md"].map((uri) => vscode.Uri.parse(uri));
    vscode.renamed.fire({ files: [{ oldUri, newUri }] });
    await vi.waitFor(() => expect(posts("open")).toHaveLength(2));
    expect(posts("open")[1]).toMatchObject({ subject: { document: { uri: "file:///other.md" } } });
    vscode.renamed.fire({ files: [{ oldUri: vscode.Uri.parse("file:///oth"), newUri }] });
    expect(posts("open")).toHaveLength(2);
  });

  it("is that of the problem it was asked for with, whatever else has the same text", async () => {
    stored("old");
    const place = { uri: URI, problem: { kind: "hash" as const, hash, index: 1 } };
    await show({ traceId: "old", place });
    const first = sessionOf({ uri: URI, problem: { hash, index: 1 }, traceId: null });
    expect(posts("open")).toMatchObject([{ subject: { session: first } }]);
  });
});
