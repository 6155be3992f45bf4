import { describe, expect, it } from "vitest";
import { StopMatcher } from "../../../server/engine/stop.ts";
import {
  CONTINUATION_STOPS,
  MARK,
  parseCandidate,
  parseContinuation,
  parseStep,
  STEP_STOPS,
  writeStep,
} from "../../../server/search/grammar.ts";
import { promptFor } from "../../../server/search/prompt.ts";
import type { Candidate } from "../../../server/services.ts";

function candidate(text: string, stop: string | null): Candidate {
  return {
    text,
    tokens: 10,
    logProb: { mean: -1, min: -2 },
    finish: stop === null ? { kind: "length" } : { kind: "stop", stop },
  };
}

describe("the step parser", () => {
  it("reads the comment as the reason and keeps the whole as code", () => {
    expect(parseStep("# Step 2: Add them up.\nx = 1 + 2\n", MARK.endOfStep)).toEqual({
      kind: "step",
      step: {
        text: "# Step 2: Add them up.\nx = 1 + 2",
        reason: "Add them up.",
        code: "# Step 2: Add them up.\nx = 1 + 2",
        final: false,
      },
    });
  });

  it("joins a comment of several lines and accepts one without a number", () => {
    const parsed = parseStep("# First\n# then second\nx = 1", MARK.endOfStep);
    expect(parsed.kind === "step" && parsed.step.reason).toBe("First then second");
  });

  it("accepts a step without a comment", () => {
    const parsed = parseStep("x = 1", MARK.endOfStep);
    expect(parsed.kind === "step" && parsed.step.reason).toBe("");
  });

  it.each([MARK.endOfCode, MARK.output, "\n```", "\nQuestion:"])(
    "takes %j as the end of the program",
    (stop) => {
      const parsed = parseStep("print(1)", stop);
      expect(parsed.kind === "step" && parsed.step.final).toBe(true);
    },
  );

  it.each([
    ["", MARK.endOfStep, "empty"],
    ["  \n ", MARK.endOfCode, "empty"],
    ["x = 1\nx = 1\nx = 1", null, "unclosed"],
    ["# Step 1: think hard", MARK.endOfStep, "no-code"],
  ] as const)("names what is wrong with %j closed by %j", (text, stop, kind) => {
    const parsed = parseStep(text, stop);
    expect(parsed.kind === "failure" && parsed.rejection.kind).toBe(kind);
  });

  it("drops a Markdown fence that the model opened", () => {
    const parsed = parseStep("```python\n# Step 1: One\nx = 1", MARK.endOfStep);
    expect(parsed.kind === "step" && parsed.step.text).toBe("# Step 1: One\nx = 1");
  });

  it.each(["```python", "```", "```py\n"])("takes nothing but %j for an empty step", (text) => {
    const parsed = parseStep(text, "\n```");
    expect(parsed.kind === "failure" && parsed.rejection.kind).toBe("empty");
  });

  it("keeps the indentation of the first line", () => {
    const parsed = parseStep("\n    x = 1", MARK.endOfStep);
    expect(parsed.kind === "step" && parsed.step.text).toBe("    x = 1");
  });
});

/** What the policy would have been let write. */
function written(text: string, stops: readonly string[]): Candidate {
  const state = new StopMatcher(stops).push(text);
  return state.kind === "stop" ? candidate(state.text, state.stop) : candidate(text, null);
}

describe("a policy that puts its program into a Markdown fence", () => {
  it("is read without the fence, which ends where it closes", () => {
    const text = "```python\n# Step 1: A\na = 1\n# Step 2: B\nprint(a)\n```\nThis prints 1.";
    const steps = parseContinuation(written(text, CONTINUATION_STOPS));
    expect(steps.map((step) => step.kind === "step" && [step.step.text, step.step.final])).toEqual([
      ["# Step 1: A\na = 1", false],
      ["# Step 2: B\nprint(a)", true],
    ]);
  });

  it("is read step by step too", () => {
    const text = "```python\na = 1\n# Step 2: B\nprint(a)\n```";
    expect(parseCandidate(written(text, STEP_STOPS))).toMatchObject({
      kind: "step",
      step: { text: "a = 1", final: false },
    });
    expect(parseCandidate(written("```\nprint(1)\n```\n", STEP_STOPS))).toMatchObject({
      step: { text: "print(1)", final: true },
    });
  });

  it("and begins it with a step's comment has written nothing when one step was asked for", () => {
    // The comment ends the step before it, and a stop string cannot tell that there is none.
    const parsed = parseCandidate(written("```python\n# Step 1: A\na = 1", STEP_STOPS));
    expect(parsed.kind === "failure" && parsed.rejection.kind).toBe("empty");
  });

  it("reads the same as before where it only closes one", () => {
    const text = "print(1)\n```\nThis prints 1.";
    expect(parseContinuation(written(text, CONTINUATION_STOPS))).toEqual(
      parseContinuation(written(text, ["```"])),
    );
  });
});

describe("a continuation", () => {
  it("is split into its steps, of which only the last is final", () => {
    const steps = parseContinuation(candidate("a = 1\n<end_of_step>\nprint(a)", MARK.endOfCode));
    expect(steps.map((step) => step.kind === "step" && [step.step.text, step.step.final])).toEqual([
      ["a = 1", false],
      ["print(a)", true],
    ]);
  });

  it("is split before a step's comment, too, when the model forgot to close the one before", () => {
    const steps = parseContinuation(candidate("# Step 1: A\na = 1\n# Step 2: B\nprint(a)", MARK.endOfCode));
    expect(steps.map((step) => step.kind === "step" && [step.step.reason, step.step.final])).toEqual([
      ["A", false],
      ["B", true],
    ]);
  });

  it("with an empty step between marks leaves it out", () => {
    const steps = parseContinuation(candidate("a = 1<end_of_step>\n<end_of_step>print(a)", MARK.endOfCode));
    expect(steps.map((step) => step.kind)).toEqual(["step", "step"]);
  });

  it("ends at the first step that cannot be read", () => {
    const steps = parseContinuation(
      candidate("a = 1<end_of_step># only words<end_of_step>print(a)", MARK.endOfCode),
    );
    expect(steps.map((step) => step.kind)).toEqual(["step", "failure"]);
  });

  it("that ran out of tokens ends unclosed", () => {
    const steps = parseContinuation(candidate("a = 1<end_of_step>b = a +", null));
    expect(steps.at(-1)).toMatchObject({ kind: "failure", rejection: { kind: "unclosed" } });
  });
});

describe("a written step", () => {
  it("is read back as it was", () => {
    const written = writeStep({ text: "# Step 1: One\nx = 1", final: false });
    const [text = ""] = written.split(MARK.endOfStep);
    const parsed = parseStep(text, MARK.endOfStep);
    expect(parsed.kind === "step" && parsed.step.text).toBe("# Step 1: One\nx = 1");
  });
});

describe("the prompt", () => {
  it("shares its first segment among problems when it has examples", () => {
    expect(promptFor("A?", "two-shot")[0]).toBe(promptFor("B?", "two-shot")[0]);
    expect(promptFor("A?", "two-shot").at(-1)).toContain("A?");
  });

  it("has no examples for a tuned policy", () => {
    expect(promptFor("A?", "bare")).toHaveLength(1);
  });
});
