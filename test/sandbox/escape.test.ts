/**
 * Attempts to get out of the sandbox, each of which must fail, and attempts to reach the next program from one.
 *
 * The first table meets the inner wall (what a step may name and import). The second starts behind it, with Python's
 * real `sys` and `os` in hand, and meets the outer one: the border of the WebAssembly module.
 */
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSandbox } from "../../server/sandbox/sandbox.ts";
import type { DisposableSandbox } from "../../server/sandbox/sandbox.ts";
import type { RunResult } from "../../server/services.ts";
import { runStep, sandboxPaths } from "../support/sandbox.ts";

let sandbox: DisposableSandbox;
/** Listens on this machine and counts who connects. */
let server: net.Server;
let connections = 0;
let port = 0;
/** A file of the host that an attempt would create, and one it would read. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-escape-"));
const marker = path.join(folder, "escaped");
const secretFile = path.join(folder, "secret");
const thisFile = fileURLToPath(import.meta.url);

beforeAll(async () => {
  fs.writeFileSync(secretFile, "the host's secret");
  process.env["RSTAR_TEST_SECRET"] = "the host's secret";
  server = net.createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as net.AddressInfo).port;
  sandbox = createSandbox({ ...(await sandboxPaths()), size: 2, timeLimitMs: 4000 });
  await sandbox.warm();
});

afterAll(async () => {
  await sandbox.dispose();
  server.close();
  fs.rmSync(folder, { recursive: true });
});

/** What every attempt must leave untouched, whatever came back. */
function expectHostUntouched(): void {
  expect(fs.existsSync(marker)).toBe(false);
  expect(fs.readdirSync(folder)).toEqual(["secret"]);
  expect(fs.readFileSync(secretFile, "utf8")).toBe("the host's secret");
  expect(connections).toBe(0);
  expect(Object.keys(globalThis)).not.toContain("escaped");
}

/** The attempt failed: an error, the end of the interpreter, or its own word that nothing came of it. */
function expectFailure(result: RunResult): void {
  expectHostUntouched();
  expect(JSON.stringify(result)).not.toContain("host's secret");
  if (result.kind === "ok") expect(result.value).toBe("nothing");
  else expect(["error", "crash", "timeout", "memory"]).toContain(result.kind);
}

/** Replaced by this run's paths and port. */
function filledIn(code: string): string {
  return code
    .replaceAll("MARKER", marker.replaceAll("\\", "/"))
    .replaceAll("SECRET", secretFile.replaceAll("\\", "/"))
    .replaceAll("'HOST'", JSON.stringify(path.resolve(path.dirname(thisFile), "../..")))
    .replaceAll("PORT", String(port));
}

