/** Adapters in the editor: which are in use, and taking the newest choice back. */
import type { AdapterUse } from "../protocol/requests.ts";
import type { EditOutcome } from "../protocol/places.ts";
import type { Lineage } from "../protocol/evolution.ts";
import { homeOf } from "./home.ts";
import type { Session } from "./session.ts";

/** `rstar/adapters/inUse` */
export async function adaptersInUse(session: Session): Promise<{ uses: AdapterUse[] }> {
  const { readLineage } = await import("../models/adapters.ts");
  const read = await readLineage(homeOf(session));
  if (read.kind !== "lineage") return { uses: [] };
  const newest = (["policy", "ppm"] as const).map((role) => newestOf(session, read.lineage, role));
  return { uses: (await Promise.all(newest)).flat() };
}

/** `rstar/adapters/rollBack`: searches that run keep what they began with, the next one has what was before. */
export async function rollBackAdapter(session: Session, role: AdapterUse["role"]): Promise<EditOutcome> {
  const { describeNoLineage, readLineage, rollBack } = await import("../models/adapters.ts");
  const home = homeOf(session);
  const before = await readLineage(home);
  const after = await rollBack(home, role, new AbortController().signal);
  if (after.kind !== "lineage") return { kind: "not-done", message: describeNoLineage(after) };
  const [undone] = before.kind === "lineage" ? await newestOf(session, before.lineage, role) : [];
  const name = role === "ppm" ? "PPM" : "policy";
  const none = role === "ppm" ? "no PPM" : "the untouched base";
  return {
    kind: "done",
    message: `${undone?.adapter ?? none} is out of use as ${name}; in use is ${undone?.before ?? none} again. Searches that run keep what they began with.`,
  };
}

/** The newest choice of a role, and what was in use before it. */
async function newestOf(session: Session, lineage: Lineage, role: AdapterUse["role"]): Promise<AdapterUse[]> {
  const use = lineage.uses.findLast((one) => one.role === role);
  if (use === undefined) return [];
  const { modelManager } = await import("../compose.ts");
  const manager = await modelManager(undefined, homeOf(session));
  const uses = lineage.uses.filter((one) => one !== use);
  const { adapter, at, why } = use;
  return [{ role, adapter, before: manager.usedOn({ ...lineage, uses }, role, use.baseSha256), at, why }];
}
