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
  // What is started: it readies the process and then imports the program beside it.
  { source: "server/start/cli.ts", output: "dist/cli.cjs", executable: true, starts: "./cli.mjs" },
  { source: "server/cli.ts", output: "dist/cli.mjs" },
  // What the server imports late stays in files of its own, so that its start loads none of it.
  { source: "server/main.ts", output: "dist/server.mjs", chunks: "server-" },
  { source: "server/sandbox/worker.ts", output: "dist/sandbox-worker.mjs" },
  { source: "src/extension.ts", output: "dist/extension.cjs", host: true },
  // Read with the first use of the server: it is half of the extension's code.
  { source: "src/language-client.ts", output: "dist/language-client.cjs", host: true },
  // The webviews: a script and a style each; KaTeX's fonts come along into dist/media/fonts/.
  ...["search", "dashboard"].flatMap((view) => [
    { source: `media/${view}/main.ts`, output: `dist/media/${view}.js`, browser: true },
    { source: `media/${view}/main.css`, output: `dist/media/${view}.css`, browser: true },
  ]),
];

export const FOR_NODE = { format: "esm", platform: "node", target: "node20", loader: { ".py": "text" } };

/** What is imported late lies in a file of its own, beside. */
const LANGUAGE_CLIENT_APART = {
  name: "language-client-apart",
  setup(build) {
    build.onResolve({ filter: /\/language-client\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./language-client.cjs", external: true } : undefined,
    );
  },
};

/** The editor's extension host gives `vscode`; all else is in these files. Activation reads only the first. */
const FOR_HOST = {
  format: "cjs",
  platform: "node",
  target: "node20",
  external: ["vscode"],
  // The host hands out `vscode` to what is required, not to what is imported.
  supported: { "dynamic-import": false },
  plugins: [LANGUAGE_CLIENT_APART],
  // The libraries' ES modules where they have them: their other form is wrapped in a function that hides its imports.
  mainFields: ["module", "main"],
};

/** Readies the process and imports a program: only CommonJS runs before Node's thread pool does. */
export function starting(program) {
  return {
    ...FOR_NODE,
    format: "cjs",
    banner: { js: "#!/usr/bin/env node" },
    plugins: [
      {
        name: "program-apart",
        setup(build) {
          build.onResolve({ filter: /./ }, ({ kind }) =>
            kind === "dynamic-import" ? { path: program, external: true } : undefined,
          );
        },
      },
    ],
  };
}

/** Everything in one file: a webview may load nothing else. Of KaTeX's fonts the one format that Chromium reads. */
const FOR_BROWSER = {
  format: "iife",
  platform: "browser",
  target: "chrome130",
  minify: true,
  loader: { ".woff2": "file", ".woff": "empty", ".ttf": "empty" },
  assetNames: "fonts/[name]",
};

/** Every file whose change makes the bundles stale, relative to the root, sorted. */
function inputs(root) {
  const found = ["package.json", "tsconfig.json", "scripts/build.mjs"];
  for (const room of ["server", "src", "media"]) {
    if (!fs.existsSync(path.join(root, room))) continue;
    for (const entry of fs.readdirSync(path.join(root, room), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !/\.(ts|json|py|css)$/.test(entry.name)) continue;
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
/** What bundled CommonJS packages expect to be there: `require` of Node's own modules, and the file that they are in. */
const COMMON_JS = {
  banner: `import { createRequire as createRequireOfNode } from "node:module"; const require = createRequireOfNode(import.meta.url); const fileOfBundle = require("node:url").fileURLToPath(import.meta.url); const folderOfBundle = require("node:path").dirname(fileOfBundle);`,
  define: { __filename: "fileOfBundle", __dirname: "folderOfBundle" },
};

/** Where an entry goes: one file, or one file and chunks whose names begin so. */
function placeOf({ source, output, chunks }, folder) {
  if (chunks === undefined) return { entryPoints: [source], outfile: path.join(folder, output) };
  return {
    entryPoints: [{ in: source, out: path.basename(output, ".mjs") }],
    outdir: path.join(folder, path.dirname(output)),
    outExtension: { ".js": ".mjs" },
    splitting: true,
    // Beside the entry, where what they look for beside themselves is.
    chunkNames: `${chunks}[name]-[hash]`,
  };
}

/**
 * What is in an entry's files. In a package, everything but what cannot be bundled; here, the server too: reading a
 * few large files is faster than finding hundreds of small ones, which halves its start.
 */
function contentOf({ chunks, starts, host, browser }, released) {
  if (starts !== undefined) return starting(starts);
  if (host) return { ...FOR_HOST, minify: released, sourcemap: !released };
  if (browser) return FOR_BROWSER;
  const options = { ...FOR_NODE, minify: released, sourcemap: !released };
  return released || chunks !== undefined
    ? {
        ...options,
        external: NOT_BUNDLED,
        define: COMMON_JS.define,
        banner: { js: COMMON_JS.banner },
      }
    : { ...options, packages: "external" };
}

/** Chunks have new names when they change; the old ones would stay for ever. */
function removeChunks(folder, prefix) {
  if (prefix === undefined || !fs.existsSync(folder)) return;
  for (const name of fs.readdirSync(folder))
    if (name.startsWith(prefix)) fs.rmSync(path.join(folder, name), { force: true });
}

async function bundle(root, folder, released) {
  const entries = entriesOf(root);
  const esbuild = await import("esbuild");
  for (const { output, chunks } of entries) removeChunks(path.join(folder, path.dirname(output)), chunks);
  const results = await Promise.all(
    entries.map((entry) =>
      esbuild.build({
        absWorkingDir: root,
        ...placeOf(entry, folder),
        ...contentOf(entry, released),
        bundle: true,
        metafile: released,
        logLevel: "warning",
      }),
    ),
  );
  for (const { executable, output } of entries)
    if (executable) fs.chmodSync(path.join(folder, output), 0o755);
  return { outputs: entries.map(({ output }) => output), results };
}

/** The sources of which something is left in the bundles, relative to the root, sorted. */
function sourcesIn(results) {
  const used = results
    .flatMap(({ metafile }) => Object.values(metafile.outputs))
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return [...new Set(used.map(([source]) => source))].sort();
}

/**
 * Builds what a package carries into `folder`: small, and with all libraries in it but `NOT_BUNDLED`.
 * Returns the sources that are in it.
 */
export async function buildRelease(folder, root = ROOT) {
  const { results } = await bundle(root, folder, true);
  return sourcesIn(results);
}

/**
 * Builds every entry and returns the outputs' paths relative to the root.
 * Throws esbuild's error, with the file and line, when a source does not parse.
 */
export async function build(root = ROOT) {
  const startedMs = Date.now();
  const files = inputs(root);
  const { outputs } = await bundle(root, root, false);
  if (outputs.length > 0)
    fs.writeFileSync(
      path.join(root, STAMP),
      JSON.stringify({ startedMs, inputs: fingerprint(files) }) + "\n",
    );
  return outputs;
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
