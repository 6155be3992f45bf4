import { describe, expect, it } from "vitest";
import { Trace } from "../../../server/protocol/trace.ts";
import { pathTo } from "../../../server/protocol/trace-path.ts";
import { MARK } from "../../../server/search/grammar.ts";
import { choiceProblem, type Choice } from "../../../server/search/continuation.ts";
import type { SearchConfig } from "../../../server/search/config.ts";
import { candidateSeed } from "../../../server/search/seed.ts";
import { startSearch } from "../../../server/search/solve.ts";
import type { SearchEvent } from "../../../server/protocol/events.ts";
import type { SearchServices } from "../../../server/search/services.ts";
import type { PreferenceModel } from "../../../server/services.ts";
import {
  configOf,
  fakeServices,
  scriptedPolicy,
  STAMP,
  tablePpm,
  textGrader,
  type Script,
} from "../../support/fakes.ts";

const PROBLEM = { id: "p", text: "What is 6 times 7?", reference: null };
const never = new AbortController().signal;

/** Programs that begin with the set-up of their seed; the first step decides the answer: 40, 41 or 42. */
const byFirstStep: Script = (_request, seed, prompt) => {
  const first = /a = (\d+)/u.exec(prompt)?.[1];
  const a = first ?? String(40 + (seed % 3));
  const last = `# Step 2: Print.\nprint(${a})`;
  return {
    text: first === undefined ? `# Step 1: Set up.\na = ${a}\n<end_of_step>\n${last}` : last,
    stop: MARK.endOfCode,
  };
};

const CONFIG: Partial<SearchConfig> = {
  strategy: "self-consistency",
  budgetTokens: 400,
  settleConfidence: 1,
};

function goOn(
  trace: Trace | null,
  choice: Choice | null,
  more: {
    changes?: Partial<SearchConfig>;
    emit?: (event: SearchEvent) => void;
    script?: Script;
    ppm?: PreferenceModel;
    reference?: string;
    services?: Partial<SearchServices>;
    signal?: AbortSignal;
  } = {},
): Promise<Trace> {
  return startSearch(
    { ...PROBLEM, reference: more.reference ?? null },
    configOf({ ...CONFIG, ...more.changes }),
    { ...fakeServices(scriptedPolicy(more.script ?? byFirstStep), more.ppm), ...more.services },
    { ...STAMP, id: trace === null ? "first" : `${trace.id}+` },
    more.signal ?? never,
    more.emit,
    trace === null ? null : { trace, choice },
  ).done;
}

/** A finished search, and its first steps by the value they set. */
async function finished(): Promise<{ trace: Trace; firstStep: (a: number) => number }> {
  const trace = await goOn(null, null);
  const firstStep = (a: number): number => trace.nodes.findIndex((node) => node.text.endsWith(`a = ${a}`));
  expect([40, 41, 42].map(firstStep).every((id) => id > 0)).toBe(true);
  return { trace, firstStep };
}

/** Every program with its counts and values, in no order: in waves of another size the nodes come in another one. */
function programs(trace: Trace): string[] {
  return trace.nodes
    .map(({ text, samples, ppm, sum, visits }) => `${text} ${samples} ${ppm} ${sum.toFixed(9)} ${visits}`)
    .sort();
}

/** The function, which stops the search instead in its `nth` call that is `picked`. */
function stoppingIn<A extends unknown[], R>(
  stopped: AbortController,
  run: (...args: A) => Promise<R>,
  nth = 2,
  picked: (...args: A) => boolean = () => true,
): (...args: A) => Promise<R> {
  let calls = 0;
  return (...args) => {
    if (!picked(...args) || ++calls < nth) return run(...args);
    stopped.abort(new Error("stopped"));
    return Promise.reject(new Error("stopped"));
  };
}

const answerOf = (trace: Trace): string | null | undefined =>
  trace.chosen === null ? null : trace.nodes[trace.chosen]?.answer;

