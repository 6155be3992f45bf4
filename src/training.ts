/** Fine-tuning and evolution: the run under way, and what it came to. */
import * as vscode from "vscode";
import type { RunOutcome } from "../server/protocol/requests.ts";
import { tellEdit } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import { askForEvolution, askForFineTuning, askForRole, askForRun } from "./training-choices.ts";
import { readParams, type RequestParams } from "./protocol.ts";
import { agreeToStored } from "./trace-collection.ts";
import { tellInPassing } from "./passing.ts";

/** A run to start, or to go on with. */
type RunRequest =
  | { readonly kind: "fineTune"; readonly params: RequestParams<"fineTune"> }
  | { readonly kind: "evolve"; readonly params: RequestParams<"evolve"> }
  | { readonly kind: "resume"; readonly params: RequestParams<"resumeRun"> };

/** Asks which traces train and how thoroughly, then trains. */
export async function fineTune(parts: Parts): Promise<RunOutcome | null> {
  const params = await askForFineTuning(parts);
  return params === null ? null : await follow(parts, { kind: "fineTune", params });
}

/** Asks for problems, rounds and thoroughness, then searches and trains. */
export async function runEvolution(parts: Parts): Promise<RunOutcome | null> {
  const params = await askForEvolution();
  return params === null ? null : await follow(parts, { kind: "evolve", params });
}

/** Goes on with a run: the one named, the only unfinished one, or the one that the person picks. */
export async function resumeEvolution(parts: Parts, argument: unknown): Promise<RunOutcome | null> {
  const named = await readParams("resumeRun", argument);
  if (named.success) return await follow(parts, { kind: "resume", params: named.data });
  const listed = await parts.server.ask("runs", {});
  if (listed === null) return null;
  const unfinished = listed.runs.filter(({ status }) => status === "stopped" || status === "failed");
  if (unfinished.length <= 1)
    return await follow(parts, { kind: "resume", params: { run: unfinished[0]?.id ?? null } });
  const run = await askForRun(unfinished);
  return run === null ? null : await follow(parts, { kind: "resume", params: { run } });
}

/** Stops the run under way, which keeps a checkpoint. False where this window has none. */
export async function stopEvolution({ server }: Parts): Promise<boolean> {
  const answer = server.state === "running" ? await server.ask("stopRun", {}) : null;
  const stopping = answer?.stopping === true;
  tellInPassing(
    stopping
      ? vscode.l10n.t("rStar Math: the training stops as soon as its checkpoint is written")
      : vscode.l10n.t("rStar Math: no training runs in this window; stop it where it was started"),
  );
  return stopping;
}

/** Ends the search of the run under way and trains on what it found. */
export async function trainNow({ server }: Parts): Promise<void> {
  const answer = server.state === "running" ? await server.ask("trainNow", {}) : null;
  tellInPassing(
    answer?.accepted === true
      ? vscode.l10n.t("rStar Math: the search ends here; what was found trains now")
      : vscode.l10n.t("rStar Math: no run of this window is searching"),
  );
}

/** Takes the newest choice of a policy or PPM back. */
export async function rollBackModel({ server }: Parts): Promise<void> {
  const found = await server.ask("adaptersInUse", {});
  if (found === null) return;
  if (found.uses.length === 0) {
    await vscode.window.showInformationMessage(
      vscode.l10n.t("No trained model was put to use yet, so there is nothing to roll back."),
    );
    return;
  }
  const role = await askForRole(found.uses);
  if (role !== null) await tellEdit(await server.ask("rollBack", { role }));
}

/** No run, and whoever is to be told of that was told. */
const NOTHING = Symbol("nothing begun");

/** How many runs this window follows: one that is refused because another trains does not end that one's menu. */
let followed = 0;

/** Starts the run and shows it until it has ended: dashboard, progress with Stop and Keep, status bar. */
async function follow(parts: Parts, request: RunRequest): Promise<RunOutcome | null> {
  parts.dashboard.show();
  const item = vscode.window.createStatusBarItem("rstarMath.training", vscode.StatusBarAlignment.Left, 9);
  item.name = vscode.l10n.t("rStar Math: training");
  item.command = "rstarMath.showDashboard";
  item.tooltip = vscode.l10n.t("rStar Math: click to show the evolution dashboard");
  const show = (message: string): void => {
    item.text = `$(sync~spin) ${vscode.l10n.t("Training: {0}", message)}`;
    item.show();
  };
  show(vscode.l10n.t("starting"));
  followed++;
  void vscode.commands.executeCommand("setContext", "rstarMath.training", true);
  try {
    const outcome = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        cancellable: true,
        title: vscode.l10n.t("Training (cancelling stops and keeps)"),
      },
      async (progress, token) => {
        const runs = await parts.server.start();
        // Cancelled while the server was started: nothing has begun.
        if (!runs || token.isCancellationRequested) return NOTHING;
        let hasBegun = false;
        const stop = (): void => void stopEvolution(parts);
        token.onCancellationRequested(() => {
          if (hasBegun) stop();
        });
        return await send(parts, request, (message) => {
          // From the first time that it tells something on, the run can be stopped.
          if (!hasBegun && token.isCancellationRequested) stop();
          hasBegun = true;
          show(message);
          progress.report({ message });
        });
      },
    );
    if (outcome === NOTHING) return null;
    void tellRun(parts, request, outcome);
    return outcome;
  } finally {
    item.dispose();
    followed--;
    void vscode.commands.executeCommand("setContext", "rstarMath.training", followed > 0);
  }
}

