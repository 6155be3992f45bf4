/**
 * The server's own requests and notifications, each with the schemas of what goes either way. Everything else is plain
 * LSP. Params are checked on arrival; a request with bad params is answered by `InvalidParams`. `$/cancelRequest`
 * stops whatever a request started.
 */
import * as z from "zod";
import { ClientDisplay } from "./client.ts";
import { DashboardRun, RunNews, TrainingMetrics } from "./dashboard.ts";
import { RoundReport, RunState, TRAINING_PROFILES } from "./evolution.ts";
import {
  DownloadProgress,
  EditorModels,
  GpuKind,
  GpuSupportList,
  ModelOutcome,
  ServerStatus,
  TrainingSpace,
} from "./models.ts";
import { EditOutcome, ExportFormat, ProblemPlace, SheetContent, SheetFormat } from "./places.ts";
import { ListedProblem } from "./problem-list.ts";
import {
  ContinueParams,
  ProgressTokens,
  ResumeParams,
  SearchNews,
  SolveOutcome,
  SolveParams,
  SolveTextParams,
  SolveTextResult,
  VerifyOutcome,
  VerifyStepParams,
  VerifyStepResult,
} from "./solving.ts";
import { REFUSALS } from "./run-output.ts";
import { Trace } from "./trace.ts";

/** A request: its method, and the schemas of its params and result. */
export interface RequestSpec<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly method: `rstar/${string}`;
  readonly params: P;
  readonly result: R;
}

/** A notification: its method and the schema of its params. */
export interface NotificationSpec<P extends z.ZodType = z.ZodType> {
  readonly method: `rstar/${string}`;
  readonly params: P;
}

/** What a sender of a request or notification writes: fields with defaults may be left out. */
export type ParamsOf<S extends { readonly params: z.ZodType }> = z.input<S["params"]>;
/** What a request is answered with. */
export type ResultOf<S extends RequestSpec> = z.infer<S["result"]>;

const request = <P extends z.ZodType, R extends z.ZodType>(
  name: string,
  params: P,
  result: R,
): RequestSpec<P, R> => ({ method: `rstar/${name}`, params, result });

const notification = <P extends z.ZodType>(name: string, params: P): NotificationSpec<P> => ({
  method: `rstar/${name}`,
  params,
});

const Nothing = z.object({});
const traceId = z.string();

/** Show another trajectory of the trace in the document: the best one through `node`. */
export const UseAlternativeParams = z.object({ ...ProblemPlace.shape, traceId, node: z.int().nonnegative() });

/** One problem, or without `problem` all of the file. */
export const FilePlace = ProblemPlace.partial({ problem: true });

/** Run the stored steps again. */
export const VerifyParams = z.object({ ...FilePlace.shape, ...ProgressTokens.shape });

/** Put the chosen trajectory of a stored trace below its problem. Without `place` the trace's own problem is looked for. */
export const InsertSolutionParams = z.object({ traceId, place: ProblemPlace.optional() });

/** Which stored traces are meant. */
export const TraceSelection = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("all") }),
  z.object({
    kind: z.literal("ids"),
    ids: z.array(z.string()),
    /** The lines that cannot be read, which have no id, too. */
    unreadable: z.boolean().optional(),
  }),
]);
export type TraceSelection = z.infer<typeof TraceSelection>;

/** A line of the list of traces. */
export const ListedTrace = z.object({
  id: z.string(),
  createdAt: z.string(),
  problem: z.string(),
  strategy: z.string(),
  answer: z.string().nullable(),
  graded: z.enum(["equal", "different", "undecided"]).nullable(),
  nodes: z.int(),
  generatedTokens: z.int(),
});

/** What a fine-tuning, an evolution, or going on with one came to. `message` is for the person. */
export const RunOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("finished"), run: z.string(), message: z.string() }),
  /** Stopped and kept: it can be resumed. Null: before there was a run. */
  z.object({ kind: z.literal("stopped"), run: z.string().nullable(), message: z.string() }),
  /** What was done before is kept; where it names a run, that can be resumed. */
  z.object({ kind: z.literal("failed"), run: z.string().nullable(), message: z.string() }),
  /** Nothing was begun or changed. */
  z.object({
    kind: z.literal("not-begun"),
    reason: z.enum([...REFUSALS, "untrusted", "busy", "no-run"]),
    message: z.string(),
  }),
]);
export type RunOutcome = z.infer<typeof RunOutcome>;

/** What the server tells of the run under way. */
export const EvolutionNews = z.discriminatedUnion("kind", [
  ...RunNews.options,
  /** A run has just begun, or goes on. */
  z.object({ kind: z.literal("begun"), run: z.string() }),
  z.object({ kind: z.literal("note"), run: z.string(), message: z.string() }),
]);
export type EvolutionNews = z.infer<typeof EvolutionNews>;

