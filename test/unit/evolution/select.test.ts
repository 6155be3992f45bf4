/** Selection: every example and pair keeps its rule, whatever the searches were. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluationProblems, fingerprint } from "../../../server/evolution/decontamination.ts";
import type { SelectionRules } from "../../../server/evolution/select.ts";
import { mergeTraces, nodesOf, qOf } from "../../../server/evolution/problem-tree.ts";
import { labelProblem } from "../../../server/evolution/labels.ts";
import type { Trace, TraceNode } from "../../../server/protocol/trace.ts";
import type { PairSide } from "../../../server/protocol/training.ts";
import { piecesOf } from "../../../server/search/pieces.ts";
import { promptFor } from "../../../server/search/prompt.ts";
import { pathTo, programOf } from "../../../server/protocol/trace-path.ts";
import { problemOf, RULES, search, selectTrainingData, wayOf, worlds, type World } from "./searches.ts";

const searchTwice = async (world: World, n = 1): Promise<Trace[]> => [
  await search(world, problemOf(n), 1),
  await search(world, problemOf(n), 2),
];

/** The search gone on with by a person, as it is stored: all nodes of the earlier one, under an id of its own. */
const goneOn = (trace: Trace, id: string, createdAt: string): Trace => ({
  ...trace,
  ...{ id, createdAt, continues: trace.id },
});

/** What became of the trajectories through each way, counted without the code under test. */
function outcomes(traces: readonly Trace[]): Map<string, { right: number; wrong: number; dead: number }> {
  const found = new Map<string, { right: number; wrong: number; dead: number }>();
  for (const trace of traces)
    for (const end of trace.nodes) {
      const kind =
        end.kind === "answer"
          ? end.graded === "equal"
            ? "right"
            : "wrong"
          : end.status === "rejected"
            ? "dead"
            : null;
      if (kind === null) continue;
      let at: (typeof trace.nodes)[number] | undefined = end;
      while (at !== undefined) {
        const way = wayOf(trace, at);
        const counts = found.get(way) ?? { right: 0, wrong: 0, dead: 0 };
        counts[kind] += end.visits;
        found.set(way, counts);
        at = at.parent === null ? undefined : trace.nodes[at.parent];
      }
    }
  return found;
}

function levenshtein(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(a).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(b).entries())
      current.push(
        Math.min(
          (above[column] ?? 0) + (letter === other ? 0 : 1),
          (above[column + 1] ?? 0) + 1,
          (current[column] ?? 0) + 1,
        ),
      );
    above = current;
  }
  return above[b.length] ?? 0;
}

