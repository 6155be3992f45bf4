/** A step on a cached state has exactly the effect it has in one run of the whole program, whatever its siblings did. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox } from "../../server/sandbox/sandbox.ts";
import type { DisposableSandbox } from "../../server/sandbox/sandbox.ts";
import { EMPTY_STATE } from "../../server/services.ts";
import type { SandboxState } from "../../server/services.ts";
import { NEVER, runAll, runStep, sandboxPaths } from "../support/sandbox.ts";

let sandbox: DisposableSandbox;

beforeAll(async () => {
  sandbox = createSandbox({ ...(await sandboxPaths()), size: 1 });
  await sandbox.warm();
});

afterAll(() => sandbox.dispose());

/** What a program printed, and the error that ended it, if one did. */
interface Outcome {
  readonly output: string;
  readonly error: string | null;
}

/** Runs steps on each other's states, with a destructive sibling before every one of them. */
async function stepByStep(steps: readonly string[], sibling: string): Promise<Outcome> {
  let state: SandboxState = EMPTY_STATE;
  let output = "";
  for (const step of steps) {
    if (sibling !== "") await sandbox.run(state, sibling, NEVER);
    const result = await sandbox.run(state, step, NEVER);
    if (result.kind !== "ok" && result.kind !== "error") throw new Error(JSON.stringify(result));
    output += result.output;
    if (result.kind === "error") return { output, error: `${result.error.type}: ${result.error.message}` };
    state = result.state;
  }
  return { output, error: null };
}

async function atOnce(steps: readonly string[]): Promise<Outcome> {
  const result = await runStep(sandbox, steps.join("\n"));
  if (result.kind === "ok") return { output: result.output, error: null };
  if (result.kind !== "error") throw new Error(JSON.stringify(result));
  return { output: result.output, error: `${result.error.type}: ${result.error.message}` };
}

/** Objects that have no better text print their address, which differs from run to run. */
function withoutAddresses(outcome: Outcome): Outcome {
  return { ...outcome, output: outcome.output.replace(/ at 0x[0-9a-f]+/g, "") };
}

/** Shows everything in the namespace, and which names hold the same object. */
const SHOW = `
for _n in sorted(k for k in list(globals()) if not k.startswith('_')):
    _v = globals()[_n]
    print(_n, _v if not callable(_v) else _v.__name__, [m for m in sorted(k for k in list(globals()) if not k.startswith('_')) if globals()[m] is _v and isinstance(_v, (list, dict, set))])`;

/** Changes whatever it finds in place, as a sibling step might. */
const VANDAL = `
import random, sympy, math
from mpmath import mp
from decimal import getcontext
random.seed(5); mp.dps = 40; getcontext().prec = 5
for _v in list(globals().values()):
    if isinstance(_v, list): _v.append('vandal'); _v.reverse()
    elif isinstance(_v, dict) and '__name__' not in _v: _v['vandal'] = 1
    elif isinstance(_v, set): _v.add('vandal')
    elif callable(_v) and _v.__module__ == '__main__' and getattr(_v, '__defaults__', None):
        if isinstance(_v.__defaults__[-1], list): _v.__defaults__[-1].append('vandal')
for _k in list(globals()):
    if not _k.startswith('_'): globals()[_k] = 'vandal'`;

const name = fc.constantFrom("a", "b", "c", "d");
const number = fc.integer({ min: -3, max: 9 });

