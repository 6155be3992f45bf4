/** The server's own requests: which handler answers which, with checked params. */
import {
  ErrorCodes,
  LSPErrorCodes,
  ResponseError,
  type CancellationToken,
  type Connection,
} from "vscode-languageserver";
import * as z from "zod";
import { messageOf } from "../errors.ts";
import { REQUESTS, type RequestSpec } from "../protocol/requests.ts";
import { adaptersInUse, rollBackAdapter } from "./adapters.ts";
import { useAlternative } from "./alternatives.ts";
import { consentState, decideConsent, optOutFile } from "./consent.ts";
import type { Evolution } from "./evolution.ts";
import { fetchGpu, listGpus, removeGpu } from "./gpu-support.ts";
import { addModel, downloadModel, listModels, removeModel } from "./models.ts";
import { exportStored, insertAllKept, insertAnswer, insertKept, removeStored } from "./placing.ts";
import { say } from "./messages.ts";
import { listed, statusOf } from "./problem-states.ts";
import type { Session } from "./session.ts";
import { exportSheet } from "./sheets.ts";
import { signalOf } from "./signals.ts";
import { continueSearch, resumeSearch, solveProblem } from "./solving.ts";
import type { StatusReporter } from "./status.ts";
import { deleteTraces, exportTraces, fetchTrace, listTraces } from "./stored-traces.ts";
import { solveText, verifyStep } from "./tool-requests.ts";
import { removeTrainingEnvironment, trainingSpace } from "./training-space.ts";
import { verifyStored, type Rechecks } from "./verifying.ts";

type Answer<S extends RequestSpec> = (
  params: z.output<S["params"]>,
  signal: AbortSignal,
) => Promise<z.input<S["result"]>> | z.input<S["result"]>;

/** One handler for every request: a missing one does not compile. */
export type RequestHandlers = { readonly [K in keyof typeof REQUESTS]: Answer<(typeof REQUESTS)[K]> };

