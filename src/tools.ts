/** What other programs in the editor may call: two language model tools, and the same two over MCP where that exists. */
import path from "node:path";
import * as vscode from "vscode";
import type { Disposes } from "./disposes.ts";
import { expandHome } from "../server/protocol/paths.ts";
import { speakToEditor } from "../server/protocol/surface.ts";
import { endpointOfProgram } from "./endpoint.ts";
import type { Server } from "./server.ts";
import { readParams } from "./protocol.ts";
import { serverProgram, serverVariables } from "./server-process.ts";

/** `lm.registerMcpServerDefinitionProvider`, since VS Code 1.101; described here because the oldest host lacks it. */
interface McpHost {
  readonly lm: {
    readonly registerMcpServerDefinitionProvider?: (
      id: string,
      provider: {
        readonly onDidChangeMcpServerDefinitions: vscode.Event<void>;
        provideMcpServerDefinitions(): Promise<unknown[]>;
      },
    ) => vscode.Disposable;
  };
  readonly McpStdioServerDefinition?: new (
    label: string,
    command: string,
    args: string[],
    env?: Record<string, string>,
    version?: string,
  ) => unknown;
}

/** Registers what this host knows. Nothing is started. */
export function registerTools(context: vscode.ExtensionContext, server: Server): Disposes[] {
  // Not every editor built on VS Code has language model tools, whatever its type declarations say.
  const lm = (vscode as Partial<typeof vscode>).lm as Partial<typeof vscode.lm> | undefined;
  const registered: Disposes[] = [];
  if (typeof lm?.registerTool === "function")
    registered.push(
      vscode.lm.registerTool("solve_math_problem", solveTool(server)),
      vscode.lm.registerTool("verify_math_step", verifyTool(server)),
    );
  registered.push(...mcpProvider(context, server.log));
  return registered;
}

function solveTool(server: Server): vscode.LanguageModelTool<unknown> {
  return {
    prepareInvocation: () => ({
      invocationMessage: vscode.l10n.t("Searching for a solution on this machine"),
    }),
    invoke: async ({ input }, token) => {
      const params = await readParams("solveText", input);
      if (!params.success) return text(badInput("solve_math_problem", params.why));
      const answer = await server.ask("solveText", params.data, token);
      if (token.isCancellationRequested) throw new vscode.CancellationError();
      return text(answer?.text ?? NO_ANSWER);
    },
  };
}

function verifyTool(server: Server): vscode.LanguageModelTool<unknown> {
  return {
    prepareInvocation: () => ({ invocationMessage: vscode.l10n.t("Running a step in the sandbox") }),
    invoke: async ({ input }, token) => {
      const params = await readParams("verifyStep", input);
      if (!params.success) return text(badInput("verify_math_step", params.why));
      const answer = await server.ask("verifyStep", params.data, token);
      if (token.isCancellationRequested) throw new vscode.CancellationError();
      return text(answer?.text ?? NO_ANSWER);
    },
  };
}

/** For the calling model, hence not translated. */
const NO_ANSWER = "The rStar Math server gave no answer; nothing was solved or checked. Try again.";
const badInput = (tool: string, problem: string): string =>
  `The input of ${tool} has the wrong shape, so nothing was run: ${problem}`;

function text(value: string): vscode.LanguageModelToolResult {
  return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(value)]);
}

/**
 * The models and the data folder of the settings, as the program takes them; what is left empty is its own default. A
 * server's policy takes the place of one of this machine, and a relative folder is refused, which the server tells.
 */
function modelsOfProgram(hasServer: boolean): {
  readonly models: readonly string[];
  readonly home: Readonly<Record<string, string>>;
} {
  const settings = vscode.workspace.getConfiguration("rstarMath.model");
  const named = (option: string, id: string): string[] => (id === "" ? [] : [option, id]);
  const folder = expandHome(settings.get<string>("dataFolder", ""));
  return {
    models: [
      ...(hasServer ? [] : named("--model", settings.get<string>("policy", ""))),
      ...named("--ppm", settings.get<string>("ppm", "")),
    ],
    // The variable wins over the setting, as it does for the language server.
    home: path.isAbsolute(folder) && (process.env["RSTAR_HOME"] ?? "") === "" ? { RSTAR_HOME: folder } : {},
  };
}

/** The MCP server over stdio that the package carries; the host starts it when it is first used. */
function mcpProvider(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Disposes[] {
  const { lm, McpStdioServerDefinition: Definition } = vscode as unknown as McpHost;
  if (typeof lm.registerMcpServerDefinitionProvider !== "function" || Definition === undefined) return [];
  const program = vscode.Uri.joinPath(context.extensionUri, "dist", "cli.cjs").fsPath;
  const { version } = context.extension.packageJSON as { readonly version: string };
  // The host asks once, and again when it is told: an address that was taken out of the settings is not to be used on.
  const changed = new vscode.EventEmitter<void>();
  const provider = {
    onDidChangeMcpServerDefinitions: changed.event,
    provideMcpServerDefinitions: async () => {
      // In an untrusted folder nothing may run.
      if (!vscode.workspace.isTrusted) return [];
      const runtime = await serverProgram();
      if (runtime.kind === "unusable") {
        log.warn(runtime.reason);
        return [];
      }
      const node = runtime.kind === "editor" ? process.execPath : runtime.file;
      const { options, environment } = await endpointOfProgram(context, log);
      const { models, home } = modelsOfProgram(options.length > 0);
      const variables = { ...serverVariables(), ELECTRON_RUN_AS_NODE: "1", ...home, ...environment };
      speakToEditor(variables);
      return [
        new Definition("rStar Math", node, [program, "mcp", ...models, ...options], variables, version),
      ];
    },
  };
  try {
    return [
      lm.registerMcpServerDefinitionProvider("rstarMath.mcp", provider),
      changed,
      vscode.workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
      context.secrets.onDidChange(() => changed.fire()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("rstarMath")) changed.fire();
      }),
    ];
  } catch (error) {
    // VS Code 1.100 has an earlier form of it, which asks for another point of the manifest.
    log.info(
      `No MCP server is offered on this host: ${error instanceof Error ? error.message : String(error)}`,
    );
    return [];
  }
}
