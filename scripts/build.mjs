/**
 * Bundles the programs of `dist/` from their TypeScript entries; `npm run build` runs it, and so does the set-up
 * when the sources are newer than the last bundle.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Written after a good build: its content names the inputs, its time is when that build began. */
const STAMP = "dist/.built.json";

/**
 * What is built from what. An entry whose source does not exist is left out. A file the programs read at run time
 * (`models/manifest.json`, `dist/wheels/`) is not bundled: they find it from the package's root.
 */
const ENTRIES = [
  { source: "server/cli.ts", output: "dist/cli.mjs", executable: true },
  // What the server imports late stays in files of its own, so that its start loads none of it.
  { source: "server/main.ts", output: "dist/server.mjs", executable: false, chunks: "server-" },
  { source: "server/sandbox/worker.ts", output: "dist/sandbox-worker.mjs", executable: false },
];

/** Every file whose change makes the bundles stale, relative to the root, sorted. */
function inputs(root) {
  const found = ["package.json", "tsconfig.json", "scripts/build.mjs"];
  for (const room of ["server"]) {
    for (const entry of fs.readdirSync(path.join(root, room), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !/\.(ts|json|py)$/.test(entry.name)) continue;
      found.push(path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
    }
  }
  return found.filter((file) => fs.existsSync(path.join(root, file))).sort();
}

function entriesOf(root) {
  return ENTRIES.filter((entry) => fs.existsSync(path.join(root, entry.source)));
}

function fingerprint(files) {
  return createHash("sha256").update(files.join("\n")).digest("hex");
}

/** Whether `dist/` lacks a program, or a source was added, removed or changed since the last build began. */
export function isStale(root = ROOT) {
  if (entriesOf(root).some((entry) => !fs.existsSync(path.join(root, entry.output)))) return true;
  if (entriesOf(root).length === 0) return false;
  const files = inputs(root);
  let stamp;
  try {
    stamp = JSON.parse(fs.readFileSync(path.join(root, STAMP), "utf8"));
  } catch {
    return true;
  }
  if (stamp.inputs !== fingerprint(files)) return true;
  return files.some((file) => fs.statSync(path.join(root, file)).mtimeMs > stamp.startedMs);
}

/** Native code, WebAssembly and fonts, which have to lie as their makers laid them. */
const NOT_BUNDLED = ["node-llama-cpp", "pyodide", "@mathjax/*"];
/** For bundled CommonJS packages that ask for Node's own modules. */
const REQUIRE = `import { createRequire as createRequireOfNode } from "node:module"; const require = createRequireOfNode(import.meta.url);`;

/** Where an entry goes: one file, or one file and chunks whose names begin so. */
function placeOf({ source, output, chunks }) {
  if (chunks === undefined) return { entryPoints: [source], outfile: output, packages: "external" };
  return {
    // Reading a few large files is faster than finding hundreds of small ones: it halves the server's start.
    external: NOT_BUNDLED,
    banner: { js: REQUIRE },
    entryPoints: [{ in: source, out: path.basename(output, ".mjs") }],
    outdir: path.dirname(output),
    outExtension: { ".js": ".mjs" },
    splitting: true,
    // Beside the entry, where what they look for beside themselves is.
    chunkNames: `${chunks}[name]-[hash]`,
  };
}

/** Chunks have new names when they change; the old ones would stay for ever. */
function removeChunks(folder, prefix) {
  if (prefix === undefined || !fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder))
    if (name.startsWith(prefix)) fs.rmSync(path.join(folder, name), { force: true });
}

/**
 * Builds every entry and returns the outputs' paths relative to the root. Dependencies stay in node_modules.
 * Throws esbuild's error, with the file and line, when a source does not parse.
 */
export async function build(root = ROOT) {
  const startedMs = Date.now();
  const files = inputs(root);
  const entries = entriesOf(root);
  const esbuild = await import("esbuild");
  for (const { output, chunks } of entries) removeChunks(path.join(root, path.dirname(output)), chunks);
  await Promise.all(
    entries.map((entry) =>
      esbuild.build({
        absWorkingDir: root,
        ...placeOf(entry),
        bundle: true,
        format: "esm",
        platform: "node",
        target: "node20",
        loader: { ".py": "text" },
        sourcemap: true,
        logLevel: "warning",
        ...(entry.executable ? { banner: { js: "#!/usr/bin/env node" } } : {}),
      }),
    ),
  );
  for (const entry of entries) if (entry.executable) fs.chmodSync(path.join(root, entry.output), 0o755);
  if (entries.length > 0)
    fs.writeFileSync(
      path.join(root, STAMP),
      JSON.stringify({ startedMs, inputs: fingerprint(files) }) + "\n",
    );
  return entries.map((entry) => entry.output);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const outputs = await build();
    console.log(outputs.length > 0 ? `built ${outputs.join(", ")}` : "nothing to build");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
