/** Grading without Python: extraction, exact numbers, lists, words, what the lenient mode forgives. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extractAnswer } from "../../../server/grading/extract.ts";
import { answerKey, fastVerdict, prepare } from "../../../server/grading/fast.ts";
import { normalizeAnswer } from "../../../server/grading/normalize.ts";
import { parseNumber } from "../../../server/grading/number.ts";
import type { GradingMode } from "../../../server/services.ts";

describe("the final answer is", () => {
  test.each([
    ["the last box", "\\boxed{1} and then \\boxed{2}", "2"],
    ["a box with braces inside", "so $\\boxed{\\frac{1}{\\sqrt{2}}}$.", "\\frac{1}{\\sqrt{2}}"],
    ["a box with escaped braces", "\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"],
    ["a box without braces", "the answer is \\boxed 7.", "7."],
    ["an fbox", "\\fbox{3}", "3"],
    ["the last printed value without a box", "12\n\n  42  \n\n", "42"],
    ["the last line with Windows line ends", "1\r\n2\r\n", "2"],
    ["the whole box before one that is cut off", "\\boxed{5} \\boxed{6", "5"],
    ["the box before an empty one", "\\boxed{5} \\boxed{}", "5"],
    ["not a word that begins like a box", "\\boxedanswer{3}\n4", "4"],
  ])("%s", (_title, text, answer) => {
    expect(extractAnswer(text)).toBe(answer);
  });

  test.each(["", "  \n \t"])("none in a blank text", (text) => {
    expect(extractAnswer(text)).toBeNull();
  });
});

describe("an exact number is read from", () => {
  test.each([
    ["42", 42n, 1n],
    ["-7", -7n, 1n],
    ["+7", 7n, 1n],
    ["−7", -7n, 1n],
    ["007", 7n, 1n],
    ["0.5", 1n, 2n],
    [".5", 1n, 2n],
    ["5.", 5n, 1n],
    ["-0", 0n, 1n],
    ["1,234,567", 1234567n, 1n],
    ["1{,}234.50", 2469n, 2n],
    ["10/4", 5n, 2n],
    ["-3/-6", 1n, 2n],
    ["\\frac{1}{2}", 1n, 2n],
    ["\\dfrac{-6}{4}", -3n, 2n],
    ["-\\tfrac12", -1n, 2n],
    ["1 1/2", 3n, 2n],
    ["-1\\frac{1}{2}", -3n, 2n],
    ["50%", 1n, 2n],
    ["12.5\\%", 1n, 8n],
    ["\\$1,000", 1000n, 1n],
    ["$5", 5n, 1n],
    ["-$5.25", -21n, 4n],
    ["€3", 3n, 1n],
    ["1.5e3", 1500n, 1n],
    ["2E-2", 1n, 50n],
    ["1.5 \\times 10^{3}", 1500n, 1n],
    ["3 × 10^-2", 3n, 100n],
    ["10^5", 100000n, 1n],
    ["$\\frac{3}{4}$", 3n, 4n],
    ["\\(0.25\\)", 1n, 4n],
    ["½", 1n, 2n],
    ["123456789012345678901234567890", 123456789012345678901234567890n, 1n],
  ])("%s", (text, numerator, denominator) => {
    expect(parseNumber(normalizeAnswer(text))).toMatchObject({ numerator, denominator });
  });

  test.each([
    "",
    "x",
    "1/0",
    "\\frac{1}{0}",
    "1,23",
    "12,34,567",
    "1.2.3",
    "--5",
    "1e99999",
    "\\pi",
    "(3)",
    "3x",
    "1 2",
  ])("not from %j", (text) => {
    expect(parseNumber(normalizeAnswer(text))).toBeNull();
  });
});

/** The verdict, asked both ways round. */
function kindOf(a: string, b: string, mode: GradingMode): string {
  const [forth, back] = [fastVerdict(a, b, mode), fastVerdict(b, a, mode)];
  expect(back).toEqual(forth);
  return forth?.kind ?? "left to math-verify";
}

