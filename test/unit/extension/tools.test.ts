/** What other programs in the editor are offered follows the settings. */
import os from "node:os";
import path from "node:path";
import type * as vscodeTypes from "vscode";
import { expect, test, vi } from "vitest";
import type { Server } from "../../../src/server.ts";
import { EventEmitter, Uri } from "./fake-vscode.ts";

interface Definition {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Provider {
  onDidChangeMcpServerDefinitions(listener: () => void): unknown;
  provideMcpServerDefinitions(): Promise<Definition[]>;
}

/** What the settings say; what was registered, and what tells it that they changed. */
interface Host {
  settings: Record<string, unknown>;
  provider: unknown;
  changed: unknown;
}
const host = vi.hoisted((): Host => ({ settings: {}, provider: null, changed: null }));

vi.mock("vscode", async () => {
  const fake = await import("./fake-vscode.ts");
  const changed = new fake.EventEmitter<unknown>();
  host.changed = changed;
  return {
    ...fake,
    workspace: {
      ...fake.workspace,
      onDidChangeConfiguration: changed.event,
      getConfiguration: (section: string) => ({
        get: (name: string, value: unknown) => host.settings[`${section}.${name}`] ?? value,
      }),
    },
    McpStdioServerDefinition: class {
      readonly command: string;
      readonly args: readonly string[];
      readonly env: object;
      constructor(...[, command, args, env]: readonly [string, string, readonly string[], object]) {
        [this.command, this.args, this.env] = [command, args, env];
      }
    },
    lm: {
      registerMcpServerDefinitionProvider: (_id: string, provider: unknown) => {
        host.provider = provider;
        return new fake.Disposable(() => undefined);
      },
    },
  };
});

/** Registers the tools where the settings are these. */
async function providerWith(settings: Record<string, unknown>): Promise<Provider> {
  const { registerTools } = await import("../../../src/tools.ts");
  const context = {
    extensionUri: Uri.parse("file:///extension"),
    extension: { packageJSON: { version: "1" } },
    secrets: { get: () => Promise.resolve(undefined), onDidChange: new EventEmitter().event },
  } as unknown as vscodeTypes.ExtensionContext;
  host.settings = settings;
  registerTools(context, { log: { info: vi.fn(), warn: vi.fn() } } as unknown as Server);
  return host.provider as Provider;
}

test("the MCP server has the paths of the settings with ~ expanded, and speaks to an editor", async () => {
  const provider = await providerWith({
    "rstarMath.model.dataFolder": "~/data",
    "rstarMath.server.nodePath": "~/bin/node",
  });
  const [definition] = await provider.provideMcpServerDefinitions();
  expect(definition?.command).toBe(path.join(os.homedir(), "bin/node"));
  expect(definition?.env).toEqual({
    ...{ ELECTRON_RUN_AS_NODE: "1", RSTAR_SURFACE: "editor" },
    RSTAR_HOME: path.join(os.homedir(), "data"),
  });
  // As for the language server, which the variable reaches too.
  vi.stubEnv("RSTAR_HOME", "/elsewhere");
  expect((await provider.provideMcpServerDefinitions())[0]?.env).not.toHaveProperty("RSTAR_HOME");
  vi.unstubAllEnvs();
  // As in the server, which says that it is not usable.
  host.settings = { "rstarMath.model.dataFolder": "data" };
  expect((await provider.provideMcpServerDefinitions())[0]?.env).not.toHaveProperty("RSTAR_HOME");
});

test("the MCP server is none where its program would be another one in every folder", async () => {
  const provider = await providerWith({ "rstarMath.server.nodePath": "bin/node" });
  expect(await provider.provideMcpServerDefinitions()).toEqual([]);
});

test("the MCP server is told anew when its settings change: a server taken out of them is not used on", async () => {
  const url = "http://elsewhere:8080";
  const endpoint = { url, model: "", promptFormat: "bare", concurrentRequests: 8, timeoutSeconds: 120 };
  const provider = await providerWith({ "rstarMath.endpoint": endpoint });
  expect((await provider.provideMcpServerDefinitions())[0]?.args).toContain(url);

  let asks = 0;
  provider.onDidChangeMcpServerDefinitions(() => asks++);
  const changed = host.changed as EventEmitter<unknown>;
  changed.fire({ affectsConfiguration: (section: string) => section === "editor" });
  expect(asks).toBe(0);
  host.settings = {};
  changed.fire({ affectsConfiguration: (section: string) => section === "rstarMath" });
  expect(asks).toBe(1);
  expect((await provider.provideMcpServerDefinitions())[0]?.args).not.toContain(url);
});
