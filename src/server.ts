/**
 * The language server as the editor sees it: started on first use in a process of its own, asked by typed requests,
 * restarted when it ends by itself. A crash costs no document and no editor.
 */
import { randomUUID } from "node:crypto";
import path from "node:path";
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { displayOf } from "./display.ts";
import { storedKey } from "./endpoint.ts";
import { readSchemas } from "./protocol.ts";
import type {
  News,
  NewsName,
  NoticeName,
  NoticeParams,
  RequestName,
  RequestParams,
  RequestResult,
} from "./protocol.ts";
import { serverProgram, serverVariables } from "./server-process.ts";

/**
 * Where documents that are looked at come from: not the left side of a comparison with another version, or a notebook's
 * cell. The manifest's conditions name the same.
 */
export const SCHEMES: readonly string[] = ["file", "untitled", "vscode-vfs"];
/** Kinds of documents that are looked at. */
export const MARKDOWN = SCHEMES.map((scheme) => ({ language: "markdown", scheme }));

type Listener = (name: NewsName, params: unknown) => void;

/** In the place of an answer of a server that was stopped before it gave one. */
const STOPPED = Symbol("stopped");

const CRASHES = 4;
const CRASH_WINDOW_MS = 180_000;

/** What the connection is doing. */
export type ServerState = "stopped" | "starting" | "running" | "crashed";