const profile = z.enum(TRAINING_PROFILES);

/** What a person decided about training on the traces of their documents; or that the decision cannot be read. */
export const ConsentState = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("consent"),
    agreed: z.boolean(),
    /** Absolute paths of files whose traces never train. */
    optedOut: z.array(z.string()),
  }),
  z.object({ kind: z.literal("bad"), message: z.string() }),
]);
export type ConsentState = z.infer<typeof ConsentState>;

/** What is in use of a role: the newest choice, which rolling back takes off, and what would be in use then. */
export const AdapterUse = z.object({
  role: z.enum(["policy", "ppm"]),
  /** Adapter ids; null is the untouched base, or for a PPM none. */
  adapter: z.string().nullable(),
  before: z.string().nullable(),
  at: z.iso.datetime(),
  why: z.string(),
});
export type AdapterUse = z.infer<typeof AdapterUse>;

/** From client to server. */
export const REQUESTS = {
  solve: request("solve", SolveParams, SolveOutcome),
  /** Stops one search; its solve is answered with `cancelled`. */
  cancel: request("cancel", z.object({ traceId }), z.object({ stopped: z.boolean() })),
  /** Stops every search, download and check, the waiting ones too. */
  stopAll: request("stopAll", Nothing, z.object({ stopped: z.int().nonnegative() })),
  resume: request("resume", ResumeParams, SolveOutcome),
  /** Pins, rejects or edits a step, stores that as a preference, and searches on from there. */
  continue: request("continue", ContinueParams, SolveOutcome),
  useAlternative: request("useAlternative", UseAlternativeParams, EditOutcome),
  verify: request("verify", VerifyParams, VerifyOutcome),
  insertSolution: request("insertSolution", InsertSolutionParams, EditOutcome),
  /** Of all problems of the file that are kept, or whose solution is of an earlier text. One edit. */
  insertAllSolutions: request("insertAllSolutions", z.object({ uri: z.string() }), EditOutcome),
  /** Writes the solution's answer as the document's own answer line. */
  insertAnswer: request("insertAnswer", ProblemPlace, EditOutcome),
  /** The solution below a problem, else the kept one, as a text for use elsewhere. */
  exportSolution: request(
    "exportSolution",
    z.object({ ...ProblemPlace.shape, format: ExportFormat }),
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("text"), text: z.string() }),
      z.object({ kind: z.literal("none"), message: z.string() }),
    ]),
  ),
  /** The problems of a file as one text to hand out; `message` says how many there are, and how many have what is asked. */
  exportSheet: request(
    "exportSheet",
    z.object({ uri: z.string(), content: SheetContent, format: SheetFormat }),
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("text"), text: z.string(), message: z.string() }),
      z.object({ kind: z.literal("none"), message: z.string() }),
    ]),
  ),
  removeSolution: request("removeSolution", FilePlace, EditOutcome),
  problems: request(
    "problems",
    z.object({ uri: z.string() }),
    z.object({ problems: z.array(ListedProblem) }),
  ),
  /** A stored trace, or a running search as a trace of what it has so far. */
  trace: request(
    "trace",
    z.object({ traceId }),
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("trace"), trace: Trace, running: z.boolean() }),
      z.object({ kind: z.literal("missing"), message: z.string() }),
    ]),
  ),
  /** Newest first. `problemHash` is the statement's. */
  traces: request(
    "traces",
    z.object({ problemHash: z.string().optional() }),
    z.object({ traces: z.array(ListedTrace), unreadable: z.int().nonnegative() }),
  ),
  /** Writes traces as JSON lines to `path`, an absolute file path that the person chose. */
  exportTraces: request(
    "exportTraces",
    z.object({
      selection: TraceSelection,
      path: z.string(),
      /** The person agreed to replace what is there. */
      overwrite: z.boolean().default(false),
    }),
    EditOutcome,
  ),
  deleteTraces: request("deleteTraces", z.object({ selection: TraceSelection }), EditOutcome),
  status: request("status", Nothing, ServerStatus),
  /** What to paste into a bug report: versions, machine, backend, models, what works. Markdown. */
  setupInformation: request("setupInformation", Nothing, z.object({ markdown: z.string() })),
  models: request("models", Nothing, EditorModels),
  downloadModel: request(
    "models/download",
    z.object({ id: z.string(), ...ProgressTokens.shape }),
    ModelOutcome,
  ),
  /** Puts a GGUF file of the user's own on the list; it stays where it is. */
  addModel: request("models/add", z.object({ path: z.string(), id: z.string().optional() }), ModelOutcome),
  /** Deletes a model's files, or takes a file of the user's own off the list. */
  removeModel: request("models/remove", z.object({ id: z.string() }), ModelOutcome),
  /** The engine's binaries for GPUs, which are not in the package. An outcome's `id` is the kind. */
  gpuSupport: request("gpu", Nothing, GpuSupportList),
  fetchGpuSupport: request("gpu/fetch", z.object({ kind: GpuKind, ...ProgressTokens.shape }), ModelOutcome),
  removeGpuSupport: request("gpu/remove", z.object({ kind: GpuKind }), ModelOutcome),
  /** Frees the memory of models and Python; searches that run are stopped first. */
  unload: request("models/unload", Nothing, z.object({ freedBytes: z.number() })),
  /**
   * Trains on stored traces; answered when the run has ended. `traces` is a file, null the collected ones: those since the
   * person agreed, or with `agreedOrNot` all that are stored.
   */
  fineTune: request(
    "evolution/fineTune",
    z.object({
      traces: z.string().nullable(),
      agreedOrNot: z.boolean().optional(),
      anyModel: z.boolean(),
      profile,
      ...ProgressTokens.shape,
    }),
    RunOutcome,
  ),
  /** Searches the problems of a file (JSON lines, or Markdown with answers) and trains, round after round. */
  evolve: request(
    "evolution/evolve",
    z.object({ problems: z.string(), rounds: z.int().min(1).max(20), profile, ...ProgressTokens.shape }),
    RunOutcome,
  ),
  /**
   * Goes on with a run that was stopped, failed or killed; null is the newest of them. `trainNow` leaves out what its
   * round has not searched yet.
   */
  resumeRun: request(
    "evolution/resume",
    z.object({ run: z.string().nullable(), trainNow: z.boolean().optional(), ...ProgressTokens.shape }),
    RunOutcome,
  ),
  /** Ends the search of the run under way and trains on what was found. False where no run of this window searches. */
  trainNow: request("evolution/trainNow", Nothing, z.object({ accepted: z.boolean() })),
  /** Stops the run under way, which keeps all it has. */
  stopRun: request("evolution/stop", Nothing, z.object({ stopping: z.boolean() })),
  /** Newest first. */
  runs: request("evolution/runs", Nothing, z.object({ runs: z.array(DashboardRun) })),
  run: request(
    "evolution/run",
    z.object({ run: z.string() }),
    z.discriminatedUnion("kind", [
      z.object({
        kind: z.literal("run"),
        folder: z.string(),
        state: RunState,
        reports: z.array(RoundReport),
        metrics: z.array(TrainingMetrics),
      }),
      z.object({ kind: z.literal("missing"), message: z.string() }),
    ]),
  ),
  /** What `removeTrainingEnvironment` would free. */
  trainingSpace: request("evolution/space", Nothing, TrainingSpace),
  /** Deletes what training needs and makes anew: Python's packages, prepared bases. Runs and adapters stay. */
  removeTrainingEnvironment: request("evolution/removeEnvironment", Nothing, ModelOutcome),
  /** Which adapters are in use, of each role the newest choice. */
  adaptersInUse: request("adapters/inUse", Nothing, z.object({ uses: z.array(AdapterUse) })),
  rollBack: request("adapters/rollBack", z.object({ role: AdapterUse.shape.role }), EditOutcome),
  consent: request("traces/consent", Nothing, ConsentState),
  /** Agrees to collecting traces for training, or takes that back. */
  decideConsent: request("traces/decideConsent", z.object({ agreed: z.boolean() }), ConsentState),
  /** Never trains on a file's traces, or does again; `path` is absolute. */
  optOut: request("traces/optOut", z.object({ path: z.string(), out: z.boolean() }), ConsentState),
  /** `solve_math_problem` for chat tools: no document. */
  solveText: request("solveText", SolveTextParams, SolveTextResult),
  /** `verify_math_step` for chat tools: no document, no model. */
  verifyStep: request("verifyStep", VerifyStepParams, VerifyStepResult),
} as const;

/** From server to client, where the client said that it answers them. */
export const CLIENT_REQUESTS = {
  /** The key for a server, by scheme, host and port; null for none. It is kept by the client and stored nowhere else. */
  endpointKey: request(
    "endpointKey",
    z.object({ origin: z.string() }),
    z.object({ key: z.string().nullable() }),
  ),
} as const;

/** From client to server. */
export const CLIENT_NOTIFICATIONS = {
  /** The theme or the TeX macros changed. */
  didChangeDisplay: notification("didChangeDisplay", ClientDisplay),
  /** The workspace was trusted after all. */
  didGrantTrust: notification("didGrantTrust", Nothing),
} as const;

/** From server to client. */
export const SERVER_NOTIFICATIONS = {
  search: notification("search", SearchNews),
  /** The state of a document's problems changed: ask for `rstar/problems` again. */
  problemsChanged: notification("problemsChanged", z.object({ uri: z.string() })),
  status: notification("statusChanged", ServerStatus),
  download: notification("downloadProgress", DownloadProgress),
  /** What happens in the run under way. */
  evolution: notification("evolutionNews", EvolutionNews),
} as const;
