/** An editor in memory: a client on the server's other end that keeps documents, applies edits and counts undo steps. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import {
  createConnection,
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ApplyWorkspaceEditParams,
  type ApplyWorkspaceEditResult,
  type Diagnostic,
  type InitializeResult,
  type ProtocolConnection,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type * as z from "zod";
import type { EditorServices } from "../../server/handlers/services.ts";
import type { ResolvedModel } from "../../server/services.ts";
import type { Python, Runtime } from "../../server/compose.ts";
import type { ListedProblem } from "../../server/protocol/problem-list.ts";
import type { SearchNews } from "../../server/protocol/solving.ts";
import {
  REQUESTS,
  SERVER_NOTIFICATIONS,
  type ParamsOf,
  type RequestSpec,
} from "../../server/protocol/requests.ts";
import type { SearchServices } from "../../server/search/services.ts";
import { startServer } from "../../server/server.ts";
import { openTraceFiles, type TraceFiles } from "../../server/traces/files.ts";

/** What a test may replace. */
export interface ClientOptions {
  readonly services: SearchServices;
  /** Other services than those of the runtime, such as an opening that fails. */
  readonly editor?: Partial<EditorServices>;
  readonly settings?: object;
  readonly initializationOptions?: object;
  /** Where traces lie; by default a folder of the client's own that goes with it. */
  readonly home?: string;
  /** How the editor treats an edit: by default it applies what fits the document's version. */
  readonly acceptEdit?: (params: ApplyWorkspaceEditParams) => boolean;
  /** Sends versioned edits; plain editors do not. Default true. */
  readonly versionedEdits?: boolean;
}

