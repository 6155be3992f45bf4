/**
 * Writes the fingerprints of the benchmarks' problems, by which selection keeps these out of training:
 * `node scripts/evaluation-fingerprints.mjs FOLDER`, where the folder holds the sets as `rstar eval --data` takes them.
 */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const OUTPUT = "server/evolution/evaluation-problems.json";

const folder = process.argv[2];
if (folder === undefined) throw new Error("name the folder that holds the benchmarks");
const outfile = path.resolve("node_modules/.cache/evaluation-fingerprints.mjs");
await build({
  stdin: {
    contents: `
      export { fingerprint } from "./server/evolution/decontamination.ts";
      export { BENCHMARKS, loadBenchmark } from "./server/evaluation/benchmarks.ts";`,
    resolveDir: ".",
  },
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  outfile,
});
const { BENCHMARKS, fingerprint, loadBenchmark } = await import(pathToFileURL(outfile));
const sets = [];
for (const set of BENCHMARKS) {
  const reading = await loadBenchmark(set, { data: folder }, new globalThis.AbortController().signal);
  if (reading.kind === "failed") throw new Error(reading.message);
  // Some sets hold a problem twice.
  const fingerprints = [...new Set(reading.problems.map(({ text }) => fingerprint(text)))].sort();
  sets.push({ id: set.local, fingerprints });
}
await writeFile(OUTPUT, `${JSON.stringify({ sets }, null, 2)}\n`);
