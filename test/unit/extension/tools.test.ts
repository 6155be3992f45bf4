/** What other programs in the editor are offered follows the settings. */
import type * as vscodeTypes from "vscode";
import { expect, test, vi } from "vitest";
import type { Server } from "../../../src/server.ts";
import { EventEmitter, Uri } from "./fake-vscode.ts";

interface Provider {
  onDidChangeMcpServerDefinitions(listener: () => void): unknown;
  provideMcpServerDefinitions(): Promise<{ readonly args: readonly string[] }[]>;
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
      readonly args: readonly string[];
      constructor(_label: string, _command: string, args: readonly string[]) {
        this.args = args;
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

test("the MCP server is told anew when its settings change: a server taken out of them is not used on", async () => {
  const { registerTools } = await import("../../../src/tools.ts");
  const context = {
    extensionUri: Uri.parse("file:///extension"),
    extension: { packageJSON: { version: "1" } },
    secrets: { get: () => Promise.resolve(undefined), onDidChange: new EventEmitter().event },
  } as unknown as vscodeTypes.ExtensionContext;
  const url = "http://elsewhere:8080";
  const endpoint = { url, model: "", promptFormat: "bare", concurrentRequests: 8, timeoutSeconds: 120 };
  host.settings = { "rstarMath.endpoint": endpoint };
  registerTools(context, { log: { info: vi.fn(), warn: vi.fn() } } as unknown as Server);
  const provider = host.provider as Provider;
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
