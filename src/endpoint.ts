/** The key of a server that has the model: asked for, and kept in the editor's secret storage for that server alone. */
import * as vscode from "vscode";
import { ENDPOINT_KEY, originOf } from "../server/protocol/endpoint.ts";
import type { Settings } from "../server/protocol/settings.ts";
import type { Parts } from "./parts.ts";

/** The name under which a server's key is kept. */
export function secretName(origin: string): string {
  return `rstarMath.endpoint ${origin}`;
}

/** Asks for the key of the endpoint that the settings name; nothing deletes it. */
export async function setEndpointKey({ context }: Parts): Promise<boolean> {
  const url = vscode.workspace.getConfiguration("rstarMath.endpoint").get<string>("url", "");
  const origin = originOf(url);
  if (origin === null) {
    const open = vscode.l10n.t("Open Settings");
    const chosen = await vscode.window.showInformationMessage(
      vscode.l10n.t("No server is set whose key this could be. Set its address first."),
      open,
    );
    if (chosen === open) await openEndpointSettings();
    return false;
  }
  const key = await vscode.window.showInputBox({
    title: vscode.l10n.t("Key for {0}", origin),
    prompt: vscode.l10n.t("Kept in the secret storage and sent to this server only. Empty: delete it."),
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) return false;
  if (key.trim() === "") await context.secrets.delete(secretName(origin));
  else await context.secrets.store(secretName(origin), key.trim());
  return true;
}

/** Shows the settings that name the server. */
export async function openEndpointSettings(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openSettings", "rstarMath.endpoint");
}

/** What tells `rstar` of the endpoint that the settings name: options, and the key in its environment. */
export async function endpointOfProgram({ secrets }: vscode.ExtensionContext): Promise<{
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}> {
  const settings = vscode.workspace.getConfiguration("rstarMath").get<Settings["endpoint"]>("endpoint");
  const origin = originOf(settings?.url ?? "");
  if (settings === undefined || origin === null) return { options: [], environment: {} };
  const { url, model, promptFormat, concurrentRequests, timeoutSeconds } = settings;
  const key = await secrets.get(secretName(origin));
  return {
    options: [
      ...["--endpoint", url, ...(model === "" ? [] : ["--endpoint-model", model])],
      ...["--endpoint-format", promptFormat],
      ...["--endpoint-requests", String(concurrentRequests), "--endpoint-timeout", String(timeoutSeconds)],
    ],
    environment: key === undefined ? {} : { [ENDPOINT_KEY]: key },
  };
}