/** Statements over few names, so that they meet: mutation, aliasing, functions, imports, library state. */
const statement: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(name, number).map(([n, k]) => `${n} = ${k}`),
  fc.tuple(name, fc.array(number, { maxLength: 4 })).map(([n, ks]) => `${n} = [${ks.join(", ")}]`),
  fc.tuple(name, number, name).map(([n, k, m]) => `${n} = {'k': ${k}, 'v': globals().get('${m}')}`),
  fc.tuple(name, name).map(([n, m]) => `${n} = ${m}`),
  fc.tuple(name, name, name).map(([n, m, o]) => `${n} = [${m}, ${m}, ${o}]`),
  fc.tuple(name, name).map(([n, m]) => `${n} = (${m}, [${m}])`),
  fc.tuple(name, number).map(([n, k]) => `${n}.append(${k})`),
  fc
    .tuple(name, name)
    .map(([n, m]) => `${n}.append(${m}) if isinstance(${n}, list) and ${n} is not ${m} else None`),
  fc.tuple(name, number, number).map(([n, k, v]) => `${n}[${k}] = ${v}`),
  fc.tuple(name, name).map(([n, m]) => `${n}['x'] = ${m} if not isinstance(${m}, dict) else 0`),
  fc.tuple(name, number).map(([n, k]) => `${n} += ${k}`),
  fc.tuple(name, number).map(([n, k]) => `${n} += [${k}]`),
  fc
    .tuple(name, fc.array(number, { maxLength: 5 }))
    .map(([n, ks]) => `${n} = {${ks.join(", ")}, 'a', 'b'}`.replace("{,", "{")),
  fc.tuple(name, number).map(([n, k]) => `${n}.discard(${k}) if isinstance(${n}, set) else None`),
  fc
    .tuple(name, number)
    .map(
      ([n, k]) =>
        `def f(x, seen=[]):\n    global ${n}\n    seen.append(x)\n    ${n} = [x, ${k}, len(seen)]\n    return seen`,
    ),
  fc.tuple(name, number).map(([n, k]) => `${n} = f(${k})`),
  fc.tuple(name, number).map(([n, k]) => `g = lambda y, z=${k}: (y, z, globals().get('${n}'))\nprint(g(1))`),
  fc.tuple(name, number).map(([n, k]) => `${n} = (lambda q: lambda: q + ${k})(1)\nprint(${n}())`),
  fc
    .tuple(name, number)
    .map(([n, k]) => `def fact(n): return 1 if n <= 1 else n * fact(n - 1)\n${n} = fact(${Math.abs(k)})`),
  name.map(
    (n) =>
      `class P:\n    total = []\n    def add(self, x): self.total.append(x); return self\n${n} = P().add(1).total`,
  ),
  name.map((n) => `P().add(2); print(P.total); ${n} = P.total`),
  name.map((n) => `${n} = iter([1, 2, 3])\nprint(next(${n}))\n${n} = list(${n})`),
  name.map((n) => `it = iter([1, 2, 3, 4])\n${n} = next(it)`),
  name.map((n) => `${n} = next(it)`),
  name.map((n) => `import random\n${n} = random.randint(0, 1000)`),
  name.map(
    (n) => `from random import randint, shuffle\n${n} = [1, 2, 3, 4]; shuffle(${n}); print(randint(1, 99))`,
  ),
  name.map(
    (n) =>
      `from sympy import symbols, Rational, Matrix, sqrt\nx = symbols('x')\n${n} = [x**2, Rational(1, 3), sqrt(8)]`,
  ),
  fc
    .tuple(name, number)
    .map(([n, k]) => `from sympy import Matrix\n${n} = Matrix([[1, 2], [3, ${k}]])\nM = ${n}`),
  fc.tuple(name, number).map(([, k]) => `M[0, 0] = ${k}\nprint(M.det())`),
  number.map((k) => `from mpmath import mp, mpf\nmp.dps = ${20 + k}\nprint(mpf(1) / 3)`),
  fc.constant("from mpmath import mpf\nprint(mpf(2) / 3)"),
  number.map(
    (k) => `from decimal import Decimal, getcontext\ngetcontext().prec = ${10 + k}\nprint(Decimal(1) / 3)`,
  ),
  fc.constant("from decimal import Decimal\nprint(Decimal(2) / 3)"),
  name.map(
    (n) =>
      `from collections import Counter, defaultdict, deque\n${n} = [Counter('abca'), deque([1, 2], maxlen=2)]\nD = defaultdict(list)`,
  ),
  fc.tuple(name, number).map(([n, k]) => `D[${k}].append(${k}); ${n} = dict(D)`),
  fc.tuple(name, number).map(([n, k]) => `for ${n} in range(${Math.abs(k)}): print(${n}, end=' ')`),
  name.map((n) => `del ${n}`),
  name.map((n) => `${n}: int = 4`),
  number.map((k) => `s.add(${k} * 16 + 1); s.add(${k} * 8); s.discard(18); print(s)`),
  fc.tuple(name, number).map(([n, k]) => `${n} = f(${k}); print(f(0))`),
  fc.constant("raise ValueError('stop here')"),
);

