/** How messages change the search view, and what it keeps over a reload. */
import { describe, expect, it } from "vitest";
import { costsOf, outcomeOf } from "../../../media/search/costs.ts";
import { fromTrace, qOf } from "../../../media/search/tree-model.ts";
import {
  canInsert,
  initialModel,
  receive,
  select,
  stateOf,
  toggle,
} from "../../../media/search/view-model.ts";
import { parseMessage, SearchViewState, ToSearchView } from "../../../server/protocol/view.ts";
import { opening, recorded } from "../../media/fixtures.ts";

const trace = recorded("mcts");
const opened = receive(initialModel(null), opening(trace), null);

describe("the search view's model", () => {
  it("shows a stored trace: its tree, its answer, its path", () => {
    expect(opened.tree.nodes.size).toBe(trace.nodes.length);
    expect(opened.tree.answer).toBe(trace.chosen);
    expect(opened.tree.chosen.has(0)).toBe(true);
    expect(opened.tree.progress?.best?.answer).toBe(trace.votes[0]?.answer);
  });

  it("drops a message for another session", () => {
    expect(receive(opened, { kind: "stale", session: "other", stale: true }, null)).toBe(opened);
    expect(receive(opened, { kind: "stale", session: "s1", stale: true }, null).subject?.stale).toBe(true);
  });

  it("can insert what has an answer and is not in the document, where there is one", () => {
    const inserted = (traceId: string | null) =>
      receive(opened, { kind: "inserted", session: "s1", traceId }, null);
    expect(canInsert(opened, trace)).toBe(true);
    expect(canInsert(inserted(trace.id), trace)).toBe(false);
    expect(canInsert(inserted(trace.id), recorded("greedy"))).toBe(true);
    expect(canInsert(inserted(null), trace)).toBe(true);
    expect(canInsert(opened, { ...trace, chosen: null })).toBe(false);
    const { subject } = opening(trace);
    const alone = receive(opened, opening(trace, { subject: { ...subject, document: null } }), null);
    expect(canInsert(alone, trace)).toBe(false);
    expect(canInsert(initialModel(null), trace)).toBe(false);
  });

  it("grows by events to the same tree as the stored trace", () => {
    const running = receive(initialModel(null), opening(null, { running: true }), null);
    const events = trace.nodes.slice(1).map((node) => ({ kind: "candidate" as const, problemId: "p", node }));
    const grown = receive(running, { kind: "events", session: "s1", events, rate: null }, null);
    expect(grown.tree.children).toEqual(fromTrace(trace).children);
  });

  it("comes back as it was after a reload", () => {
    const last = trace.nodes.length - 1;
    const chosen = { page: "outline", density: "detailed", isFollowing: false } as const;
    const left = stateOf({ ...toggle(select(opened, last), 1), ...chosen });
    const restored = SearchViewState.parse(JSON.parse(JSON.stringify(left)));
    const back = receive(initialModel(restored), opening(trace), restored);
    expect(stateOf(back)).toEqual(left);
  });

  it("finds a node of a search that still runs again, whose nodes come after it was opened", () => {
    const events = trace.nodes.slice(1).map((node) => ({ kind: "candidate" as const, problemId: "p", node }));
    const running = opening(null, { running: true });
    const grown = receive(
      receive(initialModel(null), running, null),
      { kind: "events", session: "s1", events, rate: null },
      null,
    );
    const left = SearchViewState.parse(stateOf(select(grown, 3)));
    const back = receive(initialModel(left), running, left);
    expect(back.selected).toBe(3);
    // Where it does not come, the root is selected.
    const other = { ...trace, nodes: trace.nodes.slice(0, 3), chosen: null };
    expect(receive(back, { kind: "trace", session: "s1", trace: other }, left).selected).toBe(0);
  });

  it("forgets the selection when another problem is opened", () => {
    const other = opening(trace);
    const next = receive(select(opened, 3), { ...other, subject: { ...other.subject, session: "s2" } }, null);
    expect(next.selected).toBe(0);
  });

  it("opens what is above a node that is selected, and never loses the selection in a closed one", () => {
    const child = trace.nodes.find((node) => node.parent !== null && node.parent !== 0);
    if (child?.parent == null) throw new Error("the fixture has no second level");
    const closed = toggle(select(opened, child.id), child.parent);
    expect(closed.selected).toBe(child.parent);
    expect(select(closed, child.id).collapsed.has(child.parent)).toBe(false);
  });
});

describe("the account", () => {
  it("adds up to what the trace says", () => {
    const costs = costsOf(trace, fromTrace(trace));
    const { chosen, others, rejected } = costs.tokens;
    const inNodes = trace.nodes.reduce((sum, node) => sum + node.cost.generatedTokens, 0);
    expect(chosen + others + rejected).toBe(inNodes);
    const { policy, ppm, sandbox, grading, rest } = costs.ms;
    expect(policy + ppm + sandbox + grading + rest).toBeCloseTo(trace.ms.total, 3);
  });

  it("compares by answer, agreement, tokens and time", () => {
    const outcome = outcomeOf(recorded("greedy"));
    expect(outcome).toMatchObject({
      strategy: "greedy",
      answer: "266",
      graded: "equal",
      answered: 1,
      support: 1,
    });
    expect(outcomeOf(trace).rejected).toBe(trace.nodes.filter((node) => node.status === "rejected").length);
  });

  it("keeps Q within [-1, 1]", () => {
    for (const node of trace.nodes) {
      const q = qOf(node);
      if (q !== null) expect(Math.abs(q)).toBeLessThanOrEqual(1);
    }
  });
});

describe("parsing", () => {
  it.each([
    [null],
    ["open"],
    [{}],
    [{ kind: "explode" }],
    [{ kind: "open", trace: {} }],
    [{ kind: "select", session: "s1", node: -1, focus: true }],
    [{ kind: "notice", severity: "loud", text: "" }],
  ])("refuses %j with a reason and without throwing", (data) => {
    const parsed = parseMessage(ToSearchView, data);
    expect(parsed.kind).toBe("malformed");
    if (parsed.kind === "malformed") expect(parsed.reason).not.toBe("");
  });

  it("lets every message through that the tests send", () => {
    expect(parseMessage(ToSearchView, opening(trace)).kind).toBe("message");
  });
});