/** The handlers of one session. */
export function requestHandlers(
  session: Session,
  status: StatusReporter,
  rechecks: Rechecks,
): RequestHandlers {
  /** Everything that takes long and that `stopAll` ends besides the searches. */
  const working = new Set<AbortController>();
  const stoppable = async <T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const controller = new AbortController();
    working.add(controller);
    try {
      return await work(AbortSignal.any([signal, controller.signal]));
    } finally {
      working.delete(controller);
    }
  };
  /** Ends all that is under way; how much that was. */
  const stopAll = (): number => {
    const searches = session.searches.stopAll();
    rechecks.end();
    // Whoever lets this reason through has answered that the request was cancelled, which is no failure.
    const reason = new ResponseError(LSPErrorCodes.RequestCancelled, "all stopped");
    for (const controller of working) controller.abort(reason);
    return searches + working.size;
  };
  /** Problems are asked for at every pause in typing: what is in the way of the store is told once, until it is gone. */
  let isTold = false;
  const readStore = async (): Promise<void> => {
    try {
      await session.library.refresh();
      isTold = false;
    } catch (error) {
      if (!isTold)
        say(
          session.connection,
          "trouble",
          `The stored searches cannot be read (${messageOf(error)}), so problems are listed without them. Nothing was changed; see that this file can be read. Setup Information names its folder.`,
        );
      isTold = true;
    }
  };
  let evolution: Promise<Evolution> | null = null;
  const evolving = (): Promise<Evolution> =>
    (evolution ??= import("./evolution.ts").then((room) => new room.Evolution(session)));
  return {
    solve: (params, signal) => solveProblem(session, params, signal),
    cancel: ({ traceId }) => ({ stopped: session.searches.stop(traceId) }),
    stopAll: () => ({ stopped: stopAll() }),
    resume: (params, signal) => resumeSearch(session, params, signal),
    continue: (params, signal) => continueSearch(session, params, signal),
    useAlternative: (params) => useAlternative(session, params),
    verify: (params, signal) => stoppable(signal, (stop) => verifyStored(session, params, stop)),
    insertSolution: (params) => insertKept(session, params),
    insertAllSolutions: ({ uri }) => insertAllKept(session, uri),
    insertAnswer: (params) => insertAnswer(session, params),
    exportSolution: (params) => exportStored(session, params),
    exportSheet: (params) => exportSheet(session, params),
    removeSolution: (params) => removeStored(session, params),
    problems: async ({ uri }) => {
      await readStore();
      const document = session.documents.get(uri);
      if (document === null) return { problems: [] };
      return {
        problems: document.found.problems.map((problem) =>
          listed(document, statusOf(session, document, problem)),
        ),
      };
    },
    trace: ({ traceId }) => fetchTrace(session, traceId),
    traces: ({ problemHash }) => listTraces(session, problemHash),
    exportTraces: (params) => exportTraces(session, params),
    deleteTraces: ({ selection }) => deleteTraces(session, selection),
    status: () => status.status(),
    setupInformation: async () => {
      const report = await session.services.setupReport(session.settings.model.dataFolder);
      return { markdown: `\`\`\`text\n${report}\n\`\`\`\n` };
    },
    models: () => listModels(session),
    downloadModel: (params, signal) => stoppable(signal, (stop) => downloadModel(session, params, stop)),
    addModel: (params, signal) => stoppable(signal, (stop) => addModel(session, params, stop)),
    removeModel: ({ id }) => removeModel(session, id),
    gpuSupport: () => listGpus(session),
    fetchGpuSupport: (params, signal) => stoppable(signal, (stop) => fetchGpu(session, params, stop)),
    removeGpuSupport: ({ kind }, signal) => removeGpu(session, kind, signal),
    unload: async () => {
      // A check whose Python is taken away would call good steps bad.
      stopAll();
      const before = process.memoryUsage.rss();
      await session.runtime.close();
      status.update();
      return { freedBytes: Math.max(0, before - process.memoryUsage.rss()) };
    },
    fineTune: async (params, signal) => await (await evolving()).fineTune(params, signal),
    evolve: async (params, signal) => await (await evolving()).evolve(params, signal),
    resumeRun: async (params, signal) => await (await evolving()).resume(params, signal),
    trainNow: async () => ({ accepted: (await evolving()).trainNow() }),
    stopRun: async () => ({ stopping: (await evolving()).stop() }),
    runs: async () => ({ runs: await (await evolving()).runs() }),
    run: async ({ run }) => await (await evolving()).run(run),
    trainingSpace: () => trainingSpace(session),
    removeTrainingEnvironment: (_, signal) => removeTrainingEnvironment(session, signal),
    adaptersInUse: () => adaptersInUse(session),
    rollBack: ({ role }) => rollBackAdapter(session, role),
    consent: () => consentState(session),
    decideConsent: ({ agreed }) => decideConsent(session, agreed),
    optOut: ({ path, out }) => optOutFile(session, path, out),
    solveText: (params, signal) => solveText(session, params, signal),
    verifyStep: (params, signal) => stoppable(signal, (stop) => verifyStep(session, params, stop)),
  };
}

/**
 * Registers the handlers. Bad params are answered with what is wrong with them. A request waits until what the settings
 * were changed to before it is in use (`settled`): a model is chosen and a problem solved with it in one go.
 */
export function registerRequests(
  connection: Connection,
  handlers: RequestHandlers,
  settled: () => Promise<void>,
): void {
  const register = <S extends RequestSpec>(spec: S, answer: Answer<S>): void => {
    connection.onRequest(spec.method, async (raw: unknown, token: CancellationToken) => {
      const parsed = spec.params.safeParse(raw ?? {});
      if (!parsed.success)
        return new ResponseError(
          ErrorCodes.InvalidParams,
          `${spec.method}: ${z.prettifyError(parsed.error)}`,
        );
      await settled();
      return answer(parsed.data as z.output<S["params"]>, signalOf(token));
    });
  };
  for (const name of Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]) {
    // Each handler has the types of its own spec, which a loop over both cannot say.
    register(REQUESTS[name] as RequestSpec, handlers[name] as Answer<RequestSpec>);
  }
}
