/** Which VS Code the tests use: a downloaded one where that works, else code-server in Chromium. */
import { downloadAndUnzipVSCode } from "@vscode/test-electron";
import { codeServerForTests, testCache } from "../../../scripts/vscode-for-tests.mjs";

/** The oldest VS Code that the extension supports, so that it is what the tests run on. */
const VERSION = "1.100.3";
const REACHABLE_MS = 5_000;

export type InstalledEditor =
  | { readonly kind: "desktop"; readonly program: string }
  | { readonly kind: "browser"; readonly entry: string; readonly browser: string };

/** Finds or installs the editor. `RSTAR_TEST_EDITOR=desktop` or `browser` decides; by default what is possible does. */
export async function installEditor(): Promise<InstalledEditor> {
  const wanted = process.env["RSTAR_TEST_EDITOR"] ?? ((await desktopIsPossible()) ? "desktop" : "browser");
  if (wanted === "browser") return { kind: "browser", ...codeServerForTests() };
  const program = await downloadAndUnzipVSCode({ version: VERSION, cachePath: `${testCache()}/vscode` });
  return { kind: "desktop", program };
}

/** Whether there is a screen and the place that VS Code is downloaded from. */
async function desktopIsPossible(): Promise<boolean> {
  if (process.platform !== "linux") return true;
  if (process.env["DISPLAY"] === undefined) return false;
  const answer = fetch("https://update.code.visualstudio.com/api/releases/stable", {
    signal: AbortSignal.timeout(REACHABLE_MS),
  });
  return await answer.then(
    (response) => response.ok,
    () => false,
  );
}
