/** The commands: one line for each of the manifest. */
import * as vscode from "vscode";
import type { ProblemPlace } from "../server/protocol/places.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import type { ListedProblem } from "../server/protocol/problem-list.ts";
import { setEndpointKey } from "./endpoint.ts";
import {
  checkAllSteps,
  checkSteps,
  exportSheet,
  insertAllSolutions,
  removeAllSolutions,
  resolveFile,
} from "./file-actions.ts";
import { gpuSupport } from "./gpu-support.ts";
import { addModel, downloadModel, removeModel, selectModel, unloadModels } from "./models.ts";
import { tellEdit } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import { isProblemItem, problemOf, resolvePlace, type ProblemItem } from "./places.ts";
import { openUnseen } from "./problem-lists.ts";
import { revealProblem } from "./problem-tree.ts";
import { solveAllProblems } from "./solve-all.ts";
import {
  compareStrategies,
  resumeTrace,
  search,
  solveProblem,
  solveProblemWith,
  stop,
  stopAll,
} from "./solving.ts";
import { manageTraces } from "./trace-collection.ts";
import {
  fineTune,
  resumeEvolution,
  rollBackModel,
  runEvolution,
  stopEvolution,
  trainNow,
} from "./training.ts";
import { readParams, type RequestParams } from "./protocol.ts";
import { tellInPassing } from "./passing.ts";

/** `selected` is what a menu gives besides where several entries are selected. */
type Handler = (parts: Parts, argument: unknown, selected?: unknown) => unknown;

/** By the command's name. A test compares the names with the manifest. */
export const HANDLERS: Readonly<Record<string, Handler>> = {
  [COMMANDS.solve]: solveProblem,
  [COMMANDS.solveWith]: solveProblemWith,
  "rstarMath.solveAllProblems": async (parts, argument, selected) => {
    const files = Array.isArray(selected) ? selected.filter((one) => one instanceof vscode.Uri) : [];
    for (const file of files.length > 0 ? files : [argument]) {
      const uri = await resolveFile(parts, file);
      if (uri !== null) await solveAllProblems(parts, uri);
    }
  },
  [COMMANDS.stop]: async (parts, argument) => {
    await stop(parts, await traceOf(parts, argument));
  },
  [COMMANDS.stopAll]: stopAll,
  [COMMANDS.resume]: resume,
  [COMMANDS.pinStep]: goOn,
  [COMMANDS.rejectStep]: goOn,
  [COMMANDS.editStep]: goOn,
  [COMMANDS.showSearchTree]: showSearchTree,
  "rstarMath.compareStrategies": compareStrategies,
  [COMMANDS.useAlternative]: async ({ server }, argument) => {
    const params = await readParams("useAlternative", argument);
    if (params.success) await tellEdit(await server.ask("useAlternative", params.data));
  },
  [COMMANDS.verify]: verify,
  [COMMANDS.insertSolution]: insertSolution,
  [COMMANDS.insertAnswer]: async (parts, argument) => {
    const place = await resolvePlace(argument, parts.lists);
    if (place !== null) await tellEdit(await parts.server.ask("insertAnswer", place));
  },
  "rstarMath.checkAllSteps": checkAllSteps,
  "rstarMath.insertAllSolutions": insertAllSolutions,
  "rstarMath.removeAllSolutions": removeAllSolutions,
  "rstarMath.exportSheet": exportSheet,
  "rstarMath.copySolution": copySolution,
  [COMMANDS.removeSolution]: async (parts, argument) => {
    const place = await resolvePlace(argument, parts.lists);
    if (place !== null) await tellEdit(await parts.server.ask("removeSolution", place));
  },
  "rstarMath.revealProblem": async (_parts, argument) => {
    if (isProblemItem(argument)) await revealProblem(argument);
  },
  "rstarMath.selectModel": selectModel,
  "rstarMath.downloadModel": async (parts) => {
    await downloadModel(parts);
  },
  "rstarMath.addModel": addModel,
  "rstarMath.gpuSupport": gpuSupport,
  "rstarMath.setEndpointKey": async (parts) => {
    await setEndpointKey(parts);
  },
  "rstarMath.removeModel": removeModel,
  "rstarMath.unloadModels": unloadModels,
  "rstarMath.openExamples": async ({ context }) => {
    const file = vscode.Uri.joinPath(context.extensionUri, "examples", "word-problems.md");
    // A copy without a file: solutions written into it do not change the extension.
    const content = new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
    await vscode.window.showTextDocument(
      await vscode.workspace.openTextDocument({ language: "markdown", content }),
    );
  },
  "rstarMath.showSetupInformation": showSetupInformation,
  "rstarMath.showLog": ({ server }) => server.log.show(),
  "rstarMath.restartServer": async ({ server }) => {
    if (await server.restart()) tellInPassing(vscode.l10n.t("rStar Math: the server was restarted"));
  },
  "rstarMath.fineTune": fineTune,
  "rstarMath.runEvolution": runEvolution,
  "rstarMath.stopEvolution": stopEvolution,
  "rstarMath.trainNow": trainNow,
  "rstarMath.resumeEvolution": resumeEvolution,
  "rstarMath.rollBackModel": rollBackModel,
  "rstarMath.showDashboard": ({ dashboard }) => dashboard.show(),
  "rstarMath.manageTraces": manageTraces,
  "rstarMath.exportTraces": exportTraces,
  "rstarMath.deleteCollectedTraces": deleteTraces,
};

