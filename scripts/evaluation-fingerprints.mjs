/**
 * Writes the fingerprints of the evaluation sets, by which selection keeps their problems out of training:
 * `node scripts/evaluation-fingerprints.mjs FOLDER`, where the folder holds SET.jsonl files with id and problem.
 */
import { writeFile, readFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const SETS = ["gsm8k-test", "math500", "amc23", "aime2024"];
const OUTPUT = "server/evolution/evaluation-problems.json";

const folder = process.argv[2];
if (folder === undefined) throw new Error("name the folder that holds the evaluation sets");
const bundle = await build({
  entryPoints: ["server/evolution/decontamination.ts"],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
});
const code = Buffer.from(bundle.outputFiles[0].contents).toString("base64");
const { fingerprint } = await import(`data:text/javascript;base64,${code}`);
const sets = [];
for (const id of SETS) {
  const lines = (await readFile(path.join(folder, `${id}.jsonl`), "utf8")).split("\n").filter(Boolean);
  sets.push({ id, fingerprints: lines.map((line) => fingerprint(JSON.parse(line).problem)).sort() });
}
await writeFile(OUTPUT, `${JSON.stringify({ sets }, null, 2)}\n`);
