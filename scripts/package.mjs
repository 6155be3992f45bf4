/**
 * Builds the extension's package for one platform: `npm run package -- --target linux-x64`, by default for this one.
 *
 * A folder is put together from the bundles, the libraries that cannot be bundled, and the engine's binaries of that
 * platform only; vsce packs it. The binaries of other platforms come from the npm registry by the lock file's
 * hashes, where it has them: those of Linux can be built everywhere.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { buildRelease } from "./build.mjs";
import { collectNotices, formatNotices, isLicence, NOTICES } from "./notices.mjs";
import { extensionReadme } from "./readme.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** The engine's package for each platform of VS Code: the processor's, on a Mac with Apple's chips Metal. */
export const TARGETS = {
  "linux-x64": "@node-llama-cpp/linux-x64",
  "linux-arm64": "@node-llama-cpp/linux-arm64",
  "darwin-arm64": "@node-llama-cpp/mac-arm64-metal",
  "darwin-x64": "@node-llama-cpp/mac-x64",
  "win32-x64": "@node-llama-cpp/win-x64",
  "win32-arm64": "@node-llama-cpp/win-arm64",
};

/** Not needed to run: sources, types, maps, and llama.cpp's own sources, which are most of its package. */
const LEFT_OUT =
  /(?:\.map|\.d\.[cm]?ts|\.md|\.ts|\.html|\.tsbuildinfo)$|\/(?:test|tests|docs|example|examples|\.github)\/|node-llama-cpp\/(?:templates|bins)\/|node-llama-cpp\/llama\/(?!grammars\/)[^/]+\/|gitRelease\.bundle$|pyodide\/pyodide\.js$|@mathjax\/[^/]+\/(?!mjs\/)[^/]+\/|@mathjax\/[^/]+\/(?!package\.json)[^/]+\.js(?:on)?$|newcm-font\/mjs\/chtml/u;

/** The libraries that are not bundled, each with what it needs of its own. */
const LIBRARIES = ["node-llama-cpp", "pyodide", "@mathjax/src", "@mathjax/mathjax-newcm-font"];

/** Dependencies that only build the engine from source, or are for pages in a browser: a package does neither. */
const NOT_FOLLOWED = new Set(["cmake-js", "node-addon-api", "@types/emscripten", "mj-context-menu"]);

/** What is copied as it is. */
const COPIED = [
  ".vscodeignore",
  "CHANGELOG.md",
  "LICENSE",
  "package.nls.json",
  "l10n",
  "media/icon.png",
  "media/walkthrough",
  "models/manifest.json",
  "models/adapters",
  "examples",
  "dist/wheels",
  "server/evolution/trainer/rstar_trainer",
  "server/evolution/trainer/configs",
  "server/evolution/trainer/requirements.txt",
  "server/evolution/trainer/requirements-torch.txt",
  "server/evolution/trainer/requirements-torch-windows.txt",
];

/**
 * What makes a GGUF file of a trained adapter: parts of the llama.cpp source that node-llama-cpp ships as a bundle. The
 * licences are also those of what is compiled into the engine's binaries.
 */
const CONVERTER = [
  ...["convert_lora_to_gguf.py", "conversion", "gguf-py/gguf"],
  ...["LICENSE", "licenses", "gguf-py/LICENSE", "vendor/cpp-httplib/LICENSE"],
];

function copy(from, to) {
  fs.cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (file) =>
      fs.statSync(file).isDirectory()
        ? path.basename(file) !== "node_modules"
        : isLicence(file) || !LEFT_OUT.test(file.replaceAll("\\", "/")),
  });
}

/** The folder of a package as Node finds it from another; null where it is not installed. */
function findPackage(name, from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "node_modules", name);
    if (fs.existsSync(path.join(candidate, "package.json"))) return candidate;
    if (folder === path.dirname(folder)) return null;
  }
}

/** Copies a package and what it depends on, each beside or below its user as npm had laid it. */
function copyPackage(name, from, modules, done) {
  const folder = findPackage(name, from);
  if (folder === null || NOT_FOLLOWED.has(name)) return;
  const place = fs.realpathSync(folder);
  if (done.has(place)) return;
  done.add(place);
  const within = folder.slice(folder.indexOf(`node_modules${path.sep}`) + "node_modules".length + 1);
  copy(place, path.join(modules, within));
  const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, folder, modules, done);
}