describe("as written", () => {
  test.each([
    ["42", "42.0"],
    ["0.1", "1/10"],
    ["0.30000000000000000000001", "30000000000000000000001/100000000000000000000000"],
    ["\\boxed{7}", "7"],
    ["\\frac{1}{2}", "\\dfrac 1 2".replace(" 1 2", "12")],
    ["(1, 2)", "\\left( 1,\\, 2.0 \\right)"],
    ["\\{1, 2\\}", "\\{2, 1\\}"],
    ["1, 2", "2, 1"],
    ["Tuesday", "\\text{tuesday}"],
    ["x + 1", "$x + 1$"],
    ["10,\\!080", "10080"],
    ["11,\\! 111,\\! 100", "11111100"],
    ["\\frac{12}{5,\\!525}", "12/5525"],
    ["\\pi\\!r^2", "\\pi r^2"],
  ])("%s and %s are equal", (a, b) => {
    expect(kindOf(a, b, "strict")).toBe("equal");
  });

  test.each([
    ["0.1", "0.10000000000000000001"],
    ["3.33", "10/3"],
    ["50%", "50"],
    ["(1, 2)", "(2, 1)"],
    ["1, 2", "1, 3"],
    ["Monday", "Tuesday"],
    ["[0, \\sqrt{2}]", "(0, \\sqrt{2})"],
    ["[0, oo)", "(0, oo)"],
  ])("%s and %s differ", (a, b) => {
    expect(kindOf(a, b, "strict")).toBe("different");
  });

  test.each([
    ["\\sqrt{4}", "2"],
    ["42 apples", "42"],
    ["x = 3", "3"],
    ["(1, 2)", "[1, 2)"],
    ["no solution", "0"],
  ])("%s and %s are not for the fast path", (a, b) => {
    expect(["left to math-verify", "different"]).toContain(kindOf(a, b, "strict"));
  });

  test("intervals that are joined are left to math-verify", () => {
    expect(kindOf("(1, x) \\cup (2, y]", "(2, y] \\cup (1, x)", "strict")).toBe("left to math-verify");
  });
});

describe("leniently", () => {
  test.each([
    ["3.33", "10/3"],
    ["0.67", "2/3"],
    ["3.14", "3.14159"],
    ["-3.33", "-\\frac{10}{3}"],
    ["50%", "50"],
    ["50%", "0.5"],
    ["x = 3", "3"],
    ["y=-\\frac{1}{2}", "-0.5"],
    ["f(2) = 9", "9"],
    ["The answer is 42 apples.", "42"],
    ["The final answer is: $42$", "42"],
    ["Therefore, the total cost is $12.50", "12.5"],
    ["42 apples", "42 oranges"],
    ["5 \\text{ cm}", "5"],
    ["5\\text{ cm}^2", "5"],
    ["90^\\circ", "90"],
    ["90°", "90 degrees"],
    ["60 km/h", "60"],
    ["$1,200 per year", "1200"],
    ["3 m", "3"],
    ["1, 2", "2, 1"],
    ["x = 1 or x = 2", "2, 1"],
    ["1 and 2", "\\{2, 1\\}"],
    ["1,-2", "[-2, 1]"],
    ["6, -2", "[-2, 6.0]"],
    ["x = 1, x = 2", "1, 2"],
    ["19 \\text{ and }43", "43, 19"],
    ["12 percent", "12"],
    ["12 \\text{ percent}", "0.12"],
    ["5 m/s^2", "5 m s^{-2}"],
    ["5 m2", "5"],
    ["5cm", "5"],
    ["3hours", "3"],
    ["7 oz of tea", "7"],
    ["2 sq ft", "2"],
  ])("%s and %s are equal", (a, b) => {
    expect(kindOf(a, b, "lenient")).toBe("equal");
  });

  test.each([
    ["3.34", "10/3"],
    ["3", "10/3"],
    ["0.3", "1/3"],
    ["3.14", "3.15"],
    ["43 apples", "42 apples"],
    ["x = 3", "-3"],
    ["12%", "13"],
    ["x \\in [-2,7]", "(-2,7)"],
    ["(0, 1]", "x \\in [0, 1]"],
  ])("%s and %s differ", (a, b) => {
    expect(kindOf(a, b, "lenient")).toBe("different");
  });

  test.each([
    ["5x", "5"],
    ["2 \\pi", "2"],
    ["3i", "3"],
    ["2 sqrt(3)", "2"],
    ["5!", "5"],
    ["2^{10}", "2"],
    ["x = 1, y = 2", "1, 2"],
    ["5 \\text{ or } 6", "5"],
    ["1 or 2 or 3 or 4", "1"],
    ["5 cm and 12 cm", "5"],
    ["42 apples and oranges", "42"],
    ["3 feet 4 inches", "3"],
    ["3 feet four inches", "3"],
    ["7 out of 12", "7"],
    ["7 \\text{ out of } 12", "7"],
    ["60 miles per 2 hours", "60"],
    ["3 to 1", "3"],
    ["2 million", "2"],
    ["2 Million dollars", "2"],
    ["2 \\text{ million}", "2"],
    ["5 dozen", "5"],
    ["2 thirds", "2"],
    ["1 third", "1"],
    ["5 sixths", "5"],
    ["3 quarters", "3"],
    ["5 squared", "5"],
    ["6xy", "6"],
    ["6xy", "6yz"],
    ["6 xy", "6"],
    ["\\frac{1}{2}bh", "\\frac{1}{2}"],
    ["3ab^2", "3"],
    ["6 plus 7", "6"],
    ["10 minus x", "10"],
    ["3 times x", "3"],
    ["12 percent of x", "12"],
    ["(1, 2)", "2, 1"],
    ["1, 2", "[1, 3]"],
    ["x \\in [-2,7]", "7, -2"],
    ["x \\in [-2,7]", "-2, 7"],
  ])("%s is not taken for %s", (a, b) => {
    expect(kindOf(a, b, "lenient")).not.toBe("equal");
  });
});

