/** Choosing, fetching and removing models in the editor. */
import * as vscode from "vscode";
import type { EditorModel, ModelOutcome, TrainingSpace } from "../server/protocol/models.ts";
import { openEndpointSettings } from "./endpoint.ts";
import { formatBytes, formatSeconds } from "../server/protocol/text.ts";
import type { Parts } from "./parts.ts";
import { tellInPassing } from "./passing.ts";

interface ModelItem extends vscode.QuickPickItem {
  readonly model?: EditorModel;
  readonly noPpm?: true;
  readonly own?: true;
  readonly endpoint?: true;
  readonly training?: true;
}

/**
 * Shows what this machine can run, with memory and speed, and makes the choice a setting. True when what was chosen can
 * be used.
 */
export async function selectModel(parts: Parts): Promise<boolean> {
  const listed = await parts.server.ask("models", {});
  if (listed === null) return false;
  if (listed.problem !== null) void vscode.window.showWarningMessage(listed.problem);
  const of = (role: EditorModel["role"], chosen: string | null): ModelItem[] =>
    listed.models.filter((model) => model.role === role).map((model) => itemOf(model, model.id === chosen));
  const scorers = of("ppm", listed.ppm);
  const url = vscode.workspace.getConfiguration("rstarMath.endpoint").get<string>("url", "");
  const items: ModelItem[] = [
    { label: vscode.l10n.t("Models that write the steps"), kind: vscode.QuickPickItemKind.Separator },
    ...of("policy", url === "" ? listed.policy : null),
    ...(scorers.length === 0
      ? []
      : [
          { label: vscode.l10n.t("Models that score the steps"), kind: vscode.QuickPickItemKind.Separator },
          ...scorers,
          {
            label: `${listed.ppm === null ? "$(check) " : ""}${vscode.l10n.t("No model that scores the steps")}`,
            detail: vscode.l10n.t("agreement among the solutions decides; about twice as fast"),
            noPpm: true as const,
          },
        ]),
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    { label: `$(file-directory) ${vscode.l10n.t("Use a model file of your own…")}`, own: true },
    {
      label: `$(server) ${vscode.l10n.t("Use a server that has the model…")}`,
      detail: vscode.l10n.t("llama-server, vLLM, LM Studio, Ollama; the problem's text is sent there"),
      ...(url === "" ? {} : { description: vscode.l10n.t("in use: {0}", url) }),
      endpoint: true,
    },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Select a model"),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (picked?.own === true) return await addModel(parts);
  if (picked?.endpoint === true) await openEndpointSettings();
  if (picked?.noPpm === true) {
    await choose("ppm", null, listed.unnamed.ppm);
    return true;
  }
  if (picked?.model === undefined) return false;
  const { id, role, installed } = picked.model;
  if (!installed && !(await downloadModel(parts, id))) return false;
  await choose(role, id, listed.unnamed[role]);
  return true;
}

/** Fetches a model, after asking which where none is named. True when it is on this machine then. */
export async function downloadModel(parts: Parts, id?: string): Promise<boolean> {
  const listed = await parts.server.ask("models", {});
  if (listed === null) return false;
  let model = listed.models.find((one) => one.id === id);
  if (model === undefined) {
    const missing = listed.models.filter(({ installed }) => !installed).map((one) => itemOf(one, false));
    if (missing.length === 0) {
      await vscode.window.showInformationMessage(
        vscode.l10n.t("Every model of the list is on this machine."),
      );
      return false;
    }
    model = (await vscode.window.showQuickPick(missing, { title: vscode.l10n.t("Download which model?") }))
      ?.model;
  }
  if (model === undefined) return false;
  if (model.installed) return true;
  const { name, bytesToDownload } = model;
  const outcome = await withDownload(
    parts,
    model.id,
    vscode.l10n.t("Downloading {0} ({1})", name, formatBytes(bytesToDownload)),
    async (token) => await parts.server.ask("downloadModel", { id: model.id }, token),
  );
  if (outcome?.kind === "done") return true;
  // A cancelled request has no answer; the download goes on where it was when it is asked for again.
  if (outcome?.kind === "cancelled") tellInPassing(outcome.message);
  if (outcome?.kind !== "failed") return false;
  const again = vscode.l10n.t("Try Again");
  const ownFile = vscode.l10n.t("Use a Model File…");
  // A file of the person's own becomes the model that writes the steps.
  const ways = model.role === "policy" ? [again, ownFile] : [again];
  const chosen = await vscode.window.showErrorMessage(outcome.message, ...ways);
  if (chosen === again) return await downloadModel(parts, model.id);
  // It may be the very file that could not be fetched.
  return chosen === ownFile && (await addFile(parts, model.id)) === model.id;
}

/** Shows how far the download that the server calls `id` is while `ask` waits for it; it can be cancelled. */
export async function withDownload(
  { server }: Parts,
  id: string,
  title: string,
  ask: (token: vscode.CancellationToken) => Promise<ModelOutcome | null>,
): Promise<ModelOutcome | null> {
  const where = { location: vscode.ProgressLocation.Notification, cancellable: true, title };
  return await vscode.window.withProgress(where, async (progress, token) => {
    let shown = 0;
    const hearing = server.on("download", (news) => {
      if (news.id !== id) return;
      const percent = (100 * news.bytes) / Math.max(1, news.totalBytes);
      progress.report({ message: describeDownload(news), increment: Math.max(0, percent - shown) });
      shown = Math.max(shown, percent);
    });
    try {
      return await ask(token);
    } finally {
      hearing.dispose();
    }
  });
}

function describeDownload(news: {
  readonly phase: "waiting" | "downloading" | "checking";
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerSecond: number;
}): string {
  const { phase, bytes, totalBytes, bytesPerSecond } = news;
  switch (phase) {
    case "waiting":
      return vscode.l10n.t("another program is fetching it; waiting");
    case "checking":
      return vscode.l10n.t("checking the file");
    case "downloading": {
      const amount = vscode.l10n.t("{0} of {1}", formatBytes(bytes), formatBytes(totalBytes));
      if (bytesPerSecond <= 0) return amount;
      const left = formatSeconds((totalBytes - bytes) / bytesPerSecond);
      return vscode.l10n.t("{0}, {1}/s, {2} left", amount, formatBytes(bytesPerSecond), left);
    }
    default:
      return phase satisfies never;
  }
}

/** Lets the person pick a GGUF file and makes it the model. The file stays where it is. True when it is the model then. */
export async function addModel(parts: Parts): Promise<boolean> {
  return (await addFile(parts, null)) !== null;
}

/**
 * The same; what is chosen stays so where the file is that of the model that is `wanted`. Gives the model that can be used
 * now, null for none.
 */
async function addFile(parts: Parts, wanted: string | null): Promise<string | null> {
  const picked = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("Select a GGUF file"),
    filters: { [vscode.l10n.t("Models (GGUF)")]: ["gguf"] },
  });
  const file = picked?.[0];
  if (file === undefined) return null;
  const path = file.fsPath;
  let outcome = await parts.server.ask("addModel", { path });
  while (outcome?.kind === "failed" && outcome.wantsName === true) {
    const id = await vscode.window.showInputBox({
      title: vscode.l10n.t("Name for the model in this file"),
      prompt: outcome.message,
      ignoreFocusOut: true,
    });
    if (id === undefined) return null;
    outcome = await parts.server.ask("addModel", { path, id });
  }
  if (outcome === null) return null;
  if (outcome.kind !== "done") {
    await vscode.window.showErrorMessage(outcome.message);
    return null;
  }
  tellInPassing(outcome.message);
  const listed = await parts.server.ask("models", {});
  if (listed?.models.some(({ id, installed }) => id === wanted && installed) === true) return wanted;
  await choose("policy", outcome.id, listed?.unnamed.policy ?? null);
  return outcome.id;
}

