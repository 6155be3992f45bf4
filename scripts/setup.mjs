/**
 * Makes a fresh clone ready for `npm start` and `npm test`: npm runs it before both. Plain Node, no dependency.
 *
 * What is there already is left alone and not mentioned. Each thing that has to be done is announced in one line.
 * Two set-ups at once do the work once: the second waits for the first.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setInterval, clearInterval } from "node:timers";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const NODE_MINIMUM = [20, 17];
const PYTHON_MINIMUM = [3, 11];
const LOCK = path.join(ROOT, ".cache", "setup.lock");
const WHEELS = path.join(ROOT, "dist", "wheels");

/** Something the person has to put right; its message is the whole explanation. */
class SetupError extends Error {}

function say(line) {
  process.stdout.write(`setup: ${line}\n`);
}

/* ------------------------------------------------------------ requirements */

function atLeast(version, minimum) {
  for (let i = 0; i < minimum.length; i++) {
    if ((version[i] ?? 0) !== minimum[i]) return (version[i] ?? 0) > minimum[i];
  }
  return true;
}

function checkNode() {
  const version = process.versions.node.split(".").map(Number);
  if (atLeast(version, NODE_MINIMUM)) return;
  throw new SetupError(
    `this is Node.js ${process.versions.node}; rStar-Math needs ${NODE_MINIMUM.join(".")} or newer.\n` +
      "Install a current one from https://nodejs.org, or with your version manager, and run the command again.",
  );
}

/** The command line that starts a new enough Python, e.g. `["python3"]` or `["py", "-3"]`. */
function findPython() {
  const own = process.env.RSTAR_PYTHON;
  const tried = [];
  for (const command of own ? [[own]] : [["python3"], ["python"], ["py", "-3"]]) {
    const [program, ...args] = command;
    const probe = spawnSync(
      program,
      [...args, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"],
      { encoding: "utf8", timeout: 20_000, windowsHide: true },
    );
    const version = (probe.stdout ?? "").trim();
    if (probe.status !== 0 || version === "") continue;
    if (atLeast(version.split(".").map(Number), PYTHON_MINIMUM)) return command;
    tried.push(`${command.join(" ")} is ${version}`);
  }
  const found = tried.length > 0 ? `only an older one was found: ${tried.join(", ")}` : "none was found";
  throw new SetupError(
    `rStar-Math needs Python ${PYTHON_MINIMUM.join(".")} or newer with pip (it fetches the sandbox's packages and the models); ${found}.\n` +
      "Install it (https://www.python.org/downloads/; Debian and Ubuntu: apt install python3 python3-pip; macOS: brew install python),\n" +
      "or set RSTAR_PYTHON to the program's path, and run the command again.",
  );
}

/* ------------------------------------------------------------------- steps */

/**
 * Runs a program with its output shown. Fails with `advice`; what the program said on standard error is then shown
 * too, and is the error's `said`.
 */
function execute(program, args, advice) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "pipe"],
      windowsHide: true,
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
    const fail = (reason) => {
      const error = new SetupError(
        `${said.trimEnd()}\n${path.basename(program)} ${reason}.\n${advice}`.trimStart(),
      );
      reject(Object.assign(error, { said }));
    };
    child.on("error", (error) => fail(error.message));
    child.on("close", (code, signal) =>
      code === 0 ? resolve() : fail(`ended with ${signal ?? `exit code ${code}`}`),
    );
  });
}

/** Runs npm: the one that runs this script where there is one. */
async function npm(...args) {
  const advice =
    "The npm packages could not be installed. Check the network connection and the free disk space, then run the command again.";
  const own = process.env.npm_execpath;
  if (own && /npm-cli\.[cm]?js$/.test(own)) await execute(process.execPath, [own, ...args], advice);
  else if (process.platform === "win32")
    await execute(process.env.ComSpec ?? "cmd.exe", ["/d", "/c", "npm", ...args], advice);
  else await execute("npm", args, advice);
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(path.join(ROOT, file), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw new SetupError(`${file} cannot be read: ${error.message}`);
  }
}

/**
 * npm's own record of what it put in node_modules is written when an installation is complete. It must hold what
 * the lock file asks for, version by version; packages that are optional may be missing (other platforms' binaries).
 */