/** One for the whole extension. Does nothing until it is asked for something. */
export class Server implements vscode.Disposable {
  readonly log: vscode.LogOutputChannel;
  readonly #context: vscode.ExtensionContext;
  readonly #listeners = new Set<Listener>();
  readonly #changed = new vscode.EventEmitter<ServerState>();
  readonly onDidChangeState = this.#changed.event;
  readonly #stopped = new vscode.EventEmitter<LanguageClient>();
  #client: Promise<LanguageClient | null> | null = null;
  #state: ServerState = "stopped";
  #hasFailed = false;
  #crashes: number[] = [];

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.#context = context;
    this.log = log;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Whether it could not be started, or ended too often: then only a person starts it, and a document does not. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Hears a notification of the server, in this run of it and in all later ones, until the result is disposed. */
  on<K extends NewsName>(name: K, listener: (params: News<K>) => void): vscode.Disposable {
    const one: Listener = (other, params) => {
      if (other === name) listener(params as News<K>);
    };
    this.#listeners.add(one);
    return new vscode.Disposable(() => this.#listeners.delete(one));
  }

  /** Starts the server if it is not running. False when it cannot be started; the person was told why. */
  async start(): Promise<boolean> {
    return (await this.#running()) !== null;
  }

  /**
   * Asks the server, starting it first if need be. Null when there is no answer: the request was cancelled or failed, or
   * the server could not be started or ended before it answered, which the person was told.
   */
  async ask<K extends RequestName>(
    name: K,
    params: RequestParams<K>,
    token?: vscode.CancellationToken,
  ): Promise<RequestResult<K> | null> {
    const client = await this.#running();
    if (client === null) return null;
    const spec = (await readSchemas()).REQUESTS[name];
    let answer: unknown;
    try {
      answer = await this.#unlessStopped(
        client,
        token === undefined
          ? client.sendRequest(spec.method, params)
          : client.sendRequest(spec.method, params, token),
      );
      if (answer === STOPPED) return null;
    } catch (error) {
      if (token?.isCancellationRequested === true) return null;
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error(`${spec.method}: ${reason}`);
      if (isFailure(error)) void this.#tellFailure(reason);
      return null;
    }
    const parsed = spec.result.safeParse(answer);
    if (parsed.success) return parsed.data as RequestResult<K>;
    const reason = `${spec.method} was answered in the wrong shape`;
    this.log.error(`${reason}: ${parsed.error.message}`);
    void this.#tellFailure(reason);
    return null;
  }

  /** A server that had to be killed leaves its requests open for ever. */
  async #unlessStopped(client: LanguageClient, request: Promise<unknown>): Promise<unknown> {
    const listening: vscode.Disposable[] = [];
    const stopped = new Promise((resolve) => {
      this.#stopped.event(
        (one) => {
          if (one === client) resolve(STOPPED);
        },
        null,
        listening,
      );
    });
    try {
      return await Promise.race([request, stopped]);
    } finally {
      for (const one of listening) one.dispose();
    }
  }

  /** The same for a request that takes long: hears in words where it stands, in the place of a display of its own. */
  async askAtLength<K extends RequestName>(
    name: K,
    params: RequestParams<K>,
    report: (message: string) => void,
    token?: vscode.CancellationToken,
  ): Promise<RequestResult<K> | null> {
    const client = await this.#running();
    if (client === null) return null;
    const { WorkDoneProgress } = await import("./language-client.ts");
    const workDoneToken = randomUUID();
    const hearing = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
      if (value.kind !== "end" && value.message !== undefined) report(value.message);
    });
    try {
      return await this.ask(name, { ...(params as object), workDoneToken } as RequestParams<K>, token);
    } finally {
      hearing.dispose();
    }
  }

  /** Tells the server something, if it is running. */
  async tell<K extends NoticeName>(name: K, params: NoticeParams<K>): Promise<void> {
    if (this.#state !== "running") return;
    const client = await this.#client;
    const { method } = (await readSchemas()).CLIENT_NOTIFICATIONS[name];
    await client?.sendNotification(method, params);
  }

  /** Ends the server and starts it again. */
  async restart(): Promise<boolean> {
    await this.stop();
    this.#crashes = [];
    return await this.start();
  }

  /** Ends the server. */
  async stop(): Promise<void> {
    const ending = this.#client;
    this.#client = null;
    const client = await ending;
    this.#become("stopped");
    if (client === null) return;
    await client.stop().catch((error: unknown) => this.log.warn(String(error)));
    this.#stopped.fire(client);
  }

  dispose(): void {
    void this.stop().then(() => this.#stopped.dispose());
    this.#changed.dispose();
  }

  async #running(): Promise<LanguageClient | null> {
    this.#client ??= this.#launch();
    return await this.#client;
  }

  async #launch(): Promise<LanguageClient | null> {
    this.#become("starting");
    const program = await serverProgram();
    if (program.kind === "unusable") return this.#failed(program.reason);
    // Here and not at the top: activation must not pay for it.
    const { LanguageClient, TransportKind, State, CloseAction, ErrorAction } =
      await import("./language-client.ts");
    const { CLIENT_REQUESTS, SERVER_NOTIFICATIONS } = await readSchemas();
    const module = vscode.Uri.joinPath(this.#context.extensionUri, "dist", "server.mjs").fsPath;
    const run = {
      module,
      transport: TransportKind.ipc,
      ...(program.kind === "other" ? { runtime: program.file } : {}),
      // Without it the server would start in the folder that is open, and Windows take its files for programs.
      options: { cwd: path.dirname(module), env: serverVariables() },
    };
    /** `given-up`: nothing more is heard of this one. */
    let life = "new" as "new" | "started" | "given-up";
    const client = new LanguageClient(
      "rstarMath",
      "rStar Math",
      { run, debug: run },
      {
        documentSelector: [...MARKDOWN],
        outputChannel: this.log,
        // Made anew for each start: a server that is restarted starts with what holds then.
        initializationOptions: () => ({
          settings: vscode.workspace.getConfiguration("rstarMath"),
          display: displayOf(),
          commands: "client",
          keepsKeys: true,
          trusted: vscode.workspace.isTrusted,
        }),
        markdown: { isTrusted: { enabledCommands: HOVER_COMMANDS }, supportHtml: false },
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => ({
            // One that never ran would not the next time.
            action: life === "started" && this.#mayRestart() ? CloseAction.Restart : CloseAction.DoNotRestart,
            handled: true,
          }),
        },
      },
    );
    for (const [name, { method, params }] of Object.entries(SERVER_NOTIFICATIONS))
      client.onNotification(method, (sent: unknown) => {
        const parsed = params.safeParse(sent);
        if (!parsed.success) this.log.warn(`${method} had the wrong shape: ${parsed.error.message}`);
        else for (const listener of this.#listeners) listener(name as NewsName, parsed.data);
      });
    client.onRequest(CLIENT_REQUESTS.endpointKey.method, async (params: unknown) => {
      const { origin } = CLIENT_REQUESTS.endpointKey.params.parse(params);
      return { key: await storedKey(this.#context, origin, this.log) };
    });
    client.onDidChangeState(({ newState }) => {
      if (life === "given-up") return;
      if (newState === State.Running) {
        life = "started";
        this.#hasFailed = false;
        this.#become("running");
      } else if (newState === State.Starting) this.#become("starting");
      else if (newState === State.StartFailed) {
        // The first start says so itself, below.
        if (life === "new") return;
        life = "given-up";
        this.#failed(vscode.l10n.t("it ended again while it was started."));
      } else if (this.#client !== null && this.#state !== "starting") this.#crashed();
    });
    try {
      await client.start();
      return client;
    } catch (error) {
      if (life === "started") return client;
      life = "given-up";
      return this.#failed(error instanceof Error ? error.message : String(error));
    }
  }

  #failed(reason: string): null {
    this.#client = null;
    this.#hasFailed = true;
    this.#become("stopped");
    // Whoever waits for the server need not wait until this is dismissed.
    void this.#tellError(
      vscode.l10n.t("The rStar Math server could not be started: {0} Your documents are untouched.", reason),
    );
    return null;
  }

  #mayRestart(): boolean {
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    return this.#crashes.length < CRASHES;
  }

  #crashed(): void {
    if (this.#crashes.length < CRASHES) {
      this.#become("crashed");
      void this.#tellWarning();
      return;
    }
    this.#client = null;
    this.#hasFailed = true;
    this.#become("stopped");
    void this.#tellError(
      vscode.l10n.t(
        "The rStar Math server ended {0} times within three minutes and was not started again. Your documents are untouched and what searches had found is kept.",
        CRASHES,
      ),
    );
  }

  async #tellWarning(): Promise<void> {
    const show = vscode.l10n.t("Show Log");
    const chosen = await vscode.window.showWarningMessage(
      vscode.l10n.t(
        "The rStar Math server ended unexpectedly and was started again. Your documents are untouched; searches that were running are kept as far as they had come and can be resumed.",
      ),
      show,
    );
    if (chosen === show) this.log.show();
  }

  async #tellError(message: string): Promise<void> {
    const show = vscode.l10n.t("Show Log");
    const again = vscode.l10n.t("Restart Server");
    const chosen = await vscode.window.showErrorMessage(message, again, show);
    if (chosen === show) this.log.show();
    if (chosen === again) await this.restart();
  }

  /** Of a request that went wrong in the server; the server goes on. */
  async #tellFailure(reason: string): Promise<void> {
    const show = vscode.l10n.t("Show Log");
    const message = vscode.l10n.t(
      "The rStar Math server could not answer ({0}). What is stored is kept; the log may say more.",
      reason,
    );
    if ((await vscode.window.showErrorMessage(message, show)) === show) this.log.show();
  }

  #become(state: ServerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#changed.fire(state);
  }
}

/** The commands that links in hovers may run; no others. */
const HOVER_COMMANDS = ["rstarMath.useAlternative"];

/** Whether the server answered that something went wrong: cancellations and its end have codes of their own. */
function isFailure(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "number" && JSON_RPC_ERRORS.first <= code && code <= JSON_RPC_ERRORS.last;
}

/** From a message that cannot be parsed to an error of the handler. */
const JSON_RPC_ERRORS = { first: -32_700, last: -32_600 };
