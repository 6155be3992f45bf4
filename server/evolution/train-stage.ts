/** Trains one adapter of a round, always from the base, and puts it into the lineage, in use by nobody yet. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import type { LineageEntry, RunState, TrainingReport } from "../protocol/evolution.ts";
import { linesOf } from "../protocol/lines.ts";
import { TRAINING_VERSION, type TrainingJob, type TrainingResult } from "../protocol/training.ts";
import { addAdapter, describeNoLineage } from "../models/adapters.ts";
import type { BaseResolution, RunContext, StageEnd } from "./context.ts";
import { readResult, readSelection, writeJson } from "./run-folder.ts";

type Role = "policy" | "ppm";
type Base = Extract<BaseResolution, { kind: "base" }>;

const CHECKPOINT_EVERY = 20;

/** The id of a round's adapter in the lineage. */
export function adapterId(state: Pick<RunState, "id" | "round">, role: Role): string {
  return `${state.id}-r${state.round}-${role}`;
}

/** The training job of a round. `startFrom` is where a PPM begins: the round's policy. */
export function jobOf(
  context: Pick<RunContext, "folder">,
  state: RunState,
  role: Role,
  base: Base,
  startFrom: string | null,
): TrainingJob {
  const { settings, round } = state;
  const own = context.folder.round(round);
  const isPolicy = role === "policy";
  return {
    version: TRAINING_VERSION,
    id: adapterId(state, role),
    kind: isPolicy ? "sft" : "ppm",
    loss: isPolicy ? "sft" : settings.ppmLoss,
    data: { train: own.data(role, "train"), held: unlessEmpty(own.data(role, "held")) },
    base: { id: base.id, gguf: { path: base.path, sha256: base.sha256 }, weights: { kind: "gguf" } },
    startFrom,
    ppm: isPolicy ? null : settings.ppm,
    profile: settings.profile,
    hyperParameters: isPolicy ? settings.policyTraining : settings.ppmTraining,
    seed: settings.seed,
    out: own.training(role),
    checkpointEvery: CHECKPOINT_EVERY,
    resume: true,
  };
}

/** Trains, or takes what was trained before a kill. */
export async function trainStage(context: RunContext, state: RunState, role: Role): Promise<StageEnd> {
  const { folder, services, signal, emit } = context;
  const own = folder.round(state.round);
  const data = await aboutData(own.data(role, "train"));
  if (data.examples === 0)
    return ended(role, { kind: "skipped", why: "no two steps could be told apart: no pairs to train on" });
  const base = await services.resolveBase(state.settings.base, signal);
  if (base.kind === "failed") return base;
  const start = await startOf(context, state, role);
  if (start.kind === "failed") return start;
  const job = jobOf(context, state, role, base, start.folder);
  const result =
    (await earlier(context, state, role)) ??
    (await services.trainer.train(job, signal, (line) =>
      emit({ kind: "metrics", round: state.round, role, line }),
    ));
  switch (result.kind) {
    case "stopped":
      return { kind: "stopped" };
    case "failed":
      return failedTraining(role, result);
    case "adapter": {
      await writeJson(own.result(role), result);
      if (result.adapter.baseSha256 !== base.sha256)
        return ended(role, {
          kind: "failed",
          reason: "bad-base",
          message: `The trained adapter says it fits another base (SHA-256 ${result.adapter.baseSha256}); it was kept in ${own.training(role)} and not used.`,
        });
      const entry = await entryOf(context, state, job, result, data);
      const added = await addAdapter(services.home, result.adapter.path, entry, signal);
      if (added.kind !== "lineage") return { kind: "failed", message: describeNoLineage(added) };
      const { steps, loss, held, seconds, parity } = result;
      return ended(role, {
        kind: "adapter",
        adapter: entry.id,
        examples: data.examples,
        ...{ steps, loss, held, seconds, parity },
      });
    }
    default:
      return result satisfies never;
  }
}

/**
 * What a failed training means: of a state that a person can change, the run stops there and can go on; an adapter that
 * came out unusable is only kept aside, and the round goes on with what there was.
 */