const dependencies = {
  pending() {
    const wanted = readJson("package-lock.json")?.packages ?? {};
    const present = readJson("node_modules/.package-lock.json")?.packages;
    if (present === undefined) return true;
    for (const [name, { version, optional, devOptional, link }] of Object.entries(wanted)) {
      if (name === "" || link) continue;
      const installed = present[name];
      if (installed === undefined && (optional || devOptional)) continue;
      if (installed?.version !== version) return true;
    }
    return Object.entries(present).some(([name, { optional }]) => wanted[name] === undefined && !optional);
  },
  async run() {
    say("installing the npm packages of package-lock.json (npm ci; a few minutes the first time)");
    const options = ["--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
    try {
      await npm("ci", ...options);
    } catch (error) {
      // A lock file that was written where the registry lacks other platforms' optional packages does not name them,
      // and npm ci then refuses the whole file.
      if (!error.said?.includes("code EUSAGE")) throw error;
      say(
        "the lock file does not name every platform's packages; installing with npm install, which leaves it as it is",
      );
      await npm("install", "--no-save", ...options);
    }
  },
};

function sha256(file) {
  try {
    return createHash("sha256").update(fs.readFileSync(file)).digest("hex");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** The Python packages that the sandbox unpacks into its interpreter, pinned by hash. */
const wheels = {
  missing() {
    const pinned = readJson("server/sandbox/wheels.json")?.wheels ?? [];
    return pinned.filter((wheel) => sha256(path.join(WHEELS, wheel.file)) !== wheel.sha256);
  },
  pending() {
    return this.missing().length > 0;
  },
  async run(python) {
    const missing = this.missing();
    say(
      `fetching the sandbox's Python packages: ${missing.map((wheel) => `${wheel.name} ${wheel.version}`).join(", ")}`,
    );
    fs.mkdirSync(WHEELS, { recursive: true });
    const arriving = fs.mkdtempSync(path.join(ROOT, "dist", "wheels-"));
    try {
      const requirements = path.join(arriving, "requirements.txt");
      fs.writeFileSync(
        requirements,
        missing.map((wheel) => `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`).join(""),
      );
      const [program, ...args] = python;
      await execute(
        program,
        [
          ...args,
          ...["-m", "pip", "--disable-pip-version-check", "-qq", "download", "--no-deps"],
          ...["--only-binary", ":all:", "--require-hashes"],
          ...["--dest", arriving, "--requirement", requirements],
        ],
        `The sandbox's packages could not be fetched with "${python.join(" ")} -m pip". Check the network connection and that pip is installed\n` +
          "(Debian and Ubuntu: apt install python3-pip), then run the command again.",
      );
      for (const wheel of missing) {
        const file = path.join(arriving, wheel.file);
        const found = sha256(file);
        if (found !== wheel.sha256) {
          throw new SetupError(
            `${wheel.file} ${found === null ? "did not arrive" : `has SHA-256 ${found}`}; server/sandbox/wheels.json asks for ${wheel.sha256}.\n` +
              "The file was not used. Run the command again; if it stays so, report it.",
          );
        }
        fs.renameSync(file, path.join(WHEELS, wheel.file));
      }
    } finally {
      fs.rmSync(arriving, { recursive: true, force: true });
    }
  },
};

/** The bundles of `dist/`. */
const bundles = {
  async pending() {
    const { isStale } = await import("./build.mjs");
    return isStale(ROOT);
  },
  async run() {
    const { build } = await import("./build.mjs");
    say("building dist/");
    try {
      await build(ROOT);
    } catch (error) {
      throw new SetupError(`the sources could not be built: ${error.message}`);
    }
  },
};

/**
 * The sandbox's memory image of a Python with its libraries imported: made once for each version of the worker, in some
 * seconds, so that no solve waits for the imports.
 */
const snapshot = {
  worker: path.join(ROOT, "dist", "sandbox-worker.mjs"),
  stamp: path.join(ROOT, "dist", ".prepared"),
  pending() {
    const version = sha256(this.worker);
    if (version === null) return false;
    const made = fs.readdirSync(path.dirname(this.worker)).some((name) => name.endsWith(".snapshot"));
    return !made || !fs.existsSync(this.stamp) || fs.readFileSync(this.stamp, "utf8") !== version;
  },
  async run() {
    say("preparing the Python sandbox");
    const advice =
      "The sandbox's Python could not be started. Run the command again; if it stays so, report it.";
    await execute(process.execPath, [this.worker, "--prepare"], advice);
    fs.writeFileSync(this.stamp, sha256(this.worker));
  },
};

/** In order; a later step may use what an earlier one made. */
const STEPS = [dependencies, wheels, bundles, snapshot];

async function isPending() {
  for (const step of STEPS) if (await step.pending()) return true;
  return false;
}

/* -------------------------------------------------------------------- lock */

const HEARTBEAT_MS = 2_000;
const ABANDONED_MS = 30_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** The lock's holder, when it is gone: its process ended, or it has not touched the lock for a while. */
function abandonedBy() {
  try {
    const age = Date.now() - fs.statSync(LOCK).mtimeMs;
    const pid = fs.readFileSync(LOCK, "utf8");
    return age > ABANDONED_MS || !isAlive(Number(pid)) ? pid : null;
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** Takes an abandoned lock away, unless another set-up did so first and holds a lock of its own by now. */
function breakLock(pid) {
  const aside = `${LOCK}.${process.pid}.abandoned`;
  try {
    fs.renameSync(LOCK, aside);
    if (fs.readFileSync(aside, "utf8") !== pid) fs.linkSync(aside, LOCK);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

/** Creates the lock with its content in one step, so that no one ever sees it without its holder's number. */
function tryLock() {
  const own = `${LOCK}.${process.pid}`;
  fs.mkdirSync(path.dirname(LOCK), { recursive: true });
  fs.writeFileSync(own, String(process.pid));
  try {
    fs.linkSync(own, LOCK);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    fs.rmSync(own, { force: true });
  }
}

async function withLock(work) {
  let told = false;
  while (!tryLock()) {
    const gone = abandonedBy();
    if (gone !== null) {
      breakLock(gone);
      continue;
    }
    if (!told) say("another set-up of this folder is at work; waiting for it");
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    fs.utimes(LOCK, now, now, () => undefined);
  }, HEARTBEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(heartbeat);
    fs.rmSync(LOCK, { force: true });
  }
}

/* -------------------------------------------------------------------- main */

async function main() {
  checkNode();
  const python = findPython();
  if (!(await isPending())) return;
  await withLock(async () => {
    let worked = false;
    for (const step of STEPS) {
      if (!(await step.pending())) continue;
      await step.run(python);
      worked = true;
    }
    if (worked) say("ready");
  });
}

try {
  await main();
} catch (error) {
  const text = error instanceof SetupError ? error.message : (error.stack ?? String(error));
  process.stderr.write(`setup failed: ${text}\n`);
  process.exitCode = 1;
}