describe("resuming", () => {
  it("keeps every node and count, draws other candidates, and spends a budget of its own", async () => {
    const { trace } = await finished();
    const more = await goOn(trace, null);
    expect(Trace.safeParse(more).success).toBe(true);
    expect(more.continues).toBe("first");
    expect(
      more.nodes.slice(0, trace.nodes.length).map(({ id, parent, text }) => ({ id, parent, text })),
    ).toEqual(trace.nodes.map(({ id, parent, text }) => ({ id, parent, text })));
    expect(more.trajectories.finished).toBeGreaterThan(trace.trajectories.finished);
    expect(more.cost.generatedTokens).toBeGreaterThan(trace.cost.generatedTokens);
    expect(more.cost.generatedTokens - trace.cost.generatedTokens).toBeLessThan(420);
    expect(more.nodes[0]?.drawn).toBeGreaterThan(trace.nodes[0]?.drawn ?? Infinity);
  });

  it("is the same as one search with the whole budget would have drawn", async () => {
    const first = await goOn(null, null, { changes: { budgetTokens: 200 } });
    const second = await goOn(first, null, { changes: { budgetTokens: 200 } });
    const whole = await goOn(null, null, { changes: { budgetTokens: second.cost.generatedTokens } });
    expect(programs(second)).toEqual(programs(whole));
  });

  it("is the same when it was stopped while the policy wrote", async () => {
    const stopped = new AbortController();
    const policy = scriptedPolicy(byFirstStep);
    const propose = stoppingIn(stopped, (...asked: Parameters<typeof policy.propose>) =>
      policy.propose(...asked),
    );
    const first = await goOn(null, null, {
      services: { policy: { ...policy, propose } },
      signal: stopped.signal,
    });
    expect([first.stop, first.nodes[0]?.drawn]).toEqual(["cancelled", first.trajectories.started]);
    const second = await goOn(first, null);
    const whole = await goOn(null, null, { changes: { budgetTokens: second.cost.generatedTokens } });
    expect(programs(second)).toEqual(programs(whole));
  });

  it("is the same when it was stopped while the PPM scored, and the votes are in the trace by then", async () => {
    const stopped = new AbortController();
    const ppm = tablePpm((prefix) => (prefix.includes("41") ? 0.5 : -0.5));
    const score = stoppingIn(stopped, (...asked: Parameters<typeof ppm.score>) => ppm.score(...asked));
    const first = await goOn(null, null, {
      ppm: { ...ppm, score },
      signal: stopped.signal,
    });
    expect(first.stop).toBe("cancelled");
    expect(first.nodes.some(({ kind, ppm }) => kind === "step" && ppm === null)).toBe(true);
    const { finished, started } = first.trajectories;
    expect(finished).toBe(started);
    expect(first.votes.reduce((sum, { count }) => sum + count, 0)).toBe(started);
    expect(first.chosen).not.toBeNull();
    const second = await goOn(first, null, { ppm });
    const whole = await goOn(null, null, { ppm, changes: { budgetTokens: second.cost.generatedTokens } });
    expect(programs(second)).toEqual(programs(whole));
    expect(second.cost.ppmTokens).toBe(whole.cost.ppmTokens);
  });

  it("without the PPM that an earlier search had counts all answers alike, old ones and new ones", async () => {
    const ppm = tablePpm((prefix) => (prefix.includes("41") ? 0.9 : -0.9));
    const first = await goOn(null, null, { ppm, changes: { budgetTokens: 100 } });
    const second = await goOn(first, null);
    expect(second.models.ppm).toBeNull();
    expect(second.nodes.every((node) => node.ppm === null)).toBe(true);
    expect(second.votes.length).toBeGreaterThan(1);
    expect(second.votes.map(({ weight }) => weight)).toEqual(second.votes.map(({ count }) => count));
  });

  it("with another PPM scores old steps anew; with the same one it does not", async () => {
    const ppm = tablePpm(() => 0.9);
    const scored: string[] = [];
    const counting = (identity: PreferenceModel["identity"]): PreferenceModel => ({
      identity,
      score: (prefixes, signal) => {
        scored.push(...prefixes.map((prefix) => prefix.join("")));
        return tablePpm(() => -0.5).score(prefixes, signal);
      },
    });
    const first = await goOn(null, null, { ppm });
    const adapter = { id: "round-2", sha256: "1".repeat(64) };
    const other = await goOn(first, null, { ppm: counting({ ...ppm.identity, adapter }) });
    expect(other.nodes.slice(1).every((node) => node.ppm === -0.5)).toBe(true);
    expect(scored).toHaveLength(other.nodes.length - 1);
    scored.length = 0;
    // This script has drawn all there is to draw.
    const same = await goOn(first, null, { ppm: counting(ppm.identity) });
    expect(same.nodes.slice(1).every((node) => node.ppm === 0.9)).toBe(true);
    expect(scored).toEqual([]);
  });

  it("compares all answers anew with a given answer that was corrected", async () => {
    const first = await goOn(null, null, { reference: "40" });
    const verdict = (trace: Trace, answer: string) =>
      trace.nodes.find((node) => node.kind === "answer" && node.answer === answer)?.graded;
    expect([verdict(first, "40"), verdict(first, "42")]).toEqual(["equal", "different"]);
    const more = await goOn(first, null, { reference: "42" });
    expect([verdict(more, "40"), verdict(more, "42")]).toEqual(["different", "equal"]);
  });

  it("keeps the winner when it is stopped at once, and compares no answer again", async () => {
    // The first answer is not the commonest.
    const script: Script = (_request, seed) => ({
      text: `print(${seed % 4 === firstDraw % 4 ? 40 : 42})`,
      stop: MARK.endOfCode,
    });
    const firstDraw = candidateSeed(configOf({}).seed, PROBLEM.id, "", 0);
    const trace = await goOn(null, null, { script });
    expect(trace.nodes.find(({ kind }) => kind === "answer")?.answer).toBe("40");
    expect(answerOf(trace)).toBe("42");

    const stopped = new AbortController();
    let compared = 0;
    const equivalent = (): Promise<never> => {
      compared++;
      stopped.abort(new Error("stopped"));
      return Promise.reject(new Error("stopped"));
    };
    const propose = stoppingIn(stopped, () => Promise.reject(new Error("not stopped")), 1);
    const more = await goOn(trace, null, {
      services: { grader: { equivalent }, policy: { ...scriptedPolicy(script), propose } },
      signal: stopped.signal,
    });
    expect([more.stop, answerOf(more), compared]).toEqual(["cancelled", "42", 0]);
    expect(more.votes).toEqual(trace.votes);
    const already = await goOn(trace, null, { signal: AbortSignal.abort(new Error("stopped")) });
    expect([already.stop, already.votes]).toEqual(["cancelled", trace.votes]);
  });

  it("is the same when it was stopped while answers were read", async () => {
    const stopped = new AbortController();
    const script: Script = (_request, seed, prompt) => {
      const printed = /It is (\d+)/u.exec(prompt)?.[1];
      if (printed !== undefined)
        return { text: `The answer is \\boxed{${printed}}.`, stop: MARK.endOfAnswer };
      return { text: seed % 2 === 0 ? "print(42)" : `print(It is ${40 + (seed % 3)})`, stop: MARK.endOfCode };
    };
    const policy = scriptedPolicy(script);
    const propose = stoppingIn(
      stopped,
      (...asked: Parameters<typeof policy.propose>) => policy.propose(...asked),
      1,
      (requests) => requests.some(({ prefix }) => prefix.at(-1)?.startsWith(MARK.answer) === true),
    );
    const first = await goOn(null, null, {
      services: { policy: { ...policy, propose } },
      signal: stopped.signal,
    });
    expect(first.stop).toBe("cancelled");
    const second = await goOn(first, null, { script, changes: { budgetTokens: 100 } });
    const whole = await goOn(null, null, {
      script,
      changes: { budgetTokens: second.cost.generatedTokens },
    });
    expect(programs(second)).toEqual(programs(whole));
  });

  it("has no values of answers that were not compared when it was stopped", async () => {
    const stopped = new AbortController();
    const equivalent = stoppingIn(
      stopped,
      (...asked: Parameters<typeof textGrader.equivalent>) => textGrader.equivalent(...asked),
      1,
    );
    const trace = await goOn(null, null, {
      services: { grader: { equivalent } },
      signal: stopped.signal,
    });
    expect(trace.stop).toBe("cancelled");
    for (const { sum, visits } of trace.nodes) expect(Math.abs(sum)).toBeLessThanOrEqual(visits);
  });

  it("counts answers that a search, stopped by an earlier version, had left uncounted", async () => {
    const { trace } = await finished();
    const uncounted: Trace = {
      ...trace,
      nodes: trace.nodes.map((node) => (node.kind === "answer" ? { ...node, arrivals: 0 } : node)),
    };
    expect((await goOn(uncounted, null)).votes).toEqual((await goOn(trace, null)).votes);
  });

  it("takes a trace of version 1, which has no arrivals and draws", async () => {
    const { trace } = await finished();
    const old: Trace = {
      ...trace,
      version: 1,
      nodes: trace.nodes.map((node) => ({ ...node, arrivals: undefined, drawn: undefined })),
    };
    const more = await goOn(old, null);
    const same = await goOn(trace, null);
    expect(more.votes.map(({ answer, count }) => [answer, count])).toEqual(
      same.votes.map(({ answer, count }) => [answer, count]),
    );
  });

  it("leaves out steps that a stopped search never ran", async () => {
    const stopped = new AbortController();
    const services = fakeServices(scriptedPolicy(byFirstStep));
    const search = startSearch(
      PROBLEM,
      configOf(CONFIG),
      {
        ...services,
        sandbox: {
          run: () => {
            stopped.abort(new Error("stopped"));
            return Promise.reject(new Error("stopped"));
          },
        },
      },
      STAMP,
      stopped.signal,
    );
    const trace = await search.done;
    expect(trace.stop).toBe("cancelled");
    expect(trace.nodes.slice(1).map((node) => node.rejection?.kind)).toContain("interrupted");
    const more = await goOn(trace, null);
    expect(more.nodes.some((node) => node.rejection?.kind === "interrupted")).toBe(false);
    expect(answerOf(more)).not.toBeNull();
  });
});