describe("preference pairs", () => {
  it("are siblings after exactly the same steps, one leading to a right answer and one not, far enough apart", async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const traces = await searchTwice(world);
        const { pairs } = selectTrainingData(traces, RULES);
        const ends = outcomes(traces);
        const nodeOf = (side: PairSide) => {
          const trace = traces.find(({ id }) => id === side.traceId);
          const node = trace?.nodes[side.node];
          if (trace === undefined || node === undefined) throw new Error("a pair's source does not exist");
          return { trace, node, way: wayOf(trace, node) };
        };
        for (const pair of pairs) {
          seen++;
          const [good, bad] = [nodeOf(pair.positive), nodeOf(pair.negative)];
          expect(ends.get(good.way)?.right).toBeGreaterThan(0);
          const worse = ends.get(bad.way) ?? { right: 0, wrong: 0, dead: 0 };
          expect(worse.right).toBe(0);
          expect(worse.wrong + worse.dead).toBeGreaterThan(0);
          expect(pair.positive.q - pair.negative.q).toBeGreaterThanOrEqual(0.5);
          for (const [side, source] of [
            [pair.positive, good],
            [pair.negative, bad],
          ] as const) {
            const whole = [
              ...promptFor(source.trace.problem.text, "bare"),
              ...piecesOf(pathTo(source.trace.nodes, source.node.id)).map(({ text }) => text),
            ];
            expect([...pair.prefix, ...side.pieces]).toEqual(whole);
          }
          if (pair.level === "answer") {
            expect([good.node.kind, bad.node.kind]).toEqual(["answer", "answer"]);
            expect(pair.prefix).toEqual(promptFor(good.trace.problem.text, "bare"));
          } else {
            expect([good.node.kind, bad.node.kind]).toEqual(["step", "step"]);
            expect(levenshtein(good.node.text, bad.node.text)).toBeGreaterThanOrEqual(20);
          }
        }
        const weights = new Map<string, number>();
        for (const { id, weight } of pairs) {
          const place = id.slice(0, id.lastIndexOf("/"));
          weights.set(place, (weights.get(place) ?? 0) + weight);
        }
        for (const weight of weights.values()) expect(weight).toBeCloseTo(1);
      }),
      { numRuns: 60 },
    );
    expect(seen).toBeGreaterThan(50);
  });

  it("take the two of highest Q against the two of lowest, steps and whole trajectories, where no filter forbids it", async () => {
    /** Places with more than two to choose the negatives from. */
    const choices = { step: 0, answer: 0 };
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const trace = await search(world, problemOf(1), 1);
        const { pairs } = selectTrainingData([trace], {
          ...RULES,
          pairs: { perSide: 2, minMargin: -2, minEdits: 0 },
        });
        const ends = outcomes([trace]);
        const endsOf = (node: TraceNode) => ends.get(wayOf(trace, node)) ?? { right: 0, wrong: 0, dead: 0 };
        const qOfStep = ({ sum, visits }: TraceNode): number => (visits === 0 ? 0 : sum / visits);
        const quality = {
          step: qOfStep,
          answer: ({ id }: TraceNode): number => {
            const steps = pathTo(trace.nodes, id).filter(({ kind }) => kind === "step");
            return steps.map(qOfStep).reduce((sum, q) => sum + q, 0) / steps.length;
          },
        };
        const byPlace = new Map<string, typeof pairs>();
        for (const pair of pairs) {
          const place = JSON.stringify([pair.level, pair.prefix]);
          byPlace.set(place, [...(byPlace.get(place) ?? []), pair]);
        }
        for (const own of byPlace.values()) {
          const { level = "step", positive } = own[0] ?? {};
          const q = quality[level];
          const valueOf = (side: PairSide): number => {
            const node = trace.nodes[side.node];
            if (node === undefined) throw new Error("a pair's source does not exist");
            return q(node);
          };
          const parent = trace.nodes[positive?.node ?? 0]?.parent;
          const candidates = trace.nodes.filter(
            (node) =>
              node.kind === level && node.status === "ok" && (level === "answer" || node.parent === parent),
          );
          const rights = candidates.filter((node) => endsOf(node).right > 0);
          const wrongs = candidates.filter((node) => {
            const { right, wrong, dead } = endsOf(node);
            return right === 0 && wrong + dead > 0;
          });
          const worst = Math.min(...own.map((pair) => valueOf(pair.positive)));
          expect(rights.filter((node) => q(node) > worst + 1e-9).length).toBeLessThan(2);
          const best = Math.max(...own.map((pair) => valueOf(pair.negative)));
          expect(wrongs.filter((node) => q(node) < best - 1e-9).length).toBeLessThan(2);
          if (wrongs.length > 2) choices[level]++;
          for (const pair of own) {
            expect(pair.positive.q).toBeCloseTo(valueOf(pair.positive));
            expect(pair.negative.q).toBeCloseTo(valueOf(pair.negative));
          }
        }
      }),
      { numRuns: 40 },
    );
    expect(choices.step).toBeGreaterThan(10);
    expect(choices.answer).toBeGreaterThan(10);
  });

  it("come from no problem whose trajectories are all right or all wrong", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fc.constantFrom("0", "none of these"), async (world, reference) => {
        const traces = [await search({ ...world, answers: 1 }, { ...problemOf(1), reference }, 1)];
        expect(selectTrainingData(traces, RULES).pairs).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it("follow a person's choice whatever the Q-values say", async () => {
    const world: World = {
      salt: 5,
      wordings: 4,
      answers: 2,
      failing: 0,
      withPpm: false,
      deadEndValue: -1,
      rollout: "continuation",
    };
    const trace = await search(world, { ...problemOf(1), reference: null }, 1);
    const [first, second] = trace.nodes.filter(({ parent, status }) => parent === 0 && status === "ok");
    if (first === undefined || second === undefined) throw new Error("the toy search found no siblings");
    const chosen = (preferred: number | null, rejected: number | null): Trace => ({
      ...trace,
      preferences: [{ kind: "pin", preferred, rejected, createdAt: "2026-01-01T00:00:00.000Z" }],
    });
    const [pair, ...more] = selectTrainingData([chosen(second.id, first.id)], {
      ...RULES,
      agreement: null,
    }).pairs;
    expect(more).toEqual([]);
    expect(pair).toMatchObject({ origin: "person", level: "step", weight: 1 });
    expect(pair?.prefix).toEqual(promptFor(trace.problem.text, "bare"));
    expect(pair?.positive.pieces).toEqual(piecesOf([second]).map(({ text }) => text));
    expect(pair?.negative.pieces).toEqual(piecesOf([first]).map(({ text }) => text));
    expect(selectTrainingData([chosen(first.id, null)], { ...RULES, agreement: null }).pairs).toEqual([]);
    // Of a changed mind the last word.
    const changed = chosen(first.id, second.id);
    const preferences = [...(changed.preferences ?? []), ...(chosen(second.id, first.id).preferences ?? [])];
    const { pairs } = selectTrainingData([{ ...changed, preferences }], { ...RULES, agreement: null });
    expect(pairs.map(({ positive }) => positive.node)).toEqual([second.id]);
  });
});