/** Definitions that the statements use, of values that are copied, and of others. */
const COPIED = [
  "a = [1, 2]\nb = a\nc = {'k': a, 'x': [a, b]}\nd = (a, [b])",
  "def f(x, seen=[]):\n    global a\n    seen.append(x)\n    a = [x, len(seen), seen]\n    return seen",
  "from sympy import Matrix\nM = Matrix([[1, 2], [3, 4]])",
  "from collections import defaultdict\nD = defaultdict(list)",
  "import random\nrandom.seed(8)",
];
const SETS = ["s = set()\nfor n in (17, 3, 20, 40, 9): s.add(n)"];
const OTHERS = [
  "class P:\n    total = []\n    def add(self, x): self.total.append(x); return self",
  "it = iter(range(20))",
];

/** A first step that defines some of these, so that few programs end in a NameError. */
const prologue = fc
  .oneof(fc.subarray(COPIED), fc.subarray([...COPIED, ...SETS]), fc.subarray([...COPIED, ...SETS, ...OTHERS]))
  .map((parts) => parts.join("\n") + SHOW);

/** A step is a few statements, most of them shielded so that programs run on; the last lines show all there is. */
const step = fc
  .array(fc.tuple(statement, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 4 })
  .map((parts) =>
    parts
      .map(([text, shield, always]) =>
        shield || always
          ? `try:\n${text.replace(/^/gm, "    ")}\nexcept (NameError, TypeError, AttributeError, IndexError, KeyError, ValueError, StopIteration) as e: print(type(e).__name__)`
          : text,
      )
      .join("\n"),
  )
  .map((text) => text + SHOW);

const program = fc
  .tuple(prologue, fc.array(step, { minLength: 1, maxLength: 4 }))
  .map(([first, rest]) => [first, ...rest]);

describe("a program run step by step prints what it prints at once", () => {
  test("for generated programs, with siblings that change all they can reach", async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        expect(withoutAddresses(await stepByStep(steps, VANDAL))).toEqual(
          withoutAddresses(await atOnce(steps)),
        );
      }),
      { numRuns: 120 },
    );
    // Both ways of coming by a state were exercised.
    const { states } = sandbox.stats();
    expect(states["copied"]).toBeGreaterThan(50);
    expect(states["run again"]).toBeGreaterThan(20);
  });

  test("for generated programs without siblings", async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        expect(withoutAddresses(await stepByStep(steps, ""))).toEqual(withoutAddresses(await atOnce(steps)));
      }),
      { numRuns: 40 },
    );
    expect(sandbox.stats().states["taken"]).toBeGreaterThan(0);
  });
});

