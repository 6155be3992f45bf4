/** Keeps a comparison for the public: its turns compressed, without the problems' texts. */
import { mkdir, rm } from "node:fs/promises";
import { withoutProblem } from "../../../server/evaluation/publish.ts";
import { eachLine, packLines } from "../../../server/json-lines.ts";
import { Trace } from "../../../server/protocol/trace.ts";
import { writeFileAtomic } from "../../../server/replace-file.ts";
import { filesOf, readRun, Turn } from "./records.ts";

/** Takes the comparison in `from` into the folder `to`, whose report can then be written. */
export async function publishPeers(from: string, to: string): Promise<void> {
  const run = await readRun(from);
  const ours = new Set(run.settings.contestants.flatMap(({ name, side }) => (side === "ours" ? [name] : [])));
  await mkdir(to, { recursive: true });
  await packLines(filesOf(to).turns, publicTurns(filesOf(from).turns, ours));
  // One that was gone on with in there would be read in place of this one, and has the problems' texts.
  await rm(filesOf(to).turns, { force: true });
  await writeFileAtomic(filesOf(to).run, `${JSON.stringify(run, null, 2)}\n`);
}

/** Of ours, what is raw is the search's trace. */
async function* publicTurns(turns: string, ours: ReadonlySet<string>): AsyncGenerator<Turn> {
  for await (const { record } of eachLine(turns, Turn)) {
    if (record === null) continue;
    const trace = ours.has(record.contestant) ? Trace.safeParse(record.raw) : null;
    yield trace?.success === true ? { ...record, raw: withoutProblem(trace.data) as Turn["raw"] } : record;
  }
}
