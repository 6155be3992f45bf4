/** Grading with math-verify: verdicts on real answers, the deadline, odd input. */
import { afterAll, beforeAll, expect, test } from "vitest";
import fc from "fast-check";
import { createGrader } from "../../server/grading/grader.ts";
import type { DisposableGrader } from "../../server/grading/grader.ts";
import type { GradingMode } from "../../server/services.ts";
import { NEVER, sandboxPaths } from "../support/sandbox.ts";
import { ServiceUnavailable } from "../../server/services.ts";

let grader: DisposableGrader;

beforeAll(async () => {
  grader = createGrader({ ...(await sandboxPaths()), timeLimitMs: 5000 });
  await grader.warm();
});

afterAll(() => grader.dispose());

/** Asks both ways round, so that every example also checks symmetry. */
async function kindOf(a: string, b: string, mode: GradingMode): Promise<string> {
  const [forth, back] = [
    await grader.equivalent(a, b, mode, NEVER),
    await grader.equivalent(b, a, mode, NEVER),
  ];
  expect(back).toEqual(forth);
  return forth.kind;
}

const VECTOR = "\\begin{pmatrix} -2 \\\\ -14 \\\\ -7 \\end{pmatrix}";

const EQUAL_AS_WRITTEN: [string, string][] = [
  ["2\\sqrt{3}", "\\sqrt{12}"],
  ["\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}"],
  ["sqrt(2)/2", "\\frac{\\sqrt{2}}{2}"],
  ["2*sqrt(3)", "2\\sqrt{3}"],
  ["x**2 + 2*x + 1", "(x+1)^2"],
  ["(1, \\pi)", "(1, pi)"],
  ["\\{1, \\sqrt{2}\\}", "\\{\\sqrt{2}, 1\\}"],
  ["\\frac{\\pi}{4}", "pi/4"],
  ["[0, \\infty)", "[0,\\infty)"],
  ["3 + 4i", "4i + 3"],
  ["\\binom{10}{3}", "120"],
  ["5!", "120"],
  ["x + x", "2x"],
  ["n(n+1)/2", "\\frac{n(n+1)}{2}"],
  ["1/2 + I", "\\frac12 + i"],
  ["oo", "\\infty"],
  [VECTOR, "\\begin{bmatrix}-2\\\\-14\\\\ -7\\end{bmatrix}"],
  [VECTOR, "Matrix([[-2], [-14], [-7]])"],
  ["\\begin{pmatrix} 1/\\sqrt{2} & x \\\\ 2 & 0.5 \\end{pmatrix}", "Matrix([[sqrt(2)/2, x], [2, 1/2]])"],
  ["\\begin{pmatrix} i \\\\ 1 \\end{pmatrix}", "Matrix([[I], [1]])"],
  ["4t", "4*t"],
  ["6ab", "6*a*b"],
  ["\\frac{1}{2}h", "h/2"],
  ["\\frac{x^3}{3} + c", "x**3/3 + c"],
  ["\\sin t", "sin(t)"],
];

test.each(EQUAL_AS_WRITTEN)("%s equals %s", async (a, b) => {
  expect(await kindOf(a, b, "strict")).toBe("equal");
  expect(await kindOf(a, b, "lenient")).toBe("equal");
});

const DIFFERENT: [string, string][] = [
  ["2\\sqrt{3}", "3\\sqrt{2}"],
  ["(1, 2)", "(2, 1)"],
  ["x + 1", "x + 2"],
  ["\\frac{\\pi}{3}", "\\frac{\\pi}{4}"],
  ["sqrt(2)", "1.41"],
  ["3 or 4", "3"],
  ["5 x", "5"],
  ["2 + 3i", "3 + 2i"],
  [VECTOR, "\\begin{pmatrix} -2 \\\\ -14 \\\\ 7 \\end{pmatrix}"],
  [VECTOR, "\\begin{pmatrix} -2 & -14 & -7 \\end{pmatrix}"],
  [VECTOR, "Matrix([[-2, -14, -7]])"],
  ["2 \\text{ million}", "2"],
  ["3 \\text{ feet } 4 \\text{ inches}", "3"],
  ["4t", "4"],
  ["\\frac{1}{2}h", "\\frac{1}{2}"],
];

test.each(DIFFERENT)("%s differs from %s", async (a, b) => {
  expect(await kindOf(a, b, "strict")).toBe("different");
});

