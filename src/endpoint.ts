/** The key of a server that has the model: asked for, and kept in the editor's secret storage for that server alone. */
import * as vscode from "vscode";
import { ENDPOINT_KEY, originOf } from "../server/protocol/endpoint.ts";
import type { Settings } from "../server/protocol/settings.ts";
import type { Parts } from "./parts.ts";

/** A keychain may ask the person first; one that never answers must not hold up every search. */
const SECRET_MS = 20_000;

/** The name under which a server's key is kept. */
function secretName(origin: string): string {
  return `rstarMath.endpoint ${origin}`;
}

/** The key of a server; null where none is kept, or where the secret storage does not answer, which is logged. */
export async function storedKey(
  { secrets }: vscode.ExtensionContext,
  origin: string,
  log: vscode.LogOutputChannel,
): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      log.warn(`The secret storage did not answer: ${origin} is asked without a key.`);
      resolve(undefined);
    }, SECRET_MS);
  });
  const key = await Promise.race([secrets.get(secretName(origin)), late]).finally(() => clearTimeout(timer));
  return key ?? null;
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
export async function endpointOfProgram(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
): Promise<{
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}> {
  const settings = vscode.workspace.getConfiguration("rstarMath").get<Settings["endpoint"]>("endpoint");
  const origin = originOf(settings?.url ?? "");
  if (settings === undefined || origin === null) return { options: [], environment: {} };
  const { url, model, promptFormat, concurrentRequests, timeoutSeconds } = settings;
  const key = await storedKey(context, origin, log);
  return {
    options: [
      ...["--endpoint", url, ...(model === "" ? [] : ["--endpoint-model", model])],
      ...["--endpoint-format", promptFormat],
      ...["--endpoint-requests", String(concurrentRequests), "--endpoint-timeout", String(timeoutSeconds)],
    ],
    environment: key === null ? {} : { [ENDPOINT_KEY]: key },
  };
}