test("an empty answer is equal to nothing, not even to another", () => {
  for (const empty of ["", "  ", "$$", "\\boxed{}", "{}"]) {
    for (const other of ["", "0", "x", empty]) {
      for (const mode of ["strict", "lenient"] as const) expect(kindOf(empty, other, mode)).not.toBe("equal");
    }
  }
});

describe("an answer of more than 2,000 characters", () => {
  const digits = "7".repeat(2000);

  test("is equal to the same text alone", () => {
    for (const mode of ["strict", "lenient"] as const) {
      expect(kindOf(`${digits}1`, ` ${digits}1\n`, mode)).toBe("equal");
      expect(kindOf(`${digits}1`, `${digits}2`, mode)).toBe("undecided");
      expect(kindOf(`${digits}1`, digits, mode)).toBe("undecided");
      expect(kindOf("$".repeat(200_000), "$".repeat(200_000), mode)).toBe("undecided");
    }
  });

  test("has no key, and one with room around it is as long as its text", () => {
    const list = Array.from({ length: 1000 }, (_, index) => index).join(", ");
    expect(answerKey(`${list}, 1`)).toBeNull();
    expect(answerKey(`${" ".repeat(3000)}5`)).toBe(answerKey("5"));
  });
});

const entry = fc.oneof(
  fc.integer({ min: -99, max: 99 }).map(String),
  fc.constantFrom("x", "\\frac{1}{2}", "1/\\sqrt{2}", "-3/5"),
);
const matrix = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }))
  .chain(([columns, rows]) =>
    fc.array(fc.array(entry, { minLength: columns, maxLength: columns }), {
      minLength: rows,
      maxLength: rows,
    }),
  );

test("a matrix keeps its rows and its entries, however its source is spaced", () => {
  const gap = fc.constantFrom("", " ", "  ", "\n", "\\,", "\\ ", "\\!", "~");
  fc.assert(
    fc.property(matrix, gap, gap, fc.constantFrom("strict", "lenient"), (rows, before, after, mode) => {
      const written = rows.map((row) => row.join(` &${before} `)).join(`${before}\\\\${after}`);
      const normal = prepare(`\\begin{pmatrix} ${written} \\end{pmatrix}`, mode);
      const inner = /^\\begin\{pmatrix\}(.*)\\end\{pmatrix\}$/u.exec(normal)?.[1] ?? "";
      expect(inner.split("\\\\").map((row) => row.split("&").map((each) => each.trim()))).toEqual(rows);
    }),
  );
});

