/**
 * Bundles `test/bench/<name>/main.ts` and runs it: `node scripts/bench.mjs engine --help`. Benchmarks measure ratios
 * within one run, on a machine with nothing else to do; they are no tests and assert nothing.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { FOR_NODE, starting } from "./build.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const [name = "", ...args] = process.argv.slice(2);
const source = path.join("test", "bench", name, "main.ts");
if (name === "" || !fs.existsSync(path.join(ROOT, source))) {
  const names = fs
    .readdirSync(path.join(ROOT, "test/bench"))
    .filter((entry) => fs.existsSync(path.join(ROOT, "test/bench", entry, "main.ts")));
  console.error(`There is no benchmark "${name}". There are: ${names.join(", ")}.`);
  process.exit(1);
}
const esbuild = await import("esbuild");
const common = { absWorkingDir: ROOT, bundle: true, logLevel: "warning" };
await esbuild.build({
  ...FOR_NODE,
  ...common,
  entryPoints: [source],
  // In `dist/` itself: the sandbox and its wheels are looked for beside the bundle.
  outfile: path.join(ROOT, "dist", `bench-${name}.mjs`),
  packages: "external",
  sourcemap: true,
});
// Started as the product is.
const start = path.join(ROOT, "dist", `bench-${name}.cjs`);
await esbuild.build({
  ...starting(`./bench-${name}.mjs`),
  ...common,
  entryPoints: ["server/start/cli.ts"],
  outfile: start,
});
const child = spawn(process.execPath, ["--enable-source-maps", start, ...args], {
  cwd: ROOT,
  // The channel stops it when this process is gone, whatever ended it (server/cli/interrupt.ts).
  stdio: ["inherit", "inherit", "inherit", "ipc"],
});
// It ends in its own time and keeps what it has. Ctrl-C reaches it from the terminal anyway.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {
  if (child.connected) child.send("stop");
  // Not every benchmark listens.
  setTimeout(() => child.kill(), 120_000).unref();
});
child.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
