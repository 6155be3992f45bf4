/** The engine's binaries for GPUs in the editor: what can be fetched, fetching it, removing it. */
import * as vscode from "vscode";
import type { GpuKind } from "../server/protocol/models.ts";
import { formatBytes } from "../server/protocol/text.ts";
import { isConfirmed, withDownload } from "./models.ts";
import type { Parts } from "./parts.ts";
import { tellInPassing } from "./passing.ts";

const NAMES: Record<GpuKind, string> = { cuda: "CUDA (NVIDIA)", vulkan: "Vulkan (NVIDIA, AMD, Intel)" };

/** Shows what there is for this platform; what is missing is fetched, what is here can be removed. */
export async function gpuSupport(parts: Parts): Promise<void> {
  const listed = await parts.server.ask("gpuSupport", {});
  if (listed === null) return;
  if (listed.kinds.length === 0) {
    await vscode.window.showInformationMessage(
      listed.isInPackage
        ? vscode.l10n.t("Nothing has to be downloaded for this platform: the extension computes with Metal.")
        : vscode.l10n.t(
            "GPU support cannot be downloaded for this platform yet: models run on the processor. A server that has the model can use a GPU.",
          ),
    );
    return;
  }
  const picked = await vscode.window.showQuickPick(
    listed.kinds.map((entry) => ({
      label: `${entry.installed ? "$(check) " : ""}${NAMES[entry.kind]}`,
      description: entry.installed
        ? vscode.l10n.t("on this machine; select to remove it")
        : vscode.l10n.t("{0}, fetched with npm", formatBytes(entry.bytes)),
      entry,
    })),
    { title: vscode.l10n.t("GPU support: what the engine computes with besides the processor") },
  );
  if (picked === undefined) return;
  const { kind, bytes, installed } = picked.entry;
  if (
    installed &&
    !(await isConfirmed(
      vscode.l10n.t(
        "Remove the engine's binaries for {0} from this machine? They can be fetched again.",
        NAMES[kind],
      ),
    ))
  )
    return;
  const outcome = installed
    ? await parts.server.ask("removeGpuSupport", { kind })
    : await withDownload(
        parts,
        kind,
        vscode.l10n.t("Downloading {0} ({1})", NAMES[kind], formatBytes(bytes)),
        async (token) => await parts.server.ask("fetchGpuSupport", { kind }, token),
      );
  if (outcome?.kind === "done") await vscode.window.showInformationMessage(outcome.message);
  else if (outcome?.kind === "failed") await vscode.window.showErrorMessage(outcome.message);
  else if (outcome?.kind === "cancelled") tellInPassing(outcome.message);
}