describe("a person's choice", () => {
  it("pinned: every solution goes through the step, and the loser beside it is remembered", async () => {
    const { trace, firstStep } = await finished();
    const loser = [40, 41, 42].find((a) => String(a) !== answerOf(trace)) ?? 0;
    const more = await goOn(trace, { kind: "pin", node: firstStep(loser) });
    expect(answerOf(more)).toBe(String(loser));
    expect(more.votes.map(({ answer }) => answer)).toEqual([String(loser)]);
    expect(more.origin).toBe(firstStep(loser));
    expect(more.preferences).toEqual([
      {
        kind: "pin",
        preferred: firstStep(loser),
        rejected: firstStep(Number(answerOf(trace))),
        createdAt: STAMP.createdAt,
      },
    ]);
    const fresh = more.nodes.slice(trace.nodes.length);
    expect(fresh.every((node) => pathTo(more.nodes, node.id).some(({ id }) => id === more.origin))).toBe(
      true,
    );
  });

  it("pinned where the prompt is too long already: says so", async () => {
    const { trace, firstStep } = await finished();
    const policy = scriptedPolicy(byFirstStep);
    const more = await goOn(
      trace,
      { kind: "pin", node: firstStep(40) },
      {
        services: {
          policy: { ...policy, propose: () => Promise.resolve([{ kind: "too-long", tokens: 9, limit: 5 }]) },
        },
      },
    );
    expect(more.stop).toBe("failed");
    expect(more.failure).toContain("Shorten");
    expect(more.nodes[firstStep(40)]?.status).toBe("ok");
  });

  it("rejected: no solution goes through the step, and what is chosen instead is preferred", async () => {
    const { trace, firstStep } = await finished();
    const winner = Number(answerOf(trace));
    const more = await goOn(trace, { kind: "reject", node: firstStep(winner) });
    expect(answerOf(more)).not.toBe(String(winner));
    expect(more.nodes[firstStep(winner)]).toMatchObject({
      status: "rejected",
      rejection: { kind: "person" },
    });
    expect((more.nodes[firstStep(winner)]?.sum ?? 0) / (more.nodes[firstStep(winner)]?.visits ?? 0)).toBe(-1);
    expect(more.preferences).toEqual([
      {
        kind: "reject",
        preferred: firstStep(Number(answerOf(more))),
        rejected: firstStep(winner),
        createdAt: STAMP.createdAt,
      },
    ]);
    // And it may be taken back: then it is no longer a rejection to learn from.
    const again = await goOn(more, { kind: "pin", node: firstStep(winner) });
    expect(answerOf(again)).toBe(String(winner));
    expect(again.preferences?.map(({ kind }) => kind)).toEqual(["pin"]);
  });

  it.each(["pin", "edit"] as const)("%s below a rejected step takes the rejection back", async (kind) => {
    const { trace, firstStep } = await finished();
    const refused = await goOn(trace, { kind: "reject", node: firstStep(41) });
    const below = refused.nodes.find((node) => node.parent === firstStep(41))?.id ?? 0;
    const more = await goOn(
      refused,
      kind === "pin"
        ? { kind, node: below }
        : { kind, node: below, text: "# Step 2: Print with care.\nprint(41)" },
    );
    expect(answerOf(more)).toBe("41");
    expect(more.nodes[firstStep(41)]).toMatchObject({ status: "ok", rejection: null });
    expect(more.nodes[firstStep(41)]?.sum).toBeGreaterThan(-(more.nodes[firstStep(41)]?.visits ?? 0));
    expect(more.preferences?.map((each) => each.kind)).toEqual([kind]);
  });

  it("edited below a rejected step so that it fails: the rejection stands", async () => {
    const { trace, firstStep } = await finished();
    const refused = await goOn(trace, { kind: "reject", node: firstStep(41) });
    const below = refused.nodes.find((node) => node.parent === firstStep(41))?.id ?? 0;
    const more = await goOn(refused, { kind: "edit", node: below, text: "# Step 2.\nraise" });
    expect(more.stop).toBe("failed");
    expect(more.nodes[firstStep(41)]?.rejection?.kind).toBe("person");
    expect(answerOf(more)).toBe(answerOf(refused));
    expect([more.preferences, more.origin]).toEqual([refused.preferences, refused.origin]);
  });

  it("rejected below a rejected step: the search goes on where steps may still be", async () => {
    const { trace, firstStep } = await finished();
    const refused = await goOn(trace, { kind: "reject", node: firstStep(41) });
    const below = refused.nodes.find((node) => node.parent === firstStep(41))?.id ?? 0;
    const more = await goOn(refused, { kind: "reject", node: below });
    expect(more.nodes[below]?.rejection?.kind).toBe("person");
    expect(more.votes.map(({ answer }) => answer).sort()).toEqual(["40", "42"]);
    expect(more.trajectories.finished).toBeGreaterThan(refused.trajectories.finished);
  });

  it("edited: the person's step is run and every solution goes through it", async () => {
    const { trace, firstStep } = await finished();
    const events: SearchEvent[] = [];
    const node = firstStep(40);
    const more = await goOn(
      trace,
      { kind: "edit", node, text: "# Step 1: Say it is fifty.\na = 50" },
      { emit: (event) => events.push(event) },
    );
    expect(answerOf(more)).toBe("50");
    const origin = more.nodes[more.origin ?? 0];
    expect(origin).toMatchObject({ parent: 0, reason: "Say it is fifty.", status: "ok", logProb: null });
    expect(more.preferences).toEqual([
      { kind: "edit", preferred: more.origin, rejected: node, createdAt: STAMP.createdAt },
    ]);
    // A view that opens on the new search learns of the old nodes too.
    const told = new Set(events.flatMap((event) => (event.kind === "candidate" ? [event.node.id] : [])));
    expect(told.size).toBe(more.nodes.length);
    const third = await goOn(more, null);
    expect(third.origin).toBe(more.origin);
    expect(answerOf(third)).toBe("50");
  });

  it("edited so that it fails: says so, and loses nothing", async () => {
    const { trace, firstStep } = await finished();
    const more = await goOn(trace, { kind: "edit", node: firstStep(40), text: "# Step 1.\nraise" });
    expect(more.stop).toBe("failed");
    expect(more.failure).toContain("ValueError: scripted");
    expect(more.nodes.slice(0, trace.nodes.length).map(({ text }) => text)).toEqual(
      trace.nodes.map(({ text }) => text),
    );
    expect(more.preferences).toBeUndefined();
    expect(answerOf(more)).toBe(answerOf(trace));
  });

  it("on the last step: is answered without the policy", async () => {
    const { trace, firstStep } = await finished();
    const last = trace.nodes.findIndex((node) => node.parent === firstStep(41) && node.final);
    const more = await goOn(
      trace,
      { kind: "edit", node: last, text: "# Step 2: Print the double.\nprint(82)" },
      {
        script: () => {
          throw new Error("the policy was asked");
        },
      },
    );
    expect(answerOf(more)).toBe("82");
    expect(more.stop).toBe("exhausted");
  });

  it("is refused where it makes no sense", async () => {
    const { trace, firstStep } = await finished();
    const answer = trace.nodes.findIndex((node) => node.kind === "answer");
    expect(choiceProblem(trace, { kind: "pin", node: 0 })).not.toBeNull();
    expect(choiceProblem(trace, { kind: "pin", node: 9999 })).not.toBeNull();
    expect(choiceProblem(trace, { kind: "edit", node: answer, text: "x" })).not.toBeNull();
    expect(choiceProblem(trace, { kind: "reject", node: firstStep(40) })).toBeNull();
  });
});