/** Registers all of them. Their parts are made when the first is called. */
export function registerCommands(parts: Parts): vscode.Disposable[] {
  return Object.entries(HANDLERS).map(([name, handler]) =>
    vscode.commands.registerCommand(
      name,
      async (argument: unknown, selected: unknown) => await handler(parts, argument, selected),
    ),
  );
}

/** The trace that an argument names: itself, or of the problem that it names. */
async function traceOf({ lists }: Parts, argument: unknown): Promise<string | undefined> {
  if (isProblemItem(argument)) return (await current(lists, argument)).traceId ?? undefined;
  if (typeof argument !== "object" || argument === null || !("traceId" in argument)) return undefined;
  return typeof argument.traceId === "string" ? argument.traceId : undefined;
}

/** The problem as it is now: a tree shows it as it was. */
async function current(lists: Parts["lists"], { uri, problem }: ProblemItem): Promise<ListedProblem> {
  return (
    (await lists.read(uri)).find(({ hash, index }) => hash === problem.hash && index === problem.index) ??
    problem
  );
}

async function resume(parts: Parts, argument: unknown): Promise<void> {
  const given = await readParams("resume", argument);
  if (given.success) {
    await search(parts, { kind: "resume", params: given.data });
    return;
  }
  const found = await tracedProblem(parts, argument);
  if (found === null) return;
  await resumeTrace(parts, found.newest, found.place);
}

/** A problem that has a trace, with the newest of its text as it is; or null after saying that there is none. */
async function tracedProblem(
  parts: Parts,
  argument: unknown,
): Promise<{ readonly place: ProblemPlace; readonly item: ProblemItem; readonly newest: string } | null> {
  const place = await resolvePlace(argument, parts.lists);
  if (place === null) return null;
  const item = await problemOf(place, parts.lists);
  if (item === null) {
    await vscode.window.showInformationMessage(
      vscode.l10n.t(
        "This is none of the problems of the file, so no stored search is known of it. Put the cursor into one of them.",
      ),
    );
    return null;
  }
  const { traceId, storedTraceId } = item.problem;
  // The solution in the text may be an older one, also of another text.
  const newest = storedTraceId ?? traceId;
  if (newest !== null) return { place, item, newest };
  await vscode.window.showInformationMessage(
    vscode.l10n.t("This problem was not solved yet: nothing is stored of it."),
  );
  return null;
}

async function goOn(parts: Parts, argument: unknown): Promise<void> {
  const params = await readParams("continue", argument);
  if (params.success) await search(parts, { kind: "continue", params: params.data });
}

async function showSearchTree(parts: Parts, argument: unknown): Promise<void> {
  const given = await readParams("resume", argument);
  if (given.success) {
    await parts.view.show(given.data);
    return;
  }
  const found = await tracedProblem(parts, argument);
  if (found !== null) await parts.view.show(found.item);
}