/** With what the strict grader says: Math-Verify looks at no name before a value, no order of a list, no unit. */
const EQUAL_LENIENTLY: [string, string, "equal" | "different"][] = [
  ["x = \\sqrt{2}", "\\sqrt{2}", "equal"],
  ["2, \\sqrt{3}", "\\sqrt{3}, 2", "equal"],
  ["x = 1 or x = -1", "-1, 1", "equal"],
  ["sqrt(2)", "1.41", "different"],
  ["3.14", "\\pi", "different"],
  ["2\\sqrt{3} \\text{ cm}", "\\sqrt{12}", "equal"],
  ["x \\in (1, \\pi)", "(1, \\pi)", "equal"],
  ["2, sqrt(3)", "[sqrt(3), 2]", "different"],
  ["\\sqrt{2}, 1", "[1, sqrt(2)]", "equal"],
  ["(1, sqrt(2))", "[1, sqrt(2)]", "different"],
];

test.each(EQUAL_LENIENTLY)("%s equals %s leniently, strictly they are %s", async (a, b, strict) => {
  expect(await kindOf(a, b, "lenient")).toBe("equal");
  expect(await kindOf(a, b, "strict")).toBe(strict);
});

const DIFFERENT_LENIENTLY: [string, string][] = [
  ["5 \\text{ or } 6", "5"],
  ["1 or 2 or 3 or 4", "1"],
  ["5 cm and 12 cm", "5"],
  ["3 feet 4 inches", "3"],
  ["3 \\text{ feet } 4 \\text{ inches}", "3"],
  ["7 out of 12", "7"],
  ["7 \\text{ out of } 12", "7"],
  ["2 million", "2"],
  ["5 \\text{ dozen}", "5"],
  ["6 plus 7", "6"],
  ["\\text{(B)}", "C"],
  ["B", "(C)"],
  ["6xy", "6yz"],
  ["2x", "2y"],
  ["4t", "4"],
  ["(1, sqrt(2))", "sqrt(2), 1"],
  ["1, sqrt(2)", "[1, sqrt(3)]"],
  ["x \\in [0, \\sqrt{2}]", "(0, \\sqrt{2})"],
];

test.each(DIFFERENT_LENIENTLY)("%s differs from %s leniently too", async (a, b) => {
  expect(await kindOf(a, b, "lenient")).toBe("different");
});

test("what nothing can read is undecided", async () => {
  expect(await kindOf("\\frac{", "\\begin{foo", "strict")).not.toBe("equal");
  expect(await kindOf("", "", "lenient")).toBe("undecided");
});

test("an answer that takes for ever to compare is undecided at the deadline, and the next pair is decided", async () => {
  const own = createGrader({ ...(await sandboxPaths()), timeLimitMs: 2000 });
  await own.warm();
  const verdict = await own.equivalent("7**(9**(9**9)) + x", "x + 1", "strict", NEVER);
  expect(verdict).toEqual({ kind: "undecided", how: "time limit" });
  expect(await own.equivalent("x + x", "2x", "strict", NEVER)).toMatchObject({ kind: "equal" });
  await own.dispose();
});

test("a comparison can be aborted within 250 ms", async () => {
  const controller = new AbortController();
  const reason = new Error("stopped by the test");
  const running = grader.equivalent("7**(9**(9**9)) + y", "y + 1", "strict", controller.signal);
  setTimeout(() => controller.abort(reason), 100);
  const before = performance.now();
  await expect(running).rejects.toBe(reason);
  expect(performance.now() - before).toBeLessThan(350);
});

test("an answer is never run as Python", async () => {
  for (const text of [
    "__import__('os').getcwd()",
    "exec('x=1')",
    "(lambda: 1)()",
    "[c for c in (1,2)]",
    "open('/etc/passwd')",
    "Matrix(1, 1, lambda i, j: x + 7)",
    "Matrix('x + 7')",
  ]) {
    expect((await grader.equivalent(text, "x + 7", "lenient", NEVER)).kind).not.toBe("equal");
  }
});

test("without an interpreter nothing is said of a pair that it would have to decide", async () => {
  const own = createGrader({ ...(await sandboxPaths()), wheelsDir: "nowhere" });
  expect((await own.equivalent("4/2", "2", "strict", NEVER)).kind).toBe("equal");
  await expect(own.equivalent("x + x", "2x", "strict", NEVER)).rejects.toThrow(ServiceUnavailable);
  await own.dispose();
});

test("odd input gets a verdict, the same both ways round", async () => {
  const fragment = fc.constantFrom(
    ..."\\frac { } 1 2 x ^ _ \\sqrt ( ) [ , $ \\text{a} \\le = \\{ \\} % 0 .5 -".split(" "),
    "\\begin{pmatrix}",
    " ",
  );
  const text = fc.array(fragment, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(text, text, fc.constantFrom("strict", "lenient"), async (a, b, mode: GradingMode) => {
      expect(["equal", "different", "undecided"]).toContain(await kindOf(a, b, mode));
    }),
    { numRuns: 40 },
  );
});
