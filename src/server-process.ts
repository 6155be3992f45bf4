/**
 * What the language server's process is started with: the program and the environment. The folder that is open has no
 * say in them, since it may be one that nobody trusts.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { expandHome } from "../server/protocol/paths.ts";

/** The program that runs the server: the Node inside the editor, another one by its whole path, or why there is none. */
export type ServerProgram =
  | { readonly kind: "editor" }
  | { readonly kind: "other"; readonly file: string }
  | { readonly kind: "unusable"; readonly reason: string };

/**
 * The program that the setting `server.nodePath` names. A bare name is looked for on the PATH here and now: the language
 * client would take a file of that name in the folder that is open, and Windows one in the current folder. Whether a
 * whole path is a program is told by its start.
 */
export async function serverProgram(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<ServerProgram> {
  const written = vscode.workspace.getConfiguration("rstarMath.server").get<string>("nodePath", "");
  const program = expandHome(written);
  if (program === "") return { kind: "editor" };
  if (path.isAbsolute(program)) return { kind: "other", file: program };
  if (!/^[^/\\:]+$/u.test(program))
    return {
      kind: "unusable",
      reason: vscode.l10n.t(
        "The setting rstarMath.server.nodePath is {0}, which would be another program in every folder. Write a whole path, one that begins with ~/, or the name of a program on the PATH.",
        written,
      ),
    };
  const file = await onPath(platform === "win32" ? withExtension(program) : program, environment);
  if (file !== null) return { kind: "other", file };
  return {
    kind: "unusable",
    reason: vscode.l10n.t(
      "The setting rstarMath.server.nodePath names {0}, and there is no such program on the PATH. Write its whole path, or leave the setting empty for the Node.js inside the editor.",
      written,
    ),
  };
}

/** Windows leaves it out. A script would need a shell to start it. */
function withExtension(name: string): string {
  return /\.(?:exe|com)$/iu.test(name) ? name : `${name}.exe`;
}

/** The first program of this name in the folders of the PATH. Those without a whole path mean the current folder. */
async function onPath(name: string, environment: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of (environment["PATH"] ?? "").split(path.delimiter)) {
    const file = path.join(folder, name);
    if (path.isAbsolute(folder) && (await isProgram(file))) return file;
  }
  return null;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** What the server's environment has besides the editor's own. */
export function serverVariables(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  return {
    ...proxyVariables(environment),
    // Windows looks for the server's python3, npm and taskkill in the current folder first, wherever that is.
    ...(platform === "win32" ? { NoDefaultCurrentDirectoryInExePath: "1" } : {}),
  };
}

/**
 * The editor's proxy as the variables that downloads of the server and its pip and npm read. Those of the person's own
 * system win. This machine is asked without it: what goes to a model here is not to leave it.
 */
function proxyVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  const settings = vscode.workspace.getConfiguration("http");
  const proxy = settings.get<string>("proxy", "").trim();
  if (proxy === "" || Object.keys(environment).some((name) => /^https?_proxy$/iu.test(name))) return {};
  const own = [environment["no_proxy"], environment["NO_PROXY"]].join(",").split(/[\s,]+/u);
  const named = new Set([...own, ...settings.get<readonly string[]>("noProxy", []), ...THIS_MACHINE]);
  named.delete("");
  // Some programs know the star only where it stands alone.
  const direct = named.has("*") ? "*" : [...named].join(",");
  // Node itself heeds them from version 24 on. Where both spellings are set, programs read the one in small letters.
  return {
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: "1" },
    ...{ NO_PROXY: direct, no_proxy: direct },
  };
}

/** Node wants the brackets, Python none. */
const THIS_MACHINE = ["localhost", "127.0.0.1", "::1", "[::1]"];
