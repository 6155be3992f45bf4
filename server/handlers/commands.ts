/**
 * `workspace/executeCommand` for editors that know no command of ours: the same requests, with what came of them shown
 * as messages, and a missing model offered for download.
 */
import type { Connection } from "vscode-languageserver";
import { COMMANDS } from "../protocol/commands.ts";
import { REQUESTS } from "../protocol/requests.ts";
import type { SolveOutcome } from "../protocol/solving.ts";
import { formatBytes } from "../protocol/text.ts";
import { say } from "./messages.ts";
import type { RequestHandlers } from "./requests.ts";

/** What a command came to, to be shown. */
interface Shown {
  readonly kind: string;
  readonly message: string;
}

type Run = (argument: unknown, signal: AbortSignal) => Promise<Shown | null>;

/** The commands that the server itself can run, by name. */
export function serverCommands(connection: Connection, handlers: RequestHandlers): ReadonlyMap<string, Run> {
  const withModel = async (
    attempt: () => Promise<SolveOutcome> | SolveOutcome,
    signal: AbortSignal,
  ): Promise<Shown> => {
    const outcome = await attempt();
    if (outcome.kind !== "not-started" || outcome.model === undefined) return outcome;
    const { id, bytes } = outcome.model;
    const answer = await connection.window.showInformationMessage(
      `The model ${id} is not on this machine. Download ${formatBytes(bytes)} once? Nothing is sent anywhere.`,
      { title: "Download" },
      { title: "Not Now" },
    );
    if (answer?.title !== "Download") return outcome;
    const download = await handlers.downloadModel({ id }, signal);
    return download.kind === "done" ? attempt() : download;
  };
  return new Map<string, Run>([
    [
      COMMANDS.solve,
      (argument, signal) => {
        const params = REQUESTS.solve.params.parse(argument);
        return withModel(() => handlers.solve(params, signal), signal);
      },
    ],
    [
      COMMANDS.resume,
      (argument, signal) => {
        const params = REQUESTS.resume.params.parse(argument);
        return withModel(() => handlers.resume(params, signal), signal);
      },
    ],
    ...[COMMANDS.pinStep, COMMANDS.rejectStep, COMMANDS.editStep].map((name): [string, Run] => [
      name,
      (argument, signal) => {
        const params = REQUESTS.continue.params.parse(argument);
        return withModel(() => handlers.continue(params, signal), signal);
      },
    ]),
    [
      COMMANDS.stop,
      async (argument, signal) => {
        await handlers.cancel(REQUESTS.cancel.params.parse(argument), signal);
        return null;
      },
    ],
    [
      COMMANDS.stopAll,
      async (_argument, signal) => {
        await handlers.stopAll({}, signal);
        return null;
      },
    ],
    [
      COMMANDS.verify,
      async (argument, signal) => handlers.verify(REQUESTS.verify.params.parse(argument), signal),
    ],
    [
      COMMANDS.useAlternative,
      async (argument, signal) =>
        handlers.useAlternative(REQUESTS.useAlternative.params.parse(argument), signal),
    ],
    [
      COMMANDS.insertSolution,
      async (argument, signal) =>
        handlers.insertSolution(REQUESTS.insertSolution.params.parse(argument), signal),
    ],
    [
      COMMANDS.insertAnswer,
      async (argument, signal) => handlers.insertAnswer(REQUESTS.insertAnswer.params.parse(argument), signal),
    ],
    [
      COMMANDS.removeSolution,
      async (argument, signal) =>
        handlers.removeSolution(REQUESTS.removeSolution.params.parse(argument), signal),
    ],
  ]);
}

/** Shows what a command came to. */
export function show(connection: Connection, { kind, message }: Shown): void {
  const isTrouble = ["not-started", "not-done", "failed", "unsolved"].includes(kind);
  say(connection, isTrouble ? "trouble" : "done", message);
}
