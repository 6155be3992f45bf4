/** An adapter on the file of the model of `helpers.ts`, as training puts it into the lineage. */
import { trainingNumbers } from "../../../server/evolution/profiles.ts";
import type { LineageEntry } from "../../../server/protocol/evolution.ts";
import { sha256, WEIGHTS } from "./helpers.ts";

export const BASE = { id: "tiny", sha256: sha256(WEIGHTS) };
export const AT = "2026-01-01T00:00:00.000Z";

/** The entry of an adapter whose file has this content. */
export function trainedEntry(
  id: string,
  content: Buffer,
  changes: Partial<LineageEntry> = {},
): Omit<LineageEntry, "file"> {
  return {
    ...{ id, role: "policy", createdAt: AT, sha256: sha256(content), bytes: content.length, base: BASE },
    ...{ promptFormat: "bare", ppm: null, run: { id: "run", round: 1 }, startedFrom: null },
    data: { examples: 1, problems: 1, traces: 1, sha256: "0".repeat(64) },
    settings: { profile: "smoke", loss: "sft", seed: 1, hyperParameters: trainingNumbers("smoke").policy },
    gate: null,
    ...changes,
  };
}
