/** What a person allows of the traces that their searches leave: whether they train, which files never do. */
import * as vscode from "vscode";
import type { ConsentState } from "../server/protocol/requests.ts";
import { isSamePath } from "../server/protocol/paths.ts";
import type { Parts } from "./parts.ts";
import { activeDocument } from "./problem-lists.ts";
import { tellInPassing } from "./passing.ts";

type Consent = Extract<ConsentState, { kind: "consent" }>;

/** Whether collected traces may train; asks, in words, where nobody has agreed yet. */
export async function agreeToCollecting(parts: Parts): Promise<boolean> {
  const consent = await read(await parts.server.ask("consent", {}));
  if (consent === null || consent.agreed) return consent !== null;
  const agreed = await confirms(
    vscode.l10n.t("May the searches of problems you solve train models on this machine?"),
    vscode.l10n.t(
      "It is off until you agree, and holds for what is solved from then on; what is stored already is asked for by itself. Nothing leaves this machine. Manage Collected Traces takes it back, leaves single files out, exports and deletes.",
    ),
    vscode.l10n.t("Agree"),
  );
  if (!agreed) return false;
  return (await read(await parts.server.ask("decideConsent", { agreed: true })))?.agreed === true;
}

/** Whether all that is stored may train this once, whenever it was made; asks in words of its own. */
export async function agreeToStored({ server }: Parts): Promise<boolean> {
  const stored = await server.ask("traces", {});
  if (stored === null) return false;
  return await confirms(
    vscode.l10n.t("May everything that you solved so far train models on this machine, this once?"),
    vscode.l10n.t(
      "Stored searches: {0}, since {1}. They are of all your files and of chat programs, and most were made before you agreed to collecting. Files that you left out stay out. Nothing leaves this machine, and what you decided on later searches stays as it is.",
      stored.traces.length,
      stored.traces.at(-1)?.createdAt.slice(0, 10) ?? "",
    ),
    vscode.l10n.t("Train on All of Them"),
  );
}

/** Asks before the window's other work goes on; whether the person pressed `yes`. */
async function confirms(question: string, detail: string, yes: string): Promise<boolean> {
  return (await vscode.window.showInformationMessage(question, { modal: true, detail }, yes)) === yes;
}

/** Shows how it stands and what can be changed. */
export async function manageTraces(parts: Parts): Promise<void> {
  const consent = await read(await parts.server.ask("consent", {}));
  if (consent === null) return;
  const uri = activeDocument();
  const file = uri?.scheme === "file" ? uri.fsPath : null;
  const items: (vscode.QuickPickItem & { readonly run: () => Promise<unknown> })[] = [
    {
      label: consent.agreed
        ? vscode.l10n.t("Do not train on my traces any more")
        : vscode.l10n.t("Agree to training on my traces…"),
      description: consent.agreed
        ? vscode.l10n.t("you have agreed: they may train models on this machine")
        : vscode.l10n.t("off: no trace trains a model"),
      run: async () => await (consent.agreed ? withdraw(parts) : agreeToCollecting(parts)),
    },
    ...[
      ...(file === null || consent.optedOut.some((other) => isSamePath(other, file)) ? [] : [file]),
      ...consent.optedOut,
    ].map((path) => {
      const isOut = consent.optedOut.includes(path);
      const name = vscode.workspace.asRelativePath(path);
      return {
        label: isOut ? vscode.l10n.t("Train on {0} again", name) : vscode.l10n.t("Never train on {0}", name),
        description: isOut ? vscode.l10n.t("left out") : "",
        run: async () => await read(await parts.server.ask("optOut", { path, out: !isOut })),
      };
    }),
    { label: vscode.l10n.t("Export…"), run: command("rstarMath.exportTraces") },
    { label: vscode.l10n.t("Delete…"), run: command("rstarMath.deleteCollectedTraces") },
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Collected traces"),
    matchOnDescription: true,
  });
  await picked?.run();
}

async function withdraw(parts: Parts): Promise<void> {
  const left = await read(await parts.server.ask("decideConsent", { agreed: false }));
  if (left?.agreed === false) tellInPassing(vscode.l10n.t("rStar Math: traces train no model from now on"));
}

const command = (name: string) => async (): Promise<unknown> => await vscode.commands.executeCommand(name);

/** The decision, or null after saying that it cannot be read. */
async function read(state: ConsentState | null): Promise<Consent | null> {
  if (state?.kind === "bad") await vscode.window.showWarningMessage(state.message);
  return state?.kind === "consent" ? state : null;
}