/** The engine's binaries: from node_modules where npm installed them, else fetched and checked by the lock file. */
function copyBinaries(name, modules) {
  const installed = findPackage(name, ROOT);
  const target = path.join(modules, name);
  if (installed !== null) {
    copy(fs.realpathSync(installed), target);
    return;
  }
  const lock = JSON.parse(fs.readFileSync(path.join(ROOT, "package-lock.json"), "utf8"));
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (integrity === undefined)
    throw new Error(`${name} is not installed here, and package-lock.json has no hash to fetch it by`);
  const folder = fs.mkdtempSync(path.join(ROOT, ".cache", "binaries-"));
  try {
    execute("npm", ["pack", `${name}@${version}`, "--pack-destination", folder, "--loglevel=error"]);
    const tarball = path.join(folder, fs.readdirSync(folder)[0]);
    const [algorithm, expected] = integrity.split("-", 2);
    const found = createHash(algorithm).update(fs.readFileSync(tarball)).digest("base64");
    if (found !== expected)
      throw new Error(`${name} ${version} has another hash than package-lock.json says`);
    execute("tar", ["-xzf", tarball, "-C", folder]);
    copy(path.join(folder, "package"), target);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Unpacks the converter, so that an installed extension needs neither git nor the 30 MB of the bundle. */
function copyConverter(folder) {
  const bundle = path.join(ROOT, "node_modules/node-llama-cpp/llama/gitRelease.bundle");
  const clone = path.join(folder, "llama.cpp");
  execute("git", ["clone", "--quiet", "--no-checkout", bundle, clone]);
  execute("git", ["-C", clone, "checkout", "--quiet", "HEAD", "--", ...CONVERTER]);
  for (const name of CONVERTER)
    fs.cpSync(path.join(clone, name), path.join(folder, "dist", "converter", name), { recursive: true });
  fs.rmSync(clone, { recursive: true, force: true });
}

function execute(program, args) {
  // npm is a batch file on Windows, which only a shell starts; that takes the arguments as they are, spaces and all.
  const isBatch = process.platform === "win32" && program === "npm";
  const words = isBatch ? args.map((arg) => `"${arg}"`) : args;
  const run = spawnSync(program, words, { encoding: "utf8", shell: isBatch });
  if (run.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${run.error?.message ?? run.stderr}`);
}

/** The manifest as it is installed: without what only concerns building and the command line. */
function writeManifest(folder) {
  const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
  for (const field of ["scripts", "dependencies", "devDependencies", "bin", "private"])
    delete manifest[field];
  fs.writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** The page that an editor shows of the extension. */
function writeReadme(folder) {
  const readme = fs.readFileSync(path.join(ROOT, "README.md"), "utf8");
  fs.writeFileSync(path.join(folder, "README.md"), extensionReadme(readme));
}

/**
 * Builds the package and returns its path.
 * @throws Error for a target that does not exist, or when something that goes into it is missing.
 */
export async function packageExtension(target, output = path.join(ROOT, `rstar-math-${target}.vsix`)) {
  const binaries = TARGETS[target];
  if (binaries === undefined)
    throw new Error(`there is no package for ${target}; there is one for ${Object.keys(TARGETS).join(", ")}`);
  const snapshot = fs.readdirSync(path.join(ROOT, "dist")).find((name) => name.endsWith(".snapshot"));
  if (snapshot === undefined) throw new Error("the sandbox was not prepared: run npm test or npm start once");
  fs.mkdirSync(path.join(ROOT, ".cache"), { recursive: true });
  const folder = fs.mkdtempSync(path.join(ROOT, ".cache", `package-${target}-`));
  try {
    const sources = await buildRelease(folder);
    for (const name of COPIED) copyNamed(name, folder);
    copyNamed(path.join("dist", snapshot), folder);
    writeManifest(folder);
    writeReadme(folder);
    copyConverter(folder);
    const modules = path.join(folder, "dist", "node_modules");
    for (const name of LIBRARIES) copyPackage(name, ROOT, modules, new Set());
    copyBinaries(binaries, modules);
    fs.writeFileSync(path.join(folder, NOTICES), formatNotices(collectNotices(folder, sources, ROOT)));
    const { createVSIX } = await import("@vscode/vsce");
    await createVSIX({
      cwd: folder,
      target,
      packagePath: output,
      dependencies: false,
      // Without one, vsce refuses a page with a relative link or picture, which would be dead.
      allowMissingRepository: true,
    });
    return output;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function copyNamed(name, folder) {
  const from = path.join(ROOT, name);
  if (!fs.existsSync(from)) return;
  const filter = (file) => path.basename(file) !== "__pycache__";
  fs.cpSync(from, path.join(folder, name), { recursive: true, filter });
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      target: { type: "string", default: `${process.platform}-${process.arch}` },
      out: { type: "string" },
    },
  });
  try {
    const file = await packageExtension(values.target, values.out);
    console.log(`${file}: ${(fs.statSync(file).size / 1e6).toFixed(1)} MB`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