async function insertSolution(parts: Parts, argument: unknown): Promise<void> {
  const given = await readParams("insertSolution", argument);
  let params: RequestParams<"insertSolution">;
  if (given.success) params = given.data;
  else {
    const found = await tracedProblem(parts, argument);
    if (found === null) return;
    params = { traceId: found.newest, place: found.place };
  }
  if (params.place !== undefined) await openUnseen(vscode.Uri.parse(params.place.uri));
  await tellEdit(await parts.server.ask("insertSolution", params));
}

async function verify(parts: Parts, argument: unknown): Promise<void> {
  const given = await readParams("verify", argument);
  const place = given.success ? given.data : await resolvePlace(argument, parts.lists);
  if (place !== null) await checkSteps(parts, place);
}

/** Puts a stored solution on the clipboard, as the person wants it. */
async function copySolution(parts: Parts, argument: unknown): Promise<void> {
  const place = await resolvePlace(argument, parts.lists);
  if (place === null) return;
  const picked = await vscode.window.showQuickPick(
    [
      {
        label: "Markdown",
        detail: vscode.l10n.t("steps, code and answer, without scores"),
        format: "markdown",
      },
      { label: "LaTeX", detail: vscode.l10n.t("a list of steps for a document of yours"), format: "latex" },
      { label: "Python", detail: vscode.l10n.t("one program, its reasons as comments"), format: "python" },
    ] as const,
    { title: vscode.l10n.t("Copy the solution as…") },
  );
  if (picked === undefined) return;
  const answer = await parts.server.ask("exportSolution", { ...place, format: picked.format });
  if (answer?.kind === "none") await vscode.window.showInformationMessage(answer.message);
  if (answer?.kind !== "text") return;
  await vscode.env.clipboard.writeText(answer.text);
  tellInPassing(vscode.l10n.t("rStar Math: the solution is on the clipboard"));
}

async function showSetupInformation({ server }: Parts): Promise<void> {
  const report = await server.ask("setupInformation", {});
  if (report === null) return;
  const editor = `- Editor: ${vscode.env.appName} ${vscode.version}, ${vscode.env.remoteName ?? "local"}, Node.js ${process.version}\n`;
  const content = `${report.markdown.trimEnd()}\n${editor}`;
  await vscode.window.showTextDocument(
    await vscode.workspace.openTextDocument({ language: "markdown", content }),
  );
}

async function exportTraces({ server }: Parts): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t("Export collected traces"),
    filters: { [vscode.l10n.t("JSON lines")]: ["jsonl"] },
  });
  if (target === undefined) return;
  // Whether to replace a file that is there, the dialog has asked.
  const params = { selection: { kind: "all" as const }, path: target.fsPath, overwrite: true };
  await tellEdit(await server.ask("exportTraces", params));
}

async function deleteTraces(parts: Parts): Promise<void> {
  const listed = await parts.server.ask("traces", {});
  if (listed === null) return;
  const items: (vscode.QuickPickItem & { readonly id: string | null })[] = [
    ...listed.traces.map(({ id, createdAt, problem, strategy, answer }) => ({
      label: problem.slice(0, 80),
      description: [strategy, answer ?? vscode.l10n.t("no answer"), createdAt].join(" · "),
      id,
    })),
    ...(listed.unreadable === 0
      ? []
      : [{ label: vscode.l10n.t("{0} lines that cannot be read", listed.unreadable), id: null }]),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t(
      "Delete which traces? ({0} stored, {1} lines cannot be read)",
      listed.traces.length,
      listed.unreadable,
    ),
    canPickMany: true,
    matchOnDescription: true,
  });
  if (chosen === undefined || chosen.length === 0) return;
  // By their ids, also where all are ticked: a search that ends meanwhile was not shown.
  const ids = chosen.flatMap(({ id }) => id ?? []);
  const unreadable = ids.length < chosen.length;
  const selection = { kind: "ids" as const, ids, unreadable };
  const remove = vscode.l10n.t("Delete");
  const question = vscode.l10n.t(
    "Delete {0} traces for good? Solutions in your files stay; their search trees and alternatives cannot be shown any more.",
    ids.length + (unreadable ? listed.unreadable : 0),
  );
  if ((await vscode.window.showWarningMessage(question, { modal: true }, remove)) !== remove) return;
  await tellEdit(await parts.server.ask("deleteTraces", { selection }));
}