test("thousands are one number, however they are set apart", () => {
  const comma = fc.constantFrom(",", ",\\!", "{,}", "{,}\\!", ", \\! ", ",\\! ");
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 2 ** 31 }),
      comma,
      fc.constantFrom("", "\\$", "-"),
      (n, set, sign) => {
        const written = `${sign}${n.toLocaleString("en-US").replaceAll(",", set)}`;
        expect(kindOf(written, `${sign}${n}`, "strict")).toBe("equal");
        expect(answerKey(written)).toBe(answerKey(`${sign}${n}`));
      },
    ),
  );
});

const fragments = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\\frac",
        "{",
        "}",
        "12",
        "3.5",
        "-",
        "+",
        ",",
        "(",
        ")",
        "[",
        "\\{",
        "\\}",
        "$",
        "\\$",
        "%",
        "x",
        " = ",
        " ",
        "\\text{cm}",
        " or ",
        "^",
        "^\\circ",
        "\\sqrt{2}",
        "/",
        "e5",
        ".",
        "\\boxed{",
        "answer is",
        "\\",
        "½",
        "10^",
        "\\times", // prettier-ignore
      ),
      fc.string({ maxLength: 4, unit: "binary" }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

test("any two texts get a verdict or none, the same both ways round", () => {
  fc.assert(
    fc.property(fragments, fragments, fc.constantFrom("strict", "lenient"), (a, b, mode: GradingMode) => {
      expect(["equal", "different", "undecided", "left to math-verify"]).toContain(kindOf(a, b, mode));
      expect(typeof (extractAnswer(a) ?? "")).toBe("string");
    }),
    { numRuns: 3000 },
  );
});

test("normalising twice changes nothing more", () => {
  fc.assert(
    fc.property(fragments, (text) => {
      const once = normalizeAnswer(text);
      expect(normalizeAnswer(once)).toBe(once);
    }),
    { numRuns: 3000 },
  );
});

test("a rational number equals itself in every spelling", () => {
  const integer = fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n });
  fc.assert(
    fc.property(
      integer,
      fc.bigInt({ min: 1n, max: 10n ** 6n }),
      fc.bigInt({ min: 1n, max: 50n }),
      (n, d, k) => {
        const spellings = [
          `${n}/${d}`,
          `\\frac{${n}}{${d}}`,
          `${n * k}/${d * k}`,
          `$\\dfrac{${n * k}}{${d * k}}$`,
        ];
        for (const spelling of spellings) {
          expect(kindOf(spelling, `${n}/${d}`, "strict")).toBe("equal");
          expect(answerKey(spelling)).toBe(answerKey(`${n}/${d}`));
        }
        expect(kindOf(`${n}/${d}`, `${n + 1n}/${d}`, "strict")).toBe("different");
      },
    ),
  );
});

describe("the key of an answer", () => {
  test("is shared exactly by the answers that the fast path calls equal as written", () => {
    const answer = fc.oneof(
      fc.integer({ min: -3, max: 3 }).map(String),
      fc.constantFrom("1/2", "0.5", "50%", "\\frac12", "1, 2", "2, 1", "(1, 2)", "\\{2, 1, 2\\}", "\\{1, 2\\}", "yes", "Yes", "None", "none"), // prettier-ignore
    );
    fc.assert(
      fc.property(answer, answer, (a, b) => {
        const [s, t] = [answerKey(a), answerKey(b)];
        expect(s).not.toBeNull();
        expect(s === t).toBe(kindOf(a, b, "strict") === "equal");
      }),
      { numRuns: 500 },
    );
  });

  test.each(["", "x + 1", "\\sqrt{2}", "(1, x)", "pi"])("is null for %j", (text) => {
    expect(answerKey(text)).toBeNull();
  });
});
