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
  const fallback = await fallbackOf(session);
  return { uses: (["policy", "ppm"] as const).flatMap((role) => newestOf(read.lineage, role, fallback)) };
}

/** `rstar/adapters/rollBack`: searches that run keep what they began with, the next one has what was before. */
export async function rollBackAdapter(session: Session, role: AdapterUse["role"]): Promise<EditOutcome> {
  const { describeRefusal, readLineage, rollBack } = await import("../models/adapters.ts");
  const { describeFailure } = await import("../models/outcomes.ts");
  const home = homeOf(session);
  const before = await readLineage(home);
  const after = await rollBack(home, role, new AbortController().signal);
  switch (after.kind) {
    case "lineage": {
      const [undone] =
        before.kind === "lineage" ? newestOf(before.lineage, role, await fallbackOf(session)) : [];
      const name = role === "ppm" ? "PPM" : "policy";
      const none = role === "ppm" ? "no PPM" : "the untouched base";
      return {
        kind: "done",
        message: `${undone?.adapter ?? none} is out of use as ${name}; in use is ${undone?.before ?? none} again. Searches that run keep what they began with.`,
      };
    }
    case "bad-lineage":
    case "unwritable-home":
    case "disk-full":
      return { kind: "not-done", message: describeFailure(after) };
    case "unknown-adapter":
    case "adapter-in-use":
    case "nothing-to-roll-back":
    case "changed-file":
      return { kind: "not-done", message: describeRefusal(after) };
    default:
      return after satisfies never;
  }
}

/** What is in use where nothing was chosen: the manifest's default, which may have an adapter of its own. */
type Fallback = (role: AdapterUse["role"], baseSha256: string) => string | null;

async function fallbackOf(session: Session): Promise<Fallback> {
  const { modelManager } = await import("../compose.ts");
  const manager = await modelManager(undefined, homeOf(session));
  return (role, baseSha256) => manager.defaultFor(role, baseSha256);
}

function newestOf({ uses }: Lineage, role: AdapterUse["role"], fallback: Fallback): AdapterUse[] {
  const use = uses.findLast((one) => one.role === role);
  if (use === undefined) return [];
  const earlier = uses.slice(0, uses.lastIndexOf(use));
  const before = earlier.findLast((one) => one.role === role && one.baseSha256 === use.baseSha256);
  const { adapter, at, why } = use;
  return [
    {
      role,
      adapter,
      before: before === undefined ? fallback(role, use.baseSha256) : before.adapter,
      at,
      why,
    },
  ];
}