function failedTraining(role: Role, result: Extract<TrainingResult, { kind: "failed" }>): StageEnd {
  const { reason, message } = result;
  switch (reason) {
    case "no-data":
      return ended(role, { kind: "skipped", why: message });
    case "not-a-number":
    case "parity":
      return ended(role, { kind: "failed", reason, message });
    case "no-python":
    case "wrong-python":
    case "environment":
    case "no-network":
    case "no-space":
    case "bad-data":
    case "bad-base":
    case "corrupt-checkpoint":
    case "out-of-memory":
    case "killed":
    case "export":
    case "other":
      return {
        kind: "failed",
        message: `${message} The traces and data sets are kept; resume the run to go on.`,
      };
    default:
      return reason satisfies never;
  }
}

/** The file, unless it is missing or empty. */
function unlessEmpty(file: string): string | null {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0 ? file : null;
}

function ended(role: Role, report: TrainingReport): StageEnd {
  return { kind: "done", changes: role === "policy" ? { policy: report } : { ppm: report } };
}

/** The result of a training that a kill came right after, if its adapter is still there. */
async function earlier(
  context: RunContext,
  state: RunState,
  role: Role,
): Promise<Extract<TrainingResult, { kind: "adapter" }> | null> {
  const stored = await readResult(context.folder.round(state.round), role);
  const isUsable = stored.kind === "read" && stored.value.kind === "adapter";
  return isUsable && existsSync(stored.value.adapter.path) ? stored.value : null;
}

/** Where a training starts: the PEFT folder of the round's policy, or at the base (null). */
type Start = { readonly kind: "start"; readonly folder: string | null };

/** A PPM starts at its round's policy, and at the base only where none was trained. */
async function startOf(
  { folder }: RunContext,
  state: RunState,
  role: Role,
): Promise<Start | Extract<StageEnd, { kind: "failed" }>> {
  if (role === "policy" || state.policy?.kind !== "adapter") return { kind: "start", folder: null };
  const own = folder.round(state.round);
  const stored = await readResult(own, "policy");
  if (stored.kind === "read" && stored.value.kind === "adapter" && existsSync(stored.value.adapter.peft))
    return { kind: "start", folder: stored.value.adapter.peft };
  return {
    kind: "failed",
    message: `The PPM starts from the policy that this round trained, which is no longer in ${own.training("policy")}. Put that folder back and resume the run; everything else is kept.`,
  };
}

/** What the lineage says of a data set. */
type AboutData = Omit<LineageEntry["data"], "traces">;

async function aboutData(file: string): Promise<AboutData> {
  const hash = createHash("sha256");
  const problems = new Set<string>();
  let examples = 0;
  if (existsSync(file))
    for await (const line of linesOf(createReadStream(file))) {
      if (line === "") continue;
      examples++;
      hash.update(`${line}\n`);
      problems.add((JSON.parse(line) as { problemId: string }).problemId);
    }
  return { examples, problems: problems.size, sha256: hash.digest("hex") };
}

async function entryOf(
  { folder, services }: RunContext,
  state: RunState,
  job: TrainingJob,
  result: Extract<TrainingResult, { kind: "adapter" }>,
  data: AboutData,
): Promise<Omit<LineageEntry, "file">> {
  const { settings, round } = state;
  const selection = await readSelection(folder.round(round));
  const role = job.kind === "sft" ? "policy" : "ppm";
  return {
    id: adapterId(state, role),
    role,
    createdAt: services.now().toISOString(),
    sha256: result.adapter.sha256,
    bytes: result.adapter.bytes,
    base: { id: job.base.id, sha256: job.base.gguf.sha256 },
    promptFormat: "bare",
    ppm: job.ppm,
    run: { id: state.id, round },
    startedFrom: job.startFrom === null ? null : adapterId(state, "policy"),
    data: { ...data, traces: selection.kind === "read" ? selection.value.used : 0 },
    settings: {
      profile: settings.profile,
      loss: job.loss,
      seed: job.seed,
      hyperParameters: job.hyperParameters,
    },
    gate: null,
  };
}