const NAMED: readonly (readonly [string, string])[] = [
  ["import os", "import os\nos.system('touch MARKER')"],
  ["import os under another name", "import os as innocent\ninnocent.getcwd()"],
  ["import os.path", "import os.path\nos.path.exists('SECRET')"],
  ["import subprocess", "import subprocess\nsubprocess.run(['touch', 'MARKER'])"],
  ["import socket", "import socket\nsocket.create_connection(('127.0.0.1', PORT))"],
  ["import js", "import js\njs.globalThis"],
  ["import from js", "from js import globalThis\nglobalThis.escaped = 1"],
  ["import pyodide", "import pyodide\npyodide.code.run_js('globalThis.escaped = 1')"],
  ["import pyodide_js", "import pyodide_js\npyodide_js.FS"],
  ["import pyodide.ffi", "from pyodide.ffi import create_proxy\ncreate_proxy(print)"],
  ["import pyodide.code", "from pyodide.code import run_js\nrun_js('globalThis.escaped = 1')"],
  ["import pyodide.http", "from pyodide.http import open_url\nopen_url('http://127.0.0.1:PORT')"],
  ["import _pyodide", "import _pyodide._base"],
  ["import _pyodide_core", "import _pyodide_core\n_pyodide_core.run_js('globalThis.escaped = 1')"],
  ["import micropip", "import micropip\nmicropip.install('six')"],
  ["import ctypes", "import ctypes\nctypes.CDLL(None)"],
  ["import importlib", "import importlib\nimportlib.import_module('os').getcwd()"],
  ["import gc", "import gc\ngc.get_objects()"],
  ["import inspect", "import inspect\ninspect.currentframe().f_back"],
  ["import threading", "import threading\nthreading.Thread(target=print).start()"],
  ["import multiprocessing", "import multiprocessing\nmultiprocessing.Process(target=print).start()"],
  ["import urllib", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:PORT')"],
  ["import pathlib", "import pathlib\npathlib.Path('SECRET').read_text()"],
  ["import builtins", "import builtins\nbuiltins.open('SECRET').read()"],
  ["import from a module's own imports", "from statistics import sys\nsys.modules"],
  ["open a file of the host", "open('SECRET').read()"],
  ["write a file of the host", "open('MARKER', 'w').write('x')"],
  ["open through io", "import io\nio.open('SECRET').read()"],
  ["__import__", "__import__('os').system('touch MARKER')"],
  ["eval that imports", "eval(\"__import__('os').getcwd()\")"],
  ["exec that imports", "exec('import os')\nos.getcwd()"],
  ["exec in a dictionary of one's own", "d = {}\nexec('import os; x = os.getcwd()', d)\nd['x']"],
  ["compile and exec", "exec(compile('import os', 'x', 'exec'))\nos.getcwd()"],
  ["read input", "input()"],
  ["the debugger", "breakpoint()"],
  ["__builtins__", "__builtins__['open']('SECRET').read()"],
  ["the list of all classes", "().__class__.__base__.__subclasses__()"],
  ["a library function's globals", "import statistics\nstatistics.mean.__globals__['sys']"],
  ["a module's own sys", "import statistics\nstatistics.sys.modules['os'].getcwd()"],
  ["a built-in's module", "print.__self__.open('SECRET').read()"],
  ["getattr with a forbidden name", "import statistics\ngetattr(statistics.mean, '__glob' + 'als__')"],
  ["a traceback's frame", "try:\n    1/0\nexcept Exception as e:\n    t = e.__traceback__.tb_frame.f_back"],
  ["a generator's frame", "g = (x for x in [1])\ng.gi_frame.f_back"],
  ["a code object", "def f(): pass\nf.__code__.replace(co_code=b'')"],
  ["sys._getframe", "import sys\nsys._getframe(1).f_globals"],
  ["sys.modules", "import sys\nsys.modules['os'].getcwd()"],
  [
    "sympify, which evaluates text",
    "import sympy\nsympy.sympify(\"__import__('os').system('touch MARKER')\")",
  ],
  [
    "parse_expr with pieced-together text",
    "import sympy\nr = sympy.sympify('__imp' + \"ort__('o' + 's').system('touch MARKER')\")\n'nothing' if r == -1 else 'something'",
  ],
  [
    "format strings, which read attributes",
    "class A: pass\ntext = '{0.__class__}'.format(A())\n'nothing' if 'A' in text else 'something'",
  ],
  ["a pattern that reads attributes", "match print:\n    case object(__self__=s): s.open('SECRET')"],
];

describe("the inner wall stops", () => {
  test.each(NAMED)("%s", async (_title, code) => {
    expectFailure(await runStep(sandbox, filledIn(code)));
  });
});

/** Python's real modules, by a way that the inner wall does not see. */
const REAL = `
import operator, statistics
_sys = operator.attrgetter("sy" + "s")(statistics)
_os = _sys.modules["o" + "s"]
_builtins = _sys.modules["built" + "ins"]
def _load(name):
    imp = _sys.modules["_" + "imp"]
    machinery = _sys.modules["_frozen_import" + "lib"]
    spec = machinery.ModuleSpec(name, machinery.BuiltinImporter)
    return imp.create_builtin(spec)
`;

const BEHIND: readonly (readonly [string, string])[] = [
  ["a shell command", "'nothing' if _os.system('touch MARKER') != 0 else 'ran'"],
  ["popen", "_os.popen('touch MARKER').read()"],
  ["fork", "_os.fork()"],
  ["execv", "_os.execv('/usr/bin/touch', ['touch', 'MARKER'])"],
  ["posix_spawn", "_os.posix_spawn('/usr/bin/touch', ['touch', 'MARKER'], {})"],
  ["a signal to the host", "try:\n    _os.kill(_os.getppid(), 15)\nexcept Exception: pass\nv = 'nothing'\nv"],
  ["subprocess", "_builtins.__import__('sub' + 'process').run(['touch', 'MARKER'])"],
  ["reading a file of the host", "_builtins.open('SECRET').read()"],
  ["listing a folder of the host", `_os.listdir(${JSON.stringify(path.dirname(thisFile))})`],
  ["reading this test's source", `_builtins.open(${JSON.stringify(thisFile)}).read()`],
  [
    "the host's environment",
    "'nothing' if 'RSTAR_TEST_SECRET' not in _os.environ and 'HOST' not in str(_os.environ) + str(vars(_sys)) else str(_os.environ)",
  ],
  ["the process list", "_os.listdir('/proc/1')"],
  ["writing a file", "_builtins.open('/tmp/x', 'w').write('x')"],
  ["writing over a library", "_builtins.open('/wheels/mpmath-1.3.0-py3-none-any.whl', 'ab').write(b'x')"],
  ["making a folder", "_os.mkdir('/tmp/folder')"],
  ["removing a library", "_os.remove('/wheels/mpmath-1.3.0-py3-none-any.whl')"],
  ["renaming a library", "_os.rename('/wheels', '/gone')"],
  ["making a link", "_os.symlink('/etc', '/tmp/link')"],
  ["truncating a file", "_os.truncate('/lib/python314.zip', 0)"],
  ["a named pipe", "_os.mkfifo('/tmp/pipe')"],
  ["changing the folder", "_os.chdir('/')"],
  ["a pipe that grows in the host's memory", "_os.pipe()"],
  ["the real socket module", "_builtins.__import__('soc' + 'ket').create_connection(('127.0.0.1', PORT))"],
  [
    "a fresh copy of the socket module",
    "m = _load('_soc' + 'ket')\ns = m.socket(2, 1)\ns.connect(('127.0.0.1', PORT))",
  ],
  ["resolving a name", "m = _load('_soc' + 'ket')\nm.getaddrinfo('localhost', PORT)"],
  ["an HTTP request", "_builtins.__import__('url' + 'lib.request').request.urlopen('http://127.0.0.1:PORT')"],
  ["the real js module", "_builtins.__import__('j' + 's').globalThis"],
  ["a fresh copy of Pyodide's core", "c = _load('_pyo' + 'dide_core')\nc.run_js('globalThis.escaped = 1')"],
  [
    "Pyodide's package again",
    "for n in [k for k in _sys.modules if 'pyo' + 'dide' in k]: del _sys.modules[n]\nm = _builtins.__import__('pyo' + 'dide.code')\nm.code.run_js('globalThis.escaped = 1')",
  ],
  [
    "any JavaScript object left in memory",
    [
      "gc = _builtins.__import__('g' + 'c')",
      "found = [o for o in gc.get_objects() if 'JsProxy' in type(o).__name__ or 'JsProxy' in str(type(o).__mro_entries__ if hasattr(type(o), '__mro_entries__') else '')]",
      "[o.constructor.constructor('globalThis.escaped = 1')() for o in found] if found else 'nothing'",
    ].join("\n"),
  ],
  [
    "calling a native function",
    "m = _load('_cty' + 'pes')\nm.call_function(m.dlsym(m.dlopen(None, 0), 'system'), (b'touch MARKER',))",
  ],
  ["loading a library", "_sys.modules['_' + 'imp'].create_dynamic(None)"],
  ["an exit of the process", "exit = operator.attrgetter('_ex' + 'it')(_os)\nexit(0)"],
  ["an abort", "_os.abort()"],
  ["a timer signal", "s = _load('_sig' + 'nal')\ns.setitimer(0, 0.01)"],
  ["a thread", "t = _load('_thr' + 'ead')\nt.start_new_thread(print, ())"],
  [
    "a forged answer to the host",
    '_os.write(902, b\'{"kind":"ok","value":"something","assertions":99,"truncated":false,"taint":""}\')\n\'nothing\'',
  ],
  ["nonsense on the channel to the host", "_os.write(902, b'\\xff not json')"],
  ["the host's own descriptors", "for fd in range(3, 40): _os.write(fd, b'x')"],
  ["standard output of the process", '_os.write(1, b\'{"op":"fatal","reason":"forged"}\\n\')'],
];

describe("the outer wall stops", () => {
  test.each(BEHIND)("%s", async (_title, code) => {
    expectFailure(await runStep(sandbox, filledIn(REAL + code)));
  });

  test.each([
    [
      "an answer",
      '{"op":"answer","answer":{"kind":"ok","value":"something","assertions":99,"truncated":false,"taint":"","ms":1},"heapMB":1}',
    ],
    ["the end of the interpreter", '{"op":"fatal","reason":"forged","outOfMemory":true}'],
    ["output", '{"op":"output","text":"forged"}'],
    ["another beginning", '{"op":"step","taint":"","origin":"forged","code":"forged"}'],
  ])("%s told to the host in the worker's name", async (_title, message) => {
    const code = `${REAL}_os.write(902, b'${message}')\n'nothing'`;
    expect(await runStep(sandbox, code)).toMatchObject({ kind: "ok", code, output: "", value: "nothing" });
    expectHostUntouched();
  });

  test("more output than a step may have, written past Python", async () => {
    const result = await runStep(
      sandbox,
      `${REAL}print("seen")\nfor i in range(100): _os.write(901, b'x' * 50000)\n'nothing'`,
    );
    expect(result).toMatchObject({ kind: "ok", value: "nothing" });
    expect(result.kind === "ok" && result.output).toBe("seen\n" + "x".repeat(65536 - 5));
  });

  test.each([901, 902])("memory of the host asked for by one write of 32 GB to %d", async (fd) => {
    const pieces = "[b'x' * 2**24] * (2**11 + 1)";
    const result = await runStep(sandbox, `${REAL}print("seen")\n_os.writev(${fd}, ${pieces}) == 2**24`);
    expect(result).toMatchObject({ kind: "ok", value: "True" });
    // What the border counts is the size by 32 bits; what passes is no more than a step may print.
    expect(result.kind === "ok" && result.output).toBe(`seen\n${fd === 901 ? "x".repeat(65536 - 5) : ""}`);
  });

  test("the way behind the inner wall works, so that the attempts above are real", async () => {
    const result = await runStep(sandbox, `${REAL}_os.getcwd() + ' ' + str('zipimport' in _sys.modules)`);
    expect(result).toMatchObject({ kind: "ok", value: "/home True" });
  });

  test("after all of them an honest step runs as if nothing had been", async () => {
    const step =
      "import math, sympy\nprint(math.sqrt(16), sympy.sqrt(8))\nassert sum([1, 2]) == 3\nlen([1, 2])";
    for (let i = 0; i < 4; i++) {
      expect(await runStep(sandbox, step)).toMatchObject({
        kind: "ok",
        output: "4.0 2*sqrt(2)\n",
        value: "2",
      });
    }
    expectHostUntouched();
  });
});

/** Each changes something shared; the second step says whether the change is still there. */
const CONTAMINATIONS: readonly (readonly [string, string, string, string])[] = [
  ["a function of a module", "import math\nmath.sqrt = lambda x: 1", "import math\nmath.sqrt(16)", "4.0"],
  ["a new name in a module", "import sympy\nsympy.zzz = 1", "import sympy\nhasattr(sympy, 'zzz')", "False"],
  ["setattr on a module", "import math\nsetattr(math, 'pi', 3)", "import math\nmath.pi > 3.1", "True"],
  ["a deleted name", "import math\ndel math.sin", "import math\nmath.sin(0)", "0.0"],
  [
    "a class of a library",
    "from fractions import Fraction\nFraction.__add__ = lambda a, b: 0",
    "from fractions import Fraction\nFraction(1, 2) + Fraction(1, 3)",
    "5/6",
  ],
  [
    "a class of sympy",
    "import sympy\nsympy.Integer.__add__ = lambda a, b: 7",
    "import sympy\nsympy.Integer(1) + sympy.Integer(1)",
    "2",
  ],
  ["a module's dictionary", "import math\nmath.__dict__['floor'] = len", "import math\nmath.floor(2.5)", "2"],
  ["vars of a module", "import math\nvars(math)['ceil'] = len", "import math\nmath.ceil(2.5)", "3"],
  ["the real builtins", `${REAL}_builtins.len = lambda x: 5`, "len([1])", "1"],
  [
    "a module in the real sys.modules",
    `${REAL}_sys.modules['math'] = statistics`,
    "import math\nmath.sqrt(4)",
    "2.0",
  ],
  [
    "the runner itself",
    `${REAL}operator.attrgetter('__di' + 'ct__')(_sys.modules['__main__'])['__rstar_serve'] = lambda: None`,
    "1 + 1",
    "2",
  ],
  [
    "a function that a loop over the module found",
    "import random\nfor m in [random]:\n    m.random = lambda: 2",
    "import random\nrandom.random() < 1",
    "True",
  ],
  [
    "an assignment in a with or for target",
    "import math\nfor math.e in [1]: pass",
    "import math\nmath.e > 2",
    "True",
  ],
  [
    "the random seed",
    "import random\nrandom.seed(99)\nrandom.random()",
    "import random\nrandom.random()",
    "",
  ],
  [
    "the recursion limit",
    "import sys\nsys.setrecursionlimit(60)",
    "import sys\nsys.getrecursionlimit()",
    "1000",
  ],
  ["mpmath's precision", "from mpmath import mp\nmp.dps = 50", "from mpmath import mp\nmp.dps", "15"],
  [
    "decimal's precision",
    "from decimal import getcontext\ngetcontext().prec = 3",
    "from decimal import getcontext\ngetcontext().prec",
    "28",
  ],
  ["the first day of the week", "import calendar\ncalendar.setfirstweekday(6)", "import calendar\ncalendar.firstweekday()", "0"], // prettier-ignore
  [
    "sympy's assumptions",
    "from sympy import Q, Symbol\nfrom sympy.assumptions import global_assumptions\nglobal_assumptions.add(Q.positive(Symbol('x')))",
    "from sympy.assumptions import global_assumptions\nlen(global_assumptions)",
    "0",
  ],
  [
    "what becomes of warnings",
    "import warnings\nwarnings.simplefilter('error')",
    "import warnings\nwarnings.warn('only a warning')\n1",
    "1",
  ],
  ["standard output", `${REAL}_sys.stdout = None`, "print('seen')\n1", "1"],
];

describe("one program does not reach the next through", () => {
  let own: DisposableSandbox;

  beforeAll(async () => {
    own = createSandbox({ ...(await sandboxPaths()), size: 1 });
    await own.warm();
  });

  afterAll(() => own.dispose());

  test.each(CONTAMINATIONS)("%s", async (_title, change, check, value) => {
    const clean = await runStep(own, check);
    await runStep(own, change);
    const after = await runStep(own, check);
    expect(after).toMatchObject({ kind: "ok" });
    if (after.kind !== "ok" || clean.kind !== "ok") return;
    expect([after.value, after.output]).toEqual([clean.value, clean.output]);
    if (value !== "") expect(after.value).toBe(value);
  });

  test("a program that is refused costs no interpreter, one that changes shared things costs one", async () => {
    const before = own.stats().started;
    await runStep(own, "import os");
    await runStep(own, "x = [1]\nclass P:\n    def __init__(self): self.x = 1\np = P()\np.y = 2");
    expect(own.stats().started).toBe(before);
    await runStep(own, "import math\nmath.tau = 6");
    await runStep(own, "1");
    expect(own.stats().started).toBe(before + 1);
  });
});