/** Deletes a model's files, or what training keeps besides its results, after asking. */
export async function removeModel(parts: Parts): Promise<void> {
  const { server } = parts;
  const [listed, space] = await Promise.all([server.ask("models", {}), server.ask("trainingSpace", {})]);
  if (listed === null || space === null) return;
  const models = listed.models.flatMap((model) => {
    const { installed, origin, removableBytes } = model;
    if (removableBytes === null) return [];
    const item = itemOf(model, false);
    if (installed || origin !== "manifest") return [item];
    return [
      { ...item, description: vscode.l10n.t("{0} of an unfinished download", formatBytes(removableBytes)) },
    ];
  });
  const training: ModelItem = {
    label: vscode.l10n.t("Training environment ({0})", sizeOf(space)),
    detail: vscode.l10n.t("Python's packages and prepared models; the next training makes them anew"),
    training: true,
  };
  const picked = await vscode.window.showQuickPick(space.bytes === 0 ? models : [...models, training], {
    title: vscode.l10n.t("Remove which model from this machine?"),
  });
  if (picked === undefined) return;
  const outcome = await (picked.model === undefined
    ? removeTraining(parts, sizeOf(space))
    : removeFiles(parts, picked.model));
  if (outcome?.kind === "done") tellInPassing(outcome.message);
  else if (outcome !== null) await vscode.window.showErrorMessage(outcome.message);
}

