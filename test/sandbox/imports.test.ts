/** Imports that a step forgot, on real Python: which are put in, and which names stay the errors that they are. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSandbox } from "../../server/sandbox/sandbox.ts";
import type { DisposableSandbox } from "../../server/sandbox/sandbox.ts";
import { EMPTY_STATE, type RunResult } from "../../server/services.ts";
import { NEVER, runAll, runStep, sandboxPaths } from "../support/sandbox.ts";

let sandbox: DisposableSandbox;

beforeAll(async () => {
  sandbox = createSandbox({ ...(await sandboxPaths()), size: 1, timeLimitMs: 3000 });
  await sandbox.warm();
});

afterAll(() => sandbox.dispose());

function completed(step: string, program: readonly string[] = []): Promise<RunResult> {
  return sandbox.run({ program }, step, NEVER, { completeImports: true });
}

test("functions, modules and constants are imported below the step's comment, one line for each module", async () => {
  const code = [
    "# Step 1: Solve it.",
    "from fractions import Fraction",
    "from sympy import Rational, pi, solve, sqrt, symbols",
    "import math",
    "x = symbols('x')",
    "roots = solve(x**2 - Rational(1, 4), x)",
    "print(roots, sqrt(8) * pi, math.floor(2.5), Fraction(1, 2))",
  ].join("\n");
  const step = code.split("\n").filter((line) => !/import/u.test(line));
  const result = await completed(step.join("\n"));
  expect(result).toMatchObject({
    kind: "ok",
    code,
    output: "[-1/2, 1/2] 2*sqrt(2)*pi 2 1/2\n",
    state: { program: [code] },
  });
  // What was stored runs by itself, with no help.
  expect(await runStep(sandbox, result.code)).toMatchObject({
    kind: "ok",
    code,
    output: "[-1/2, 1/2] 2*sqrt(2)*pi 2 1/2\n",
  });
});

test("a later step finds what an earlier one imported, and only what is missing is put in", async () => {
  const state = await runAll(sandbox, ["from math import sqrt\nimport sympy as sp"]);
  const result = await completed("y = sp.Rational(1, 3)\nprint(sqrt(4), ceil(2.5))", state.program);
  expect(result).toMatchObject({
    kind: "ok",
    output: "2.0 3\n",
    code: "from math import ceil\ny = sp.Rational(1, 3)\nprint(sqrt(4), ceil(2.5))",
  });
});

test("names inside of functions count, and a function's own names do not", async () => {
  expect(await completed("def f(sqrt):\n    return sqrt(2)\nprint(f(lambda x: x))")).toMatchObject({
    output: "2\n",
    code: "def f(sqrt):\n    return sqrt(2)\nprint(f(lambda x: x))",
  });
  expect(await completed("def f(x):\n    return sqrt(x)\nprint(f(9))")).toMatchObject({ output: "3\n" });
});

test.each([
  ["a variable that was never set", "print(total + 1)", "total"],
  ["a function's name used as a variable", "print(product + 1)", "product"],
  ["a module's name used as a variable", "print(math + 1)", "math"],
  ["a function's name used both ways", "print(gcd + gcd(4, 6))", "gcd"],
  ["a function that two libraries understand differently", "print(root(8, 3))", "root"],
  ["a source of chance", "print(random.randint(1, 6))", "random"],
])("%s stays an error", async (_, step, name) => {
  expect(await completed(step)).toMatchObject({
    kind: "error",
    code: step,
    error: { type: "NameError", message: expect.stringContaining(`'${name}'`) as string },
  });
});

test("a failure names the line of the code with its imports, which comes back too", async () => {
  expect(await completed("# Divide.\na = sqrt(4)\nb = 1 / 0")).toMatchObject({
    kind: "error",
    code: "# Divide.\nfrom sympy import sqrt\na = sqrt(4)\nb = 1 / 0",
    error: { type: "ZeroDivisionError", line: 4 },
  });
});

test("a step that cannot be parsed comes back as it was", async () => {
  expect(await completed("a = sqrt(4")).toMatchObject({
    kind: "error",
    code: "a = sqrt(4",
    error: { type: "SyntaxError" },
  });
});

test("nothing is put in unless it is asked for, nor where a step imports everything", async () => {
  expect(await sandbox.run(EMPTY_STATE, "print(sqrt(4))", NEVER)).toMatchObject({ kind: "error" });
  const step = "from math import *\nprint(sqrt(4))";
  expect(await completed(step)).toMatchObject({ kind: "ok", code: step, output: "2.0\n" });
});
