/**
 * A VS Code for the tests of the extension: its path, installed first where it is missing. Plain Node, no dependency.
 *
 * Where VS Code itself cannot be downloaded, the same workbench is had from the npm package code-server, whose editor
 * part is VS Code built for a browser, and is shown in Chromium. It is kept in a per-user folder outside the
 * repository (`RSTAR_TEST_CACHE` moves it), so that a fresh clone does not install it again.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The last code-server for Node 20: VS Code 1.100.3, which is also the oldest that the extension supports. */
const CODE_SERVER = "4.100.3";
/** What code-server's native modules are built with, the browser, and the search that VS Code calls. */
const APT = ["libkrb5-dev", "libsecret-1-dev", "libx11-dev", "libxkbfile-dev", "chromium", "ripgrep"];
/** The native modules without which VS Code's server does not start. */
const NATIVE = [
  "kerberos",
  "@vscode/deviceid",
  "@vscode/spdlog",
  "native-watchdog",
  "node-pty",
  "@parcel/watcher",
];
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The folder that outlives a clone: the editor for tests lies in it. */
export function testCache() {
  const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  return process.env.RSTAR_TEST_CACHE || path.join(base, "rstar-math-tests");
}

function findProgram(names) {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (fs.existsSync(file)) return file;
    }
  }
  return null;
}

/** Runs a program quietly; what it said is the error's text when it fails. */
function execute(program, args, cwd) {
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", npm_config_yes: "true" };
  // The npm that runs the tests must not hand its own settings of this project on.
  for (const name of Object.keys(environment))
    if (
      /^npm_(?:config_|package_|lifecycle)/iu.test(name) &&
      !/registry|proxy|cafile|nodedir|_yes/iu.test(name)
    )
      delete environment[name];
  // Where Node's headers were installed with it, nothing has to be fetched to build native modules.
  const nodeFolder = path.resolve(path.dirname(process.execPath), "..");
  if (fs.existsSync(path.join(nodeFolder, "include", "node", "node.h")))
    environment["npm_config_nodedir"] ??= nodeFolder;
  const run = spawnSync(program, args, {
    cwd,
    env: environment,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status === 0) return;
  const said = `${run.stdout ?? ""}${run.stderr ?? ""}`.trim().split("\n").slice(-15).join("\n");
  throw new Error(
    `${program} ${args.join(" ")} (in ${cwd}) ended with ${run.error?.message ?? run.status}:\n${said}`,
  );
}

/** The libraries of the system: installed where this is a machine of Debian's family that may be changed. */
function installSystemPackages(say) {
  const missing = APT.filter(
    (name) =>
      spawnSync("dpkg-query", ["-W", "-f", "${Status}", name], { encoding: "utf8" }).stdout !==
      "install ok installed",
  );
  if (missing.length === 0) return;
  if (findProgram(["apt-get"]) === null || process.getuid?.() !== 0) {
    throw new Error(
      `the editor for the tests needs ${missing.join(", ")} of the system. Install them (Debian and Ubuntu: apt-get install ${missing.join(" ")}) and run the command again.`,
    );
  }
  say(`installing ${missing.join(", ")}`);
  execute("apt-get", ["update", "-qq"], "/");
  execute("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], "/");
}

function link(target, file) {
  fs.rmSync(file, { force: true });
  fs.symlinkSync(target, file);
}

/** Builds code-server from its npm package as its own installer does, less what only its terminal and proxy need. */
function installCodeServer(folder, say) {
  say(`installing code-server ${CODE_SERVER} (VS Code in a browser) for the tests; about two minutes, once`);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
  const npm = (args, cwd) => execute("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], cwd);
  npm(["install", `code-server@${CODE_SERVER}`, "--ignore-scripts"], folder);
  const root = path.join(folder, "node_modules", "code-server");
  const vscode = path.join(root, "lib", "vscode");
  npm(["install", "--ignore-scripts", "--omit=dev"], vscode);
  npm(["rebuild", ...NATIVE], vscode);
  link("node_modules", path.join(vscode, "node_modules.asar"));
  const ripgrep = path.join(vscode, "node_modules", "@vscode", "ripgrep", "bin");
  fs.mkdirSync(ripgrep, { recursive: true });
  link(findProgram(["rg"]), path.join(ripgrep, "rg"));
  npm(["install", "--ignore-scripts"], path.join(vscode, "extensions"));
  link("code-linux.sh", path.join(vscode, "bin", "remote-cli", "code-server"));
  link("browser-linux.sh", path.join(vscode, "bin", "helpers", "browser.sh"));
  npm(["rebuild", "argon2"], folder);
}

/**
 * The editor for the tests: code-server's entry script and a Chromium to show it in.
 * @throws an Error that says what is missing and how to install it.
 */
export function codeServerForTests(say = (line) => console.log(`tests: ${line}`)) {
  const folder = path.join(testCache(), `code-server-${CODE_SERVER}`);
  const done = path.join(folder, ".installed");
  const entry = path.join(folder, "node_modules", "code-server", "out", "node", "entry.js");
  if (process.platform !== "linux")
    throw new Error("the browser variant of the editor is set up on Linux only");
  if (!fs.existsSync(done) || findProgram(BROWSERS) === null) installSystemPackages(say);
  if (!fs.existsSync(done)) {
    // Built beside and renamed, so that an installation that was interrupted is not taken for a whole one.
    const arriving = `${folder}.${process.pid}`;
    installCodeServer(arriving, say);
    fs.writeFileSync(path.join(arriving, ".installed"), `${CODE_SERVER}\n`);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(arriving, folder);
  }
  const browser = findProgram(BROWSERS);
  if (browser === null) throw new Error("no Chromium was found on the PATH");
  return { entry, browser };
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  console.log(codeServerForTests());
}