async function removeFiles({ server }: Parts, model: EditorModel): Promise<ModelOutcome | null> {
  return (await isConfirmed(removalQuestion(model)))
    ? await server.ask("removeModel", { id: model.id })
    : null;
}

async function removeTraining({ server }: Parts, size: string): Promise<ModelOutcome | null> {
  const question = vscode.l10n.t(
    "Delete the training environment ({0}) from this machine? The next training fetches and makes it anew. Runs, trained models and traces stay.",
    size,
  );
  if (!(await isConfirmed(question))) return null;
  const title = vscode.l10n.t("Removing the training environment");
  return await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title },
    async () => await server.ask("removeTrainingEnvironment", {}),
  );
}

/** Whether the person lets it be removed from this machine. */
export async function isConfirmed(question: string): Promise<boolean> {
  const remove = vscode.l10n.t("Remove");
  return (await vscode.window.showWarningMessage(question, { modal: true }, remove)) === remove;
}

function sizeOf({ bytes, isWhole }: TrainingSpace): string {
  return isWhole ? formatBytes(bytes) : vscode.l10n.t("more than {0}", formatBytes(bytes));
}

function removalQuestion({ name, origin, removableBytes }: EditorModel): string {
  const size = formatBytes(removableBytes ?? 0);
  switch (origin) {
    case "manifest":
      return removableBytes === 0
        ? vscode.l10n.t("Remove {0}? Its file is also elsewhere on this machine, and stays there.", name)
        : vscode.l10n.t("Delete {0} ({1}) from this machine? It can be downloaded again.", name, size);
    case "own":
      return vscode.l10n.t("Take {0} off the list? The file itself stays where it is.", name);
    case "trained":
      return vscode.l10n.t(
        "Delete {0} ({1}) for good? It was trained here, and nobody else has it.",
        name,
        size,
      );
    default:
      return origin satisfies never;
  }
}

/** Frees the memory of models and Python. */
export async function unloadModels(parts: Parts): Promise<void> {
  const freed = parts.server.state === "running" ? await parts.server.ask("unload", {}) : { freedBytes: 0 };
  if (freed === null) return;
  tellInPassing(
    freed.freedBytes > 0
      ? vscode.l10n.t("rStar Math: {0} freed", formatBytes(freed.freedBytes))
      : vscode.l10n.t("rStar Math: no model is in memory"),
  );
}

/** Makes a model the one of its role; null is none. What is used unnamed stays so: what is trained then takes its place. */
async function choose(role: EditorModel["role"], id: string | null, unnamed: string | null): Promise<void> {
  await setWhereSet("rstarMath.model", role, id === unnamed ? undefined : (id ?? "none"));
  // The choice is a model of this machine: a server that was set would still have its place.
  if (role === "policy") await setWhereSet("rstarMath.endpoint", "url", undefined);
}

/** Changes a setting where it has a value, as a workspace's would win over the user's; by default in the user's. */
async function setWhereSet(section: string, name: string, value: string | undefined): Promise<void> {
  const settings = vscode.workspace.getConfiguration(section);
  const given = settings.inspect<string>(name);
  const { Global, Workspace } = vscode.ConfigurationTarget;
  if (given?.workspaceValue !== undefined) await settings.update(name, value, Workspace);
  if (value === undefined ? given?.globalValue !== undefined : given?.workspaceValue === undefined)
    await settings.update(name, value, Global);
}

function itemOf(model: EditorModel, chosen: boolean): ModelItem {
  const { memoryBytes, fits, tokensPerSecond, basis } = model.estimate;
  const needs = vscode.l10n.t("needs about {0} of memory", formatBytes(memoryBytes));
  const parts = [
    fits ? needs : vscode.l10n.t("{0}, more than is free", needs),
    ...(tokensPerSecond === null ? [] : [vscode.l10n.t("about {0} tokens/s", Math.round(tokensPerSecond))]),
    ...(model.license === null ? [] : [model.license]),
    model.description,
    ...(tokensPerSecond === null ? [] : [vscode.l10n.t("The speed is {0}.", basis)]),
  ];
  const here = model.installed
    ? vscode.l10n.t("on this machine")
    : vscode.l10n.t("{0} to download", formatBytes(model.bytesToDownload));
  const icons = `${chosen ? "$(check) " : ""}${fits ? "" : "$(warning) "}`;
  return {
    label: `${icons}${model.name}`,
    description: here,
    detail: parts.join(" · "),
    model,
  };
}
