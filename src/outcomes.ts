/** Telling what came of a search or an edit: in passing where the document shows it, else with the way on. */
import * as vscode from "vscode";
import { COMMANDS } from "../server/protocol/commands.ts";
import type { EditOutcome, ProblemPlace } from "../server/protocol/places.ts";
import type { SolveOutcome } from "../server/protocol/solving.ts";
import { openEndpointSettings, setEndpointKey } from "./endpoint.ts";
import { downloadModel, selectModel } from "./models.ts";
import type { Parts } from "./parts.ts";
import { tellInPassing } from "./passing.ts";
import type { RequestParams } from "./protocol.ts";

/** A search to start: a new one, a stored one as it was left, or from a person's choice in it. */
export type SolveRequest =
  | { readonly kind: "solve"; readonly params: RequestParams<"solve"> }
  | { readonly kind: "resume"; readonly params: RequestParams<"resume"> }
  | { readonly kind: "continue"; readonly params: RequestParams<"continue"> };

/** A stored search to go on with; its solution goes to the place, where one is given. */
export function resumption(traceId: string, place?: ProblemPlace): SolveRequest {
  return { kind: "resume", params: { traceId, ...(place === undefined ? {} : { place }) } };
}

/** The problem that a request is about, where it names one. */
export function placeOfRequest(request: SolveRequest): ProblemPlace | undefined {
  return request.kind === "solve"
    ? { uri: request.params.uri, problem: request.params.problem }
    : request.params.place;
}

type Again = (request: SolveRequest) => Promise<unknown>;

/** Says what came of it: in passing where the document shows it, as a message where there is something to decide. */
export async function tellOutcome(
  parts: Parts,
  request: SolveRequest,
  outcome: SolveOutcome,
  again: Again,
): Promise<void> {
  const showTree = vscode.l10n.t("Show Search Tree");
  const insert = vscode.l10n.t("Insert Solution");
  const resume = vscode.l10n.t("Resume");
  const showLog = vscode.l10n.t("Show Log");
  const open = (traceId: string): Thenable<unknown> =>
    vscode.commands.executeCommand(
      COMMANDS.showSearchTree,
      resumption(traceId, placeOfRequest(request)).params,
    );
  switch (outcome.kind) {
    case "solved": {
      const wanted = request.kind !== "solve" || request.params.insert !== false;
      if (outcome.inserted || !wanted) {
        tellInPassing(outcome.message);
        return;
      }
      const chosen = await vscode.window.showInformationMessage(outcome.message, insert, showTree);
      if (chosen === showTree) await open(outcome.traceId);
      if (chosen === insert)
        await vscode.commands.executeCommand(COMMANDS.insertSolution, {
          traceId: outcome.traceId,
          place: placeOfRequest(request),
        });
      return;
    }
    case "unsolved": {
      const chosen = await vscode.window.showInformationMessage(outcome.message, resume, showTree);
      if (chosen === showTree) await open(outcome.traceId);
      if (chosen === resume) await again(resumption(outcome.traceId, placeOfRequest(request)));
      return;
    }
    case "cancelled":
      // The person did it; the lens and the list of problems offer to go on.
      tellInPassing(outcome.message);
      return;
    case "failed": {
      const chosen = await vscode.window.showErrorMessage(outcome.message, resume, showLog);
      if (chosen === resume) await again(resumption(outcome.traceId, placeOfRequest(request)));
      if (chosen === showLog) parts.server.log.show();
      return;
    }
    case "not-started":
      if (await clearObstacle(parts, outcome)) await again(request);
      return;
    default:
      outcome satisfies never;
  }
}

/** A question that was asked: what came of it, and whether the person has answered. */
interface Question {
  readonly at: number;
  isAnswered: boolean;
  done: Promise<boolean>;
}

/** The newest question of each wording that is not done with. */
const asked = new Map<string, Question>();
/** Problems that are solved together meet an obstacle within this time. */
const TOGETHER_MS = 1_000;

/**
 * Asks what is not being asked at this moment, or done after the answer: problems that meet an obstacle together go on
 * together. Else it is asked again, in place of the first question, which may have left the screen without an answer;
 * who waits for that one gets the new one's.
 */
async function once(
  message: string,
  show: () => Thenable<string | undefined>,
  act: (chosen: string | undefined) => Promise<boolean>,
): Promise<boolean> {
  const before = asked.get(message);
  if (before !== undefined && (before.isAnswered || Date.now() - before.at < TOGETHER_MS))
    return await before.done;
  const ask = async (): Promise<boolean> => {
    const chosen = await show();
    const newest = asked.get(message);
    if (chosen === undefined && newest !== undefined && newest !== question) return await newest.done;
    question.isAnswered = true;
    return await act(chosen);
  };
  const question: Question = { at: Date.now(), isAnswered: false, done: Promise.resolve(false) };
  question.done = ask().finally(() => {
    if (asked.get(message) === question) asked.delete(message);
  });
  asked.set(message, question);
  return await question.done;
}

/** Says why there was no search, with the way on. True when the person took it and the search can be begun. */
export async function clearObstacle(
  parts: Parts,
  { reason, message, model }: Extract<SolveOutcome, { kind: "not-started" }>,
): Promise<boolean> {
  switch (reason) {
    case "model-missing": {
      const download = vscode.l10n.t("Download");
      const select = vscode.l10n.t("Select Model…");
      return await once(
        message,
        () => vscode.window.showInformationMessage(message, download, select),
        async (chosen) => {
          if (chosen === select) return await selectModel(parts);
          return chosen === download && model !== undefined && (await downloadModel(parts, model.id));
        },
      );
    }
    case "key-missing": {
      const set = vscode.l10n.t("Set Endpoint Key…");
      const settings = vscode.l10n.t("Open Settings");
      return await once(
        message,
        () => vscode.window.showErrorMessage(message, set, settings),
        async (chosen) => {
          if (chosen === settings) await openEndpointSettings();
          return chosen === set && (await setEndpointKey(parts));
        },
      );
    }
    case "untrusted": {
      const manage = vscode.l10n.t("Manage Workspace Trust");
      const chosen = await vscode.window.showInformationMessage(message, manage);
      if (chosen === manage) await vscode.commands.executeCommand("workbench.trust.manage");
      return false;
    }
    case "model-failed": {
      const select = vscode.l10n.t("Select Model…");
      const report = vscode.l10n.t("Show Setup Information");
      const chosen = await vscode.window.showErrorMessage(message, select, report);
      if (chosen === select) return await selectModel(parts);
      if (chosen === report) await vscode.commands.executeCommand("rstarMath.showSetupInformation");
      return false;
    }
    case "no-problem":
    case "no-trace":
    case "busy":
    case "bad-choice":
      await vscode.window.showInformationMessage(message);
      return false;
    default:
      return reason satisfies never;
  }
}

/** What asking for a stored solution to be written, or taken out, came to. */
export async function tellEdit(outcome: EditOutcome | null): Promise<void> {
  if (outcome === null) return;
  if (outcome.kind === "done" && outcome.unfinished !== true) tellInPassing(outcome.message);
  else await vscode.window.showWarningMessage(outcome.message);
}