export class TestClient {
  readonly connection: ProtocolConnection;
  readonly home: string;
  readonly traces: TraceFiles;
  readonly news: SearchNews[] = [];
  readonly messages: string[] = [];
  readonly diagnostics = new Map<string, readonly Diagnostic[]>();
  /** Edits that were applied, each one undo step. */
  readonly applied: ApplyWorkspaceEditParams[] = [];
  readonly progress: string[] = [];
  initialized: InitializeResult | null = null;
  readonly #documents = new Map<string, TextDocument>();
  readonly #options: ClientOptions;
  readonly #ownHome: boolean;
  #ids = 0;
  #settings: unknown;
  #configured: () => void = () => undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#settings = options.settings ?? null;
    this.#ownHome = options.home === undefined;
    this.home = options.home ?? mkdtempSync(path.join(tmpdir(), "rstar-server-"));
    this.traces = openTraceFiles(path.join(this.home, "traces.jsonl"));
    const [up, down] = [new PassThrough(), new PassThrough()];
    startServer(
      createConnection(new StreamMessageReader(up), new StreamMessageWriter(down)),
      this.#services(),
    );
    this.connection = createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
    this.#answer();
    this.connection.listen();
  }

  #services(): EditorServices {
    const { services, editor } = this.#options;
    const nothing = (): Promise<void> => Promise.resolve();
    const life = { warm: nothing, dispose: nothing, stats: () => NO_STATS };
    const python = {
      sandbox: { ...services.sandbox, ...life },
      grader: { ...services.grader, ...life },
      dispose: nothing,
    } as unknown as Python;
    const runtime: Runtime = {
      services,
      models: { policy: POLICY_FILE, ppm: null },
      backend: null,
      why: "a script",
      stats: () => NO_STATS,
      dispose: () => Promise.resolve(),
    };
    return {
      openRuntime: () => Promise.resolve({ kind: "ready", runtime }),
      openPython: () => Promise.resolve(python),
      traces: () => Promise.resolve(this.traces),
      models: () => Promise.reject(new Error("this test has no models")),
      setupReport: () => Promise.resolve("rStar Math 0, a test"),
      startTraining: () => Promise.reject(new Error("this test trains nothing")),
      filesRevision: () => Promise.resolve("none"),
      now: () => new Date("2026-01-01T00:00:00.000Z"),
      newTraceId: () => `t-${++this.#ids}`,
      ...editor,
    };
  }

  #answer(): void {
    const { connection } = this;
    connection.onRequest("workspace/applyEdit", (params: ApplyWorkspaceEditParams) => this.#apply(params));
    connection.onRequest("workspace/configuration", () => {
      this.#configured();
      return [this.#settings];
    });
    connection.onRequest("client/registerCapability", () => null);
    connection.onRequest("window/workDoneProgress/create", () => null);
    connection.onRequest("workspace/codeLens/refresh", () => null);
    connection.onRequest("workspace/inlayHint/refresh", () => null);
    connection.onRequest("window/showMessageRequest", ({ message }: { message: string }) => {
      this.messages.push(message);
      return null;
    });
    connection.onNotification("$/progress", ({ value }: { value: { message?: string } }) => {
      if (value.message !== undefined) this.progress.push(value.message);
    });
    connection.onNotification("window/showMessage", ({ message }: { message: string }) => {
      this.messages.push(message);
    });
    connection.onNotification(
      "textDocument/publishDiagnostics",
      ({ uri, diagnostics }: { uri: string; diagnostics: Diagnostic[] }) => {
        this.diagnostics.set(uri, diagnostics);
      },
    );
    connection.onNotification(SERVER_NOTIFICATIONS.search.method, (news: unknown) => {
      this.news.push(SERVER_NOTIFICATIONS.search.params.parse(news));
    });
  }

  async start(): Promise<this> {
    this.initialized = await this.connection.sendRequest("initialize", {
      processId: null,
      rootUri: null,
      capabilities: {
        workspace: {
          configuration: true,
          didChangeConfiguration: { dynamicRegistration: true },
          workspaceEdit: { documentChanges: this.#options.versionedEdits ?? true },
          codeLens: { refreshSupport: true },
          inlayHint: { refreshSupport: true },
        },
        window: { workDoneProgress: true },
      },
      initializationOptions: this.#options.initializationOptions,
    });
    const configured = new Promise<void>((resolve) => {
      this.#configured = resolve;
    });
    await this.connection.sendNotification("initialized", {});
    await configured;
    // Answers come in order: after this one the settings are in use.
    await this.ask("status", {});
    return this;
  }

  async stop(): Promise<void> {
    await this.connection.sendRequest("shutdown");
    this.connection.dispose();
    if (this.#ownHome) rmSync(this.home, { recursive: true, force: true });
  }

  async open(uri: string, text: string): Promise<void> {
    this.#documents.set(uri, TextDocument.create(uri, "markdown", 1, text));
    await this.connection.sendNotification("textDocument/didOpen", {
      textDocument: { uri, languageId: "markdown", version: 1, text },
    });
  }

  async close(uri: string): Promise<void> {
    this.#documents.delete(uri);
    await this.connection.sendNotification("textDocument/didClose", { textDocument: { uri } });
  }

  /** The person changes settings. */
  async configure(settings: unknown): Promise<void> {
    this.#settings = settings;
    await this.connection.sendNotification("workspace/didChangeConfiguration", { settings: null });
  }

  text(uri: string): string {
    return this.#documents.get(uri)?.getText() ?? "";
  }

  /** The person types: `newText` takes the place of what was there between the offsets. */
  async type(uri: string, start: number, end: number, newText: string): Promise<void> {
    const document = this.#documents.get(uri);
    if (document === undefined) throw new Error(`${uri} is not open`);
    const range = { start: document.positionAt(start), end: document.positionAt(end) };
    const version = document.version + 1;
    const change = { range, text: newText };
    TextDocument.update(document, [change], version);
    await this.connection.sendNotification("textDocument/didChange", {
      textDocument: { uri, version },
      contentChanges: [change],
    });
  }

  position(uri: string, needle: string): { line: number; character: number } {
    const document = this.#documents.get(uri);
    const at = document?.getText().indexOf(needle) ?? -1;
    if (document === undefined || at < 0) throw new Error(`${needle} is not in ${uri}`);
    return document.positionAt(at);
  }

  /** One of the server's own requests, its answer checked. */
  async ask<K extends keyof typeof REQUESTS>(
    name: K,
    params: ParamsOf<(typeof REQUESTS)[K]>,
  ): Promise<z.output<(typeof REQUESTS)[K]["result"]>> {
    const spec: RequestSpec = REQUESTS[name];
    const answer: unknown = await this.connection.sendRequest(spec.method, params);
    return spec.result.parse(answer) as z.output<(typeof REQUESTS)[K]["result"]>;
  }

  async problems(uri: string): Promise<readonly ListedProblem[]> {
    return (await this.ask("problems", { uri })).problems;
  }

  async #apply(params: ApplyWorkspaceEditParams): Promise<ApplyWorkspaceEditResult> {
    if (this.#options.acceptEdit?.(params) === false)
      return { applied: false, failureReason: "the file is read-only" };
    const [versioned] = params.edit.documentChanges ?? [];
    const [plain] = Object.entries(params.edit.changes ?? {});
    const target =
      versioned !== undefined && "textDocument" in versioned
        ? { uri: versioned.textDocument.uri, version: versioned.textDocument.version, edits: versioned.edits }
        : { uri: plain?.[0] ?? "", version: null, edits: plain?.[1] ?? [] };
    const document = this.#documents.get(target.uri);
    if (document === undefined || (target.version !== null && target.version !== document.version))
      return { applied: false, failureReason: "the document changed" };
    this.applied.push(params);
    // All are of the text before the first of them.
    const last = target.edits.toSorted(
      (a, b) => document.offsetAt(b.range.start) - document.offsetAt(a.range.start),
    );
    for (const edit of last) {
      if (!("newText" in edit)) return { applied: false };
      await this.type(
        target.uri,
        document.offsetAt(edit.range.start),
        document.offsetAt(edit.range.end),
        edit.newText,
      );
    }
    return { applied: true };
  }
}

const POLICY_FILE: ResolvedModel = {
  id: "fake",
  role: "policy",
  path: "/nowhere/fake.gguf",
  sha256: "0".repeat(64),
  contextLength: 2048,
  parameters: 1,
  promptFormat: "bare",
};
/** A script counts nothing. */
const NO_STATS = { policy: { generatedTokens: 0 }, ppm: {} } as unknown as ReturnType<Runtime["stats"]>;
