/** The set-up that npm runs before `npm start` and `npm test`, on small copies of a fresh clone. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const WHEEL = "the wheel";
const LOCKED = {
  packages: {
    "": {},
    "node_modules/left": { version: "1.0.0" },
    "node_modules/cuda": { version: "1.0.0", optional: true },
  },
};

/** Stands for npm: notes that it was called, and leaves behind what npm does. */
const NPM = `
  const fs = require("node:fs");
  fs.appendFileSync("calls.txt", "npm " + process.argv.slice(2).join(" ") + "\\n");
  if (fs.existsSync("npm-fails")) process.exit(1);
  if (fs.existsSync("lock-is-partial") && process.argv[2] === "ci") {
    process.stderr.write("npm error code EUSAGE\\n");
    process.exit(1);
  }
  const { packages } = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
  const present = Object.entries(packages).filter(([name, entry]) => name !== "" && !entry.optional);
  fs.mkdirSync("node_modules", { recursive: true });
  fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages: Object.fromEntries(present) }));
`;

/** Stands for Python: tells its version, or downloads the wheel that it is asked for. */
const PYTHON = `#!${process.execPath}
  const fs = require("node:fs");
  const args = process.argv.slice(2);
  if (args[0] === "-c") {
    console.log(process.env.FAKE_PYTHON_VERSION ?? "3.12.1");
  } else {
    fs.appendFileSync("calls.txt", "pip " + args.filter((arg) => arg.startsWith("--r")).join(" ") + "\\n");
    const folder = args[args.indexOf("--dest") + 1];
    fs.writeFileSync(folder + "/left.whl", process.env.FAKE_WHEEL ?? ${JSON.stringify(WHEEL)});
  }
`;

