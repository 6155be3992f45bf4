/** Reading problems, methods and budgets: what is right, and what is said about what is wrong. */
import { describe, expect, it } from "vitest";
import { budgetTokens, METHOD_NAMES, readBudget, readMethod } from "../../../server/evaluation/methods.ts";
import {
  ofLevels,
  problemsHash,
  readProblems,
  slice,
  type EvaluationProblem,
} from "../../../server/evaluation/problems.ts";
import { planOf } from "../../../server/cli/eval-options.ts";
import { CommandFailure } from "../../../server/cli/exit.ts";
import { profile } from "../../../server/search/config.ts";

const line = (fields: Record<string, unknown>): string => JSON.stringify(fields);
const good = (id: string) => line({ id, problem: `What is ${id}?`, answer: "1" });

function issues(text: string): readonly string[] {
  const reading = readProblems(text);
  return reading.kind === "bad" ? reading.issues : [];
}

describe("a file of problems", () => {
  it("is read with levels and numbers as text, in order, whatever its line ends", () => {
    const text = `\uFEFF${line({ id: "a", problem: "1+1?", answer: 2, level: 3, subject: "x" })}\r\n${good("b")}\n\n`;
    const reading = readProblems(text);
    expect(reading).toMatchObject({
      kind: "problems",
      problems: [
        { id: "a", text: "1+1?", answer: "2", level: "3" },
        { id: "b", answer: "1", level: null },
      ],
    });
  });

  it.each([
    ["an empty file", "", "there is no problem in it"],
    ["a blank line in the middle", `${good("a")}\n\n${good("b")}`, "line 2: it is blank"],
    ["a torn line", `${good("a")}\n{"id": "b", "prob`, "line 2: it is not JSON"],
    ["a list", "[1, 2]", "line 1: it is not an object"],
    ["a missing answer", line({ id: "a", problem: "?" }), 'line 1: the field "answer" is missing'],
    ["an empty answer", line({ id: "a", problem: "?", answer: " " }), 'the field "answer"'],
    [
      "a number that would be read as another",
      '{"id": "a", "problem": "?", "answer": 9007199254740993}',
      "in quotes",
    ],
    ["a missing statement", line({ id: "a", answer: "1" }), 'the field "problem" is missing'],
    ["an id used twice", `${good("a")}\n${good("b")}\n${good("a")}`, 'line 3: the id "a" is taken by line 1'],
  ])("%s is refused", (_name, text, words) => {
    expect(issues(text).join("\n")).toContain(words);
  });

  it("names every wrong line, not only the first", () => {
    expect(issues(`x\n${good("a")}\ny`)).toHaveLength(2);
  });

  it("is named by what is in it", () => {
    const hash = (text: string): string => {
      const reading = readProblems(text);
      return reading.kind === "problems" ? problemsHash(reading.problems) : "";
    };
    expect(hash(`${good("a")}\n`)).toBe(hash(good("a")));
    expect(hash(good("a"))).not.toBe(hash(good("b")));
  });

  it("is cut by offset and limit", () => {
    const reading = readProblems([good("a"), good("b"), good("c")].join("\n"));
    const all = reading.kind === "problems" ? reading.problems : [];
    expect(slice(all, 1, 1)?.map(({ id }) => id)).toEqual(["b"]);
    expect(slice(all, 0, null)).toHaveLength(3);
    expect(slice(all, 3, 1)).toBeNull();
  });

  it("is narrowed to levels", () => {
    const at = (level: string | null, id: string): EvaluationProblem => ({
      id,
      text: id,
      answer: "1",
      level,
    });
    const all = [at("3", "a"), at("1", "b"), at(null, "c"), at("2", "d")];
    expect(ofLevels(all, ["1", "2", "7"])).toEqual({ kind: "problems", problems: [all[1], all[3]] });
    expect(ofLevels(all, ["7"])).toEqual({ kind: "none", levels: ["1", "2", "3"] });
  });
});

describe("methods", () => {
  it("every name of the list is one", () => {
    for (const name of METHOD_NAMES)
      expect(readMethod(name)).toMatchObject({ kind: "method", method: { name } });
  });

  it("takes changed settings", () => {
    expect(readMethod("mcts:exploration=2:deadEndValue=null:ppm=none")).toMatchObject({
      kind: "method",
      method: { ppm: "none", config: { strategy: "mcts", exploration: 2, deadEndValue: null } },
    });
  });

  it("keeps the profiles apart", () => {
    const config = (name: string) => {
      const reading = readMethod(name);
      return reading.kind === "method" ? reading.method.config : null;
    };
    expect(config("mcts-paper")).toEqual(profile("paper"));
    expect(config("mcts")?.rollout).toBe("continuation");
    expect(config("self-consistency-fixed")?.settleConfidence).toBe(1);
    expect(config("self-consistency")?.settleConfidence).toBeLessThan(1);
  });

  it.each([
    ["luck", "Known strategies"],
    ["toString", "Known strategies"],
    ["mcts:exploration=-1", "exploration"],
    ["mcts:exploration", "exploration"],
    ["mcts:seed=3", "not a setting"],
    ["mcts:annotation=reference", "not a setting"],
    ["mcts:colour=3", "not a setting"],
    ["weighted-vote:ppm=none", "not a setting"],
  ])("%s is refused", (written, words) => {
    const reading = readMethod(written);
    expect(reading.kind === "bad" ? reading.message : "").toContain(words);
  });
});

describe("budgets", () => {
  it("are tokens or multiples of greedy's", () => {
    expect(readBudget("1600")).toEqual({ kind: "tokens", tokens: 1600 });
    expect(readBudget("8x")).toEqual({ kind: "multiple", of: 8 });
    expect(readBudget("0.5x")).toEqual({ kind: "multiple", of: 0.5 });
    for (const bad of ["", "x", "0", "0x", "-1", "1.5", "8 x", "1e3"]) expect(readBudget(bad)).toBeNull();
    expect(budgetTokens({ kind: "multiple", of: 8 }, 120.2)).toBe(962);
    expect(budgetTokens({ kind: "tokens", tokens: 5 }, 120)).toBe(5);
  });
});

describe("a plan", () => {
  const options = { strategy: "mcts", budget: "1600", seed: 3, seeds: 2 };
  const names = (changes: Partial<typeof options>) =>
    planOf({ ...options, ...changes }, []).methods.map(({ name }) => name);

  it("adds greedy where a budget is a multiple of it", () => {
    expect(names({})).toEqual(["mcts"]);
    expect(names({ budget: "1600,8x" })).toEqual(["greedy", "mcts"]);
    expect(names({ budget: "8x", strategy: "mcts,greedy" })).toEqual(["mcts", "greedy"]);
    expect(planOf(options, []).seeds).toEqual([3, 4]);
  });

  it.each([
    [{ strategy: "mcts,mcts" }, "twice"],
    [{ strategy: " , " }, "names nothing"],
    [{ budget: "many" }, "is no budget"],
    [{ budget: "8x,8x" }, "twice"],
  ])("%o is refused", (changes, words) => {
    expect(() => names(changes)).toThrow(CommandFailure);
    expect(() => names(changes)).toThrow(words);
  });
});
