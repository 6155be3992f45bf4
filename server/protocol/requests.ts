/**
 * The server's own requests and notifications, each with the schemas of what goes either way. Everything else is plain
 * LSP. Params are checked on arrival; a request with bad params is answered by `InvalidParams`. `$/cancelRequest`
 * stops whatever a request started.
 */
import { z } from "zod";
import { ClientDisplay } from "./client.ts";
import { DownloadProgress, EditorModels, ModelOutcome, ServerStatus } from "./models.ts";
import { EditOutcome, ProblemPlace } from "./places.ts";
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

/** Run the stored steps of one problem again, or of all problems of the file. */
export const VerifyParams = z.object({
  uri: z.string(),
  problem: ProblemPlace.shape.problem.optional(),
  ...ProgressTokens.shape,
});

/** Put the chosen trajectory of a stored trace below its problem. Without `place` the trace's own problem is looked for. */
export const InsertSolutionParams = z.object({ traceId, place: ProblemPlace.optional() });

/** Which stored traces are meant. */
export const TraceSelection = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("all") }),
  z.object({ kind: z.literal("ids"), ids: z.array(z.string()) }),
  /** Those of one problem, by the statement's hash. */
  z.object({ kind: z.literal("problem"), problemHash: z.string() }),
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
  /** Writes the solution's answer as the document's own answer line. */
  insertAnswer: request("insertAnswer", ProblemPlace, EditOutcome),
  removeSolution: request("removeSolution", ProblemPlace, EditOutcome),
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
    z.object({ selection: TraceSelection, path: z.string() }),
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
  /** Frees the memory of models and Python; searches that run are stopped first. */
  unload: request("models/unload", Nothing, z.object({ freedBytes: z.number() })),
  /** `solve_math_problem` for chat tools: no document. */
  solveText: request("solveText", SolveTextParams, SolveTextResult),
  /** `verify_math_step` for chat tools: no document, no model. */
  verifyStep: request("verifyStep", VerifyStepParams, VerifyStepResult),
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
} as const;