/** A fresh clone with one source, one npm package and one wheel. It lies where esbuild can be found. */
function freshClone() {
  const cache = path.join(ROOT, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const root = mkdtempSync(path.join(cache, "rstar-test-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const write = (file: string, content: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), content, { mode: 0o755 });
  };
  for (const script of ["setup.mjs", "build.mjs"]) {
    mkdirSync(path.join(root, "scripts"), { recursive: true });
    copyFileSync(path.join(ROOT, "scripts", script), path.join(root, "scripts", script));
  }
  write("package.json", `{ "type": "module" }`);
  write("package-lock.json", JSON.stringify(LOCKED));
  write("server/start/cli.ts", 'void import("../cli.ts");');
  write("server/cli.ts", "export const answer: number = 42;");
  const sha256 = createHash("sha256").update(WHEEL).digest("hex");
  const wheel = { name: "left", version: "1.0", file: "left.whl", sha256 };
  write("server/sandbox/wheels.json", JSON.stringify({ wheels: [wheel] }));
  write("npm-cli.cjs", NPM);
  write("fake-python.cjs", PYTHON);
  const run = async (environment: Record<string, string> = {}) => {
    const child = spawn(process.execPath, ["scripts/setup.mjs"], {
      cwd: root,
      env: {
        ...process.env,
        npm_execpath: path.join(root, "npm-cli.cjs"),
        RSTAR_PYTHON: path.join(root, "fake-python.cjs"),
        ...environment,
      },
    });
    let output = "";
    child.stdout.on("data", (text) => (output += String(text)));
    child.stderr.on("data", (text) => (output += String(text)));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    const steps = [...output.matchAll(/^setup: (\w+)/gm)].map((match) => match[1]);
    return { code, output, steps };
  };
  const calls = () =>
    (existsSync(path.join(root, "calls.txt")) ? readFileSync(path.join(root, "calls.txt"), "utf8") : "")
      .trim()
      .split("\n");
  return { root, run, write, calls };
}

test("a fresh clone is installed, given its wheels and built, one line each; after that nothing is said or done", async () => {
  const { root, run, calls } = freshClone();
  expect(await run()).toMatchObject({ code: 0, steps: ["installing", "fetching", "building", "ready"] });
  expect(calls()).toEqual([
    "npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error",
    "pip --require-hashes --requirement",
  ]);
  const built = (name: string): string => readFileSync(path.join(root, "dist", name), "utf8");
  expect(built("cli.cjs")).toMatch(/^#!\/usr\/bin\/env node\n[^]*import\("\.\/cli\.mjs"\)/);
  expect(built("cli.mjs")).toContain("answer = 42");
  expect(readdirSync(path.join(root, "dist")).toSorted()).toEqual([
    ".built.json",
    "cli.cjs",
    "cli.mjs",
    "cli.mjs.map",
    "wheels",
  ]);
  expect(await run()).toEqual({ code: 0, output: "", steps: [] });
  expect(calls()).toHaveLength(2);
});

test("packages are installed again when the lock file asks for another version, and only then", async () => {
  const { run, write } = freshClone();
  await run();
  write(
    "package-lock.json",
    JSON.stringify({ packages: { "": {}, "node_modules/left": { version: "1.0.1" } } }),
  );
  expect((await run()).steps).toEqual(["installing", "ready"]);
  expect((await run()).steps).toEqual([]);
});

test("a changed, an added and a removed source each lead to a build", async () => {
  const { root, run, write } = freshClone();
  await run();
  write("server/cli.ts", "export const answer: number = 43;");
  const later = new Date(Date.now() + 1_000);
  utimesSync(path.join(root, "server/cli.ts"), later, later);
  expect((await run()).steps).toEqual(["building", "ready"]);
  utimesSync(path.join(root, "server/cli.ts"), new Date(0), new Date(0));
  expect((await run()).steps).toEqual([]);
  write("server/other.ts", "export {};");
  expect((await run()).steps).toEqual(["building", "ready"]);
  rmSync(path.join(root, "server/other.ts"));
  expect((await run()).steps).toEqual(["building", "ready"]);
});

test("a wheel with other content is not used, and both hashes are told", async () => {
  const { root, run } = freshClone();
  const { code, output } = await run({ FAKE_WHEEL: "something else" });
  expect(code).toBe(1);
  expect(output).toMatch(
    /left\.whl has SHA-256 [0-9a-f]{64}; server\/sandbox\/wheels\.json asks for [0-9a-f]{64}/,
  );
  expect(readdirSync(path.join(root, "dist"))).toEqual(["wheels"]);
  expect(readdirSync(path.join(root, "dist/wheels"))).toEqual([]);
  expect((await run()).code).toBe(0);
});

test.each([
  ["too old", { FAKE_PYTHON_VERSION: "3.9.18" }, /Python 3\.11 or newer .* is 3\.9\.18/],
  ["missing", { RSTAR_PYTHON: "/nowhere/python" }, /Python 3\.11 or newer .* none was found/],
])("a Python that is %s ends the set-up with what to install", async (_, environment, message) => {
  const { run, calls } = freshClone();
  const { code, output } = await run(environment);
  expect(code).toBe(1);
  expect(output).toMatch(message);
  expect(output).toContain("apt install python3 python3-pip");
  expect(calls()).toEqual([""]);
});

test("a failed installation says what to do, and the next run tries again", async () => {
  const { root, run, write } = freshClone();
  write("npm-fails", "");
  const { code, output } = await run();
  expect(code).toBe(1);
  expect(output).toContain(
    "Check the network connection and the free disk space, then run the command again.",
  );
  rmSync(path.join(root, "npm-fails"));
  expect((await run()).steps).toEqual(["installing", "fetching", "building", "ready"]);
});

test("a lock file without other platforms' packages is installed from all the same, and left as it is", async () => {
  const { root, run, write, calls } = freshClone();
  write("lock-is-partial", "");
  expect(await run()).toMatchObject({
    code: 0,
    steps: ["installing", "the", "fetching", "building", "ready"],
  });
  expect(calls()[1]).toMatch(/^npm install --no-save /);
  expect(readFileSync(path.join(root, "package-lock.json"), "utf8")).toBe(JSON.stringify(LOCKED));
});

test("a source that does not parse is told with its file and line", async () => {
  const { run, write } = freshClone();
  write("server/cli.ts", "const = 1;");
  const { code, output } = await run();
  expect(code).toBe(1);
  expect(output).toContain("server/cli.ts:1:6");
});

test("the sandbox is prepared once for each version of its worker", async () => {
  const { root, run, write } = freshClone();
  const worker = (version: number) =>
    `import fs from "node:fs"; fs.writeFileSync("dist/python-${version}.snapshot", process.argv[2] ?? "");`;
  write("server/sandbox/worker.ts", worker(1));
  expect((await run()).steps).toEqual(["installing", "fetching", "building", "preparing", "ready"]);
  expect(readFileSync(path.join(root, "dist/python-1.snapshot"), "utf8")).toBe("--prepare");
  expect((await run()).steps).toEqual([]);
  write("server/sandbox/worker.ts", worker(2));
  const later = new Date(Date.now() + 1_000);
  utimesSync(path.join(root, "server/sandbox/worker.ts"), later, later);
  expect((await run()).steps).toEqual(["building", "preparing", "ready"]);
});

test("a sandbox that cannot be prepared ends the set-up with what it said", async () => {
  const { run, write } = freshClone();
  write("server/sandbox/worker.ts", `throw new Error("no memory");`);
  const { code, output } = await run();
  expect(code).toBe(1);
  expect(output).toContain("no memory");
});

test("two set-ups at once do the work once", async () => {
  const { run, calls } = freshClone();
  const codes = (await Promise.all([run(), run()])).map(({ code }) => code);
  expect(codes).toEqual([0, 0]);
  expect(calls()).toHaveLength(2);
});

test("the lock of a set-up that is gone does not hold up the next one", async () => {
  const { root, run, write } = freshClone();
  const gone = spawn(process.execPath, ["--version"]);
  await new Promise((resolve) => gone.once("close", resolve));
  write(".cache/setup.lock", String(gone.pid));
  expect((await run()).steps).toEqual(["installing", "fetching", "building", "ready"]);
  expect(readdirSync(path.join(root, ".cache"))).toEqual([]);
});