describe("SFT examples", () => {
  it("are the two right trajectories of highest mean Q, different programs, with only the policy's words trained", async () => {
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const traces = await searchTwice(world);
        const { sft } = selectTrainingData(traces, RULES);
        expect(sft.length).toBeLessThanOrEqual(2);
        for (const example of sft) {
          seen++;
          const trace = traces.find(({ id }) => id === example.traceId);
          const path = trace === undefined ? [] : pathTo(trace.nodes, example.node);
          expect(path.at(-1)?.graded).toBe("equal");
          expect(path.every(({ status }) => status === "ok")).toBe(true);
          expect(example.segments.map(({ text }) => text).join("")).toBe(
            [...promptFor(problemOf(1).text, "bare"), ...piecesOf(path).map(({ text }) => text)].join(""),
          );
          expect(example.segments[0]).toEqual({
            text: promptFor(problemOf(1).text, "bare")[0],
            train: false,
          });
          const trained = example.segments
            .filter(({ train }) => train)
            .map(({ text }) => text)
            .join("");
          expect(trained).not.toContain("<output>");
          expect(trained).not.toContain("Question:");
          expect(trained).toContain("<end_of_code>");
          expect(trained).toContain("\\boxed{0}");
        }
        const tree = mergeTraces(traces, (trace, node) => labelled(traces)(trace, node));
        const means = [...nodesOf(tree.root)]
          .filter((node) => node.kind === "answer" && node.right > 0)
          .map((node) => {
            const steps = [];
            for (let at = node.parent; at !== null && at.kind === "step"; at = at.parent) steps.push(at);
            return {
              program: programOf([...steps].reverse()),
              clean: steps.every(({ reason }) => reason !== ""),
              mean: steps.map(qOf).reduce((sum, q) => sum + q, 0) / steps.length,
            };
          })
          .filter(({ clean }) => clean);
        const best = new Map<string, number>();
        for (const { program, mean } of means) best.set(program, Math.max(best.get(program) ?? -2, mean));
        const expected = [...best.values()].sort((a, b) => b - a).slice(0, 2);
        const got = sft.map(({ meanQ }) => meanQ);
        expect(got.length).toBe(expected.length);
        for (const [index, mean] of expected.entries()) expect(got[index]).toBeCloseTo(mean);
      }),
      { numRuns: 60 },
    );
    expect(seen).toBeGreaterThan(20);
  });
});