async function send(
  { server }: Parts,
  { kind, params }: RunRequest,
  report: (message: string) => void,
): Promise<RunOutcome | null> {
  switch (kind) {
    case "fineTune":
      return await server.askAtLength("fineTune", params, report);
    case "evolve":
      return await server.askAtLength("evolve", params, report);
    case "resume":
      return await server.askAtLength("resumeRun", params, report);
    default:
      return kind satisfies never;
  }
}

/** Says what came of it, with the way on. */
async function tellRun(parts: Parts, request: RunRequest, outcome: RunOutcome | null): Promise<void> {
  const resume = vscode.l10n.t("Resume");
  const dashboard = vscode.l10n.t("Show Evolution Dashboard");
  const settings = vscode.l10n.t("Open Training Settings");
  const log = vscode.l10n.t("Show Log");
  const act = async (chosen: string | undefined, run: string | null): Promise<void> => {
    if (chosen === resume) await follow(parts, { kind: "resume", params: { run } });
    if (chosen === dashboard) parts.dashboard.show();
    if (chosen === settings)
      await vscode.commands.executeCommand("workbench.action.openSettings", "rstarMath.training");
    if (chosen === log) parts.server.log.show();
  };
  if (outcome === null) {
    // The process of the run stops with the server and keeps what it has.
    const words = vscode.l10n.t("The training ended with the server. What it had done is kept.");
    await act(await vscode.window.showWarningMessage(words, resume, log), null);
    return;
  }
  const { message } = outcome;
  switch (outcome.kind) {
    case "finished":
      await act(await vscode.window.showInformationMessage(message, dashboard), outcome.run);
      return;
    case "stopped": {
      const ways = outcome.run === null ? [] : [resume];
      await act(await vscode.window.showInformationMessage(message, ...ways), outcome.run);
      return;
    }
    case "failed": {
      const ways = [...(outcome.run === null ? [] : [resume]), settings, log];
      await act(await vscode.window.showErrorMessage(message, ...ways), outcome.run);
      return;
    }
    case "not-begun":
      await explain(parts, request, outcome);
      return;
    default:
      outcome satisfies never;
  }
}

/** Why nothing was begun, with the way on. */
async function explain(
  parts: Parts,
  request: RunRequest,
  { reason, message }: Extract<RunOutcome, { kind: "not-begun" }>,
): Promise<void> {
  const offer = async (words: string, way: string, go: () => unknown): Promise<void> => {
    if ((await vscode.window.showInformationMessage(words, way)) === way) await go();
  };
  const command = (name: string) => () => vscode.commands.executeCommand(name);
  switch (reason) {
    case "untrusted":
      await offer(message, vscode.l10n.t("Manage Workspace Trust"), command("workbench.trust.manage"));
      return;
    case "busy":
      await offer(message, vscode.l10n.t("Show Evolution Dashboard"), () => parts.dashboard.show());
      return;
    case "no-traces":
      await offer(
        vscode.l10n.t("There are no traces to train on: every problem that is solved leaves one."),
        vscode.l10n.t("Open Example Problems"),
        command("rstarMath.openExamples"),
      );
      return;
    case "not-agreed":
    case "none-allowed":
      await offerStored(parts, request);
      return;
    case "other-model":
      await offer(
        vscode.l10n.t("All of these traces were made by another model than the one that is to be trained."),
        vscode.l10n.t("Train on Them All the Same"),
        async () => {
          if (request.kind === "fineTune")
            await follow(parts, { ...request, params: { ...request.params, anyModel: true } });
        },
      );
      return;
    case "no-run":
      await vscode.window.showInformationMessage(message);
      return;
    default:
      reason satisfies never;
  }
}

/** None of the traces may train. What was stored before the person agreed can all the same, if they say so. */
async function offerStored(parts: Parts, request: RunRequest): Promise<void> {
  const stored = vscode.l10n.t("Train on What Is Stored Already");
  const manage = vscode.l10n.t("Manage Collected Traces…");
  const params = request.kind === "fineTune" ? request.params : null;
  // Whatever else is not agreed to does not matter there: all of it is left out by the person.
  const isLeftOut = params === null || params.traces !== null || params.agreedOrNot === true;
  const chosen = await vscode.window.showInformationMessage(
    isLeftOut
      ? vscode.l10n.t(
          "None of these traces may train: all are of files that you left out. Nothing was changed.",
        )
      : vscode.l10n.t(
          "None of the stored traces may train: they were made before you agreed to collecting, or their files are left out. What you solve from now on counts.",
        ),
    ...(isLeftOut ? [] : [stored]),
    manage,
  );
  if (chosen === manage) await vscode.commands.executeCommand("rstarMath.manageTraces");
  if (chosen !== stored || isLeftOut || !(await agreeToStored(parts))) return;
  await follow(parts, { kind: "fineTune", params: { ...params, agreedOrNot: true } });
}