describe("siblings do not see each other", () => {
  const cases: readonly (readonly [string, readonly string[], string, string, string])[] = [
    ["a list", ["xs = [1, 2]"], "xs.append(3)", "xs", "[1, 2]"],
    ["a list inside a dictionary", ["d = {'k': [1]}"], "d['k'].clear()", "d", "{'k': [1]}"],
    ["an alias", ["a = [1]; b = a"], "b.append(2)", "a.append(5); (a, b, a is b)", "([1, 5], [1, 5], True)"],
    ["a list that holds itself", ["a = [1]; a.append(a)"], "a.clear()", "a[1] is a", "True"],
    ["a default argument", ["def f(x, s=[]):\n    s.append(x)\n    return s"], "f(1)", "f(2)", "[2]"],
    [
      "a global that a function changes",
      ["n = 0\ndef up():\n    global n\n    n += 1\n    return n"],
      "up()",
      "up()",
      "1",
    ],
    [
      "two functions that call each other",
      ["def p(n): return q(n) + 1\ndef q(n): return n"],
      "q = lambda n: 100",
      "p(1)",
      "2",
    ],
    ["a class", ["class A: items = []"], "A.items.append(1)", "A.items", "[]"],
    ["an object", ["class A: pass\na = A()\na.x = 1"], "a.x = 2", "a.x", "1"],
    ["an iterator", ["it = iter([1, 2, 3])"], "next(it)", "next(it)", "1"],
    ["a generator", ["g = (i * i for i in range(2, 5))"], "next(g)", "next(g)", "4"],
    [
      "a closure",
      [
        "def make():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\nup = make()",
      ],
      "up()",
      "up()",
      "1",
    ],
    ["a set", ["s = {1, 2}"], "s.add(3)", "s", "{1, 2}"],
    [
      "a sympy matrix",
      ["from sympy import Matrix\nm = Matrix([[1, 2], [3, 4]])"],
      "m[0, 0] = 9",
      "m.det()",
      "-2",
    ],
    [
      "the random state",
      ["import random\nrandom.seed(3)"],
      "random.random()",
      "random.randint(0, 10**6)",
      "",
    ],
    [
      "mpmath's precision",
      ["from mpmath import mp, mpf\nmp.dps = 30"],
      "mp.dps = 5",
      "mpf(1) / 3",
      "0.333333333333333333333333333333",
    ],
    [
      "the decimal context",
      ["from decimal import Decimal, getcontext\ngetcontext().prec = 6"],
      "getcontext().prec = 2",
      "Decimal(1) / 3",
      "0.333333",
    ],
    [
      "sympy's evaluate flag",
      ["from sympy import symbols, evaluate\nx = symbols('x')"],
      "import sympy.core.parameters as p\np.global_parameters.evaluate = False",
      "x + x",
      "2*x",
    ],
    [
      "a deque and a Counter",
      ["from collections import deque, Counter\nq = deque([1]); c = Counter('a')"],
      "q.append(2); c['a'] += 5",
      "(q, c)",
      "(deque([1]), Counter({'a': 1}))",
    ],
  ];

  test.each(cases)("%s", async (_title, program, sibling, check, value) => {
    const state = await runAll(sandbox, program);
    const alone = await sandbox.run(state, check, NEVER);
    for (let i = 0; i < 2; i++) {
      await sandbox.run(state, sibling, NEVER);
      const result = await sandbox.run(state, check, NEVER);
      expect(result).toMatchObject({ kind: "ok" });
      if (result.kind !== "ok" || alone.kind !== "ok") return;
      expect(result.value).toBe(alone.value);
      if (value !== "") expect(result.value).toBe(value);
    }
  });

  test("two branches that run side by side on two interpreters", async () => {
    const own = createSandbox({ ...(await sandboxPaths()), size: 2 });
    const state = await runAll(own, ["xs = [0]"]);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => own.run(state, `xs.append(${i})\nxs`, NEVER)),
    );
    expect(results.map((result) => (result.kind === "ok" ? result.value : result.kind))).toEqual(
      results.map((_, i) => `[0, ${i}]`),
    );
    await own.dispose();
  });
});

test("a state stays valid when the interpreter that held it is gone", async () => {
  const state = await runAll(sandbox, ["x = [1]", "x.append(2)"]);
  expect(await sandbox.run(state, "import math\nmath.e = 1", NEVER)).toMatchObject({ kind: "ok" });
  expect(await sandbox.run(state, "x", NEVER)).toMatchObject({ kind: "ok", value: "[1, 2]" });
});

test("a state that can be copied is not run again", async () => {
  const slow = "t = sum(range(3 * 10**5))\nxs = [t]";
  const state = await runAll(sandbox, [slow]);
  const before = sandbox.stats().states["run again"] ?? 0;
  for (let i = 0; i < 5; i++) await sandbox.run(state, `xs.append(${i}); len(xs)`, NEVER);
  expect(sandbox.stats().states["run again"] ?? 0).toBe(before);
});

test("runs of the same program give the same output, sets and random numbers included", async () => {
  const program = "import random\nprint({'b', 'a', 'c', 'x1'}, random.random(), random.sample(range(99), 3))";
  const first = await runStep(sandbox, program);
  const own = createSandbox({ ...(await sandboxPaths()), size: 1 });
  const second = await runStep(own, program);
  await own.dispose();
  expect(first.kind === "ok" && first.output).toBe(second.kind === "ok" && second.output);
  expect(first.kind === "ok" && first.output).not.toBe("");
});