function labelled(traces: readonly Trace[]) {
  const labelling = labelProblem(traces, null);
  if (labelling.kind !== "labels") throw new Error("the toy problem has a given answer");
  return labelling.of;
}

describe("Q-values", () => {
  it("are those that the search itself backed up", async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const trace = await search(world, problemOf(1), 1);
        const { placeOf } = mergeTraces([trace], labelled([trace]));
        for (const node of trace.nodes) {
          const place = placeOf.get(trace.id)?.[node.id];
          if (place === null || place === undefined || node.visits === 0) continue;
          expect(qOf(place)).toBeCloseTo(node.sum / node.visits);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("what may not train", () => {
  it("never enters: evaluation problems by text or id, held-out problems, files opted out, other models", async () => {
    const restyle = fc.constantFrom(
      (text: string) => text,
      (text: string) => text.toUpperCase(),
      (text: string) => ` $${text.replaceAll(" ", "\n  ")}$ `,
      (text: string) => text.replaceAll("o", "\\text{o}"),
    );
    await fc.assert(
      fc.asyncProperty(worlds, fc.subarray([1, 2, 3]), restyle, async (world, evaluated, style) => {
        const traces = (await Promise.all([1, 2, 3].map((n) => searchTwice(world, n)))).flat();
        const selection = selectTrainingData(traces, {
          ...RULES,
          evaluation: {
            ...evaluationProblems(),
            texts: new Set(evaluated.map((n) => fingerprint(style(problemOf(n).text)))),
          },
        });
        const forbidden = new Set(evaluated.map((n) => problemOf(n).id));
        for (const line of [...selection.sft, ...selection.pairs])
          expect(forbidden.has(line.problemId)).toBe(false);
        const { report } = selection;
        expect(report.leftOut.find(({ reason }) => reason === "evaluation problem")?.traces ?? 0).toBe(
          evaluated.length * 2,
        );
        expect(report.used + report.leftOut.reduce((sum, row) => sum + row.traces, 0)).toBe(traces.length);
      }),
      { numRuns: 20 },
    );
    const [trace] = await searchTwice({
      salt: 1,
      wordings: 5,
      answers: 2,
      failing: 0,
      withPpm: false,
      deadEndValue: null,
      rollout: "steps",
    });
    if (trace === undefined) return;
    const reasonOf = (changed: Trace, rules: Partial<SelectionRules>): string | undefined =>
      selectTrainingData([changed], { ...RULES, ...rules }).report.leftOut[0]?.reason;
    const renamed = { ...trace, problem: { ...trace.problem, id: "gsm8k-test-3" } };
    expect(reasonOf(renamed, {})).toBe("evaluation problem");
    expect(reasonOf(trace, { isHeldOut: () => true })).toBe("held out for the gate");
    expect(reasonOf({ ...trace, training: "opted-out" }, {})).toBe("its file is opted out");
    expect(reasonOf({ ...trace, training: "not-agreed" }, { consent: "agreed" })).toBe(
      "collecting was not agreed to",
    );
    expect(reasonOf({ ...trace, training: "agreed" }, { consent: "agreed" })).toBeUndefined();
    expect(reasonOf(trace, { policies: new Set(["f".repeat(64)]) })).toBe("other base model");
  });
});

describe("a given answer that was corrected", () => {
  const world: World = {
    ...{ salt: 3, wordings: 5, answers: 2, failing: 0, withPpm: false, deadEndValue: -1 },
    rollout: "continuation",
  };
  const searched = async (reference: string | null, createdAt: string, seed: number): Promise<Trace> => ({
    ...(await search(world, { ...problemOf(1), reference }, seed)),
    createdAt,
  });

  it("is the newest trace's; what was graded against another one is unknown", async () => {
    const old = await searched("1", "2026-01-01T00:00:00.000Z", 1);
    const corrected = await searched("0", "2026-02-01T00:00:00.000Z", 2);
    const alone = selectTrainingData([corrected], RULES);
    expect(alone.sft.length).toBeGreaterThan(0);
    for (const traces of [
      [old, corrected],
      [corrected, old],
    ]) {
      const { sft, report } = selectTrainingData(traces, RULES);
      expect(report.trajectories).toEqual(alone.report.trajectories);
      for (const { segments } of sft)
        expect(segments.map(({ text }) => text).join("")).toContain("\\boxed{0}");
    }
  });

  it("stays the same where it is only written differently, or was taken out", async () => {
    const old = await searched("0", "2026-01-01T00:00:00.000Z", 1);
    const again = { ...old, problem: { ...old.problem, reference: " 0.0 " } };
    const without = await searched(null, "2026-03-01T00:00:00.000Z", 2);
    const alone = selectTrainingData([old], RULES).report.trajectories;
    const newest = { ...without, problem: { ...without.problem, reference: "0" } };
    expect(selectTrainingData([again, newest], RULES).report.trajectories).toEqual(alone);
    expect(selectTrainingData([old, without], RULES).report.trajectories).toEqual(alone);
  });
});

describe("the coverage report", () => {
  it("counts every problem once by how hard it was, in its groups and in all (Table 2)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(worlds, { minLength: 1, maxLength: 4 }), async (all) => {
        const traces = (await Promise.all(all.map((world, n) => searchTwice(world, n)))).flat();
        const rows = selectTrainingData(traces, {
          ...RULES,
          groupsOf: (id) => [id === "toy-0" ? "first" : "later"],
        }).report.coverage;
        const total = rows.at(-1);
        expect(total?.group).toBe("all");
        expect(total?.problems).toBe(all.length);
        for (const row of rows) {
          expect(row.easy + row.medium + row.hard).toBe(row.problems);
          expect(row.solved).toBe(row.easy + row.medium);
        }
        const parts = rows.slice(0, -1);
        expect(parts.reduce((sum, row) => sum + row.solved, 0)).toBe(total?.solved);
      }),
      { numRuns: 20 },
    );
  });
});

describe("a search that was gone on with", () => {
  const world: World = {
    ...{ salt: 3, wordings: 3, answers: 2, failing: 10, withPpm: false, deadEndValue: -1 },
    rollout: "continuation",
  };

  it("counts once, however often it was gone on with", async () => {
    const [first, other] = await searchTwice(world);
    if (first === undefined || other === undefined) throw new Error("nothing was searched");
    const second = goneOn(first, "second", "2026-03-01T00:00:00.000Z");
    const third = goneOn(second, "third", "2026-04-01T00:00:00.000Z");
    const branch = goneOn(first, "branch", "2026-02-01T00:00:00.000Z");
    const chain = selectTrainingData([first, second, branch, third, other], RULES);
    const { report, ...alone } = selectTrainingData([{ ...third, id: first.id }, other], RULES);
    expect(chain.report).toMatchObject({
      used: 2,
      trajectories: report.trajectories,
      leftOut: [{ reason: "a later search went on from it", traces: 3 }],
    });
    const withoutIds = (text: unknown): string => JSON.stringify(text).replaceAll("third", first.id);
    expect(withoutIds({ sft: chain.sft, pairs: chain.pairs })).toBe(withoutIds(alone));
  });
});
