/** What has to be asked before a training, an evolution or a rolling back, in the editor's own lists and dialogs. */
import * as vscode from "vscode";
import type { DashboardRun } from "../server/protocol/dashboard.ts";
import type { AdapterUse } from "../server/protocol/requests.ts";
import type { TrainingProfile } from "../server/protocol/training.ts";
import type { Parts } from "./parts.ts";
import { agreeToCollecting } from "./trace-collection.ts";
import type { RequestParams } from "./protocol.ts";

/** Questions that follow each other stay when something else takes the focus: nobody has to begin anew. */
const STAYS = { ignoreFocusOut: true };

/** Which traces train, and how thoroughly. Null when the person went away. */
export async function askForFineTuning(parts: Parts): Promise<RequestParams<"fineTune"> | null> {
  const traces = await pickTraces(parts);
  if (traces === undefined) return null;
  const profile = await pickProfile();
  return profile === undefined ? null : { traces, anyModel: false, profile };
}

/** Problems, rounds and thoroughness. */
export async function askForEvolution(): Promise<RequestParams<"evolve"> | null> {
  const problems = await pickFile(
    vscode.l10n.t("Select problems: a Markdown file whose problems have answers, or JSON lines"),
    { [vscode.l10n.t("Markdown or JSON lines")]: ["md", "markdown", "jsonl"] },
  );
  if (problems === undefined) return null;
  const text = await vscode.window.showInputBox({
    ...STAYS,
    title: vscode.l10n.t("How many rounds?"),
    prompt: vscode.l10n.t("Each searches all problems, trains, and adopts what is better; the paper ran 4"),
    value: "4",
    validateInput: (typed) =>
      readRounds(typed) === null ? vscode.l10n.t("A whole number from 1 to 20") : undefined,
  });
  const rounds = text === undefined ? null : readRounds(text);
  if (rounds === null) return null;
  const profile = await pickProfile();
  return profile === undefined ? null : { problems, rounds, profile };
}

/** One of the runs, by its id. */
export async function askForRun(runs: readonly DashboardRun[]): Promise<string | null> {
  const items = runs.map(({ id, name, base, round, rounds, createdAt }) => ({
    label: name,
    description: base,
    detail: vscode.l10n.t("{0} of {1} rounds, begun {2}", round, rounds, createdAt.slice(0, 10)),
    run: id,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Go on with which run?") });
  return chosen?.run ?? null;
}

/** Whose newest choice is taken back. */
export async function askForRole(uses: readonly AdapterUse[]): Promise<AdapterUse["role"] | null> {
  const items = uses.map(({ role, adapter, before, at, why }) => {
    const none = role === "ppm" ? vscode.l10n.t("none") : vscode.l10n.t("the untouched base");
    const name = role === "ppm" ? vscode.l10n.t("PPM") : vscode.l10n.t("Policy");
    return {
      label: `${name}: ${adapter ?? none}`,
      description: vscode.l10n.t("back to {0}", before ?? none),
      detail: vscode.l10n.t("in use since {0} ({1})", at.slice(0, 10), why),
      role,
    };
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Roll back which model?"),
  });
  return chosen?.role ?? null;
}

/** A trace file, null for the collected traces; undefined when the person went away or did not agree. */
async function pickTraces(parts: Parts): Promise<string | null | undefined> {
  const items: readonly (vscode.QuickPickItem & { readonly source: "own" | "file" | "examples" })[] = [
    {
      label: vscode.l10n.t("Collected traces"),
      detail: vscode.l10n.t("The searches of problems you solved since you agreed to collecting them"),
      source: "own",
    },
    {
      label: vscode.l10n.t("A trace file…"),
      detail: vscode.l10n.t("JSON lines, as Export Collected Traces writes them"),
      source: "file",
    },
    {
      label: vscode.l10n.t("Example traces"),
      detail: vscode.l10n.t("A few searches of the default model that come along, to see how it goes"),
      source: "examples",
    },
  ];
  const title = vscode.l10n.t("Fine-tune on which traces?");
  const picked = await vscode.window.showQuickPick(items, { ...STAYS, title });
  if (picked === undefined) return undefined;
  switch (picked.source) {
    case "own":
      return (await agreeToCollecting(parts)) ? null : undefined;
    case "file":
      return await pickFile(vscode.l10n.t("Select a trace file"));
    case "examples":
      return vscode.Uri.joinPath(parts.context.extensionUri, "examples", "traces.jsonl").fsPath;
    default:
      return picked.source satisfies never;
  }
}

async function pickFile(
  title: string,
  filters = { [vscode.l10n.t("JSON lines")]: ["jsonl"] },
): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({ title, filters });
  return picked?.[0]?.fsPath;
}

async function pickProfile(): Promise<TrainingProfile | undefined> {
  const items: readonly (vscode.QuickPickItem & { readonly profile: TrainingProfile })[] = [
    {
      label: vscode.l10n.t("Small"),
      detail: vscode.l10n.t("For hundreds of traces and a computer without a GPU: minutes to hours"),
      profile: "small",
    },
    {
      label: vscode.l10n.t("Trial"),
      detail: vscode.l10n.t("Whether all of it works here, in minutes; next to nothing is learnt"),
      profile: "smoke",
    },
    {
      label: vscode.l10n.t("Paper"),
      detail: vscode.l10n.t("The numbers of the rStar-Math paper, for large GPUs"),
      profile: "paper",
    },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    ...STAYS,
    title: vscode.l10n.t("Train how thoroughly?"),
    placeHolder: vscode.l10n.t("The first training makes a Python environment of 1.3 GB, or 7 GB with CUDA"),
  });
  return picked?.profile;
}

function readRounds(text: string): number | null {
  const value = Number(text.trim());
  return text.trim() !== "" && Number.isInteger(value) && value >= 1 && value <= 20 ? value : null;
}
