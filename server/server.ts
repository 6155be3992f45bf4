/** The language server: what it can do, and which handler does it. Answers `initialize` with nothing loaded. */
import {
  CodeActionKind,
  DidChangeConfigurationNotification,
  TextDocumentSyncKind,
  type Connection,
  type InitializeParams,
  type InitializeResult,
} from "vscode-languageserver";
import { InitializationOptions } from "./protocol/client.ts";
import { CLIENT_NOTIFICATIONS, SERVER_NOTIFICATIONS } from "./protocol/requests.ts";
import { DEFAULT_SETTINGS, readSettings, SETTINGS_SECTION } from "./protocol/settings.ts";
import { speakToEditor } from "./protocol/surface.ts";
import { codeActions } from "./handlers/actions.ts";
import { Checks } from "./handlers/checks.ts";
import { serverCommands, show } from "./handlers/commands.ts";
import { followOptedOut } from "./handlers/consent.ts";
import { Documents, type OpenDocument } from "./handlers/documents.ts";
import { endpointKey } from "./handlers/endpoint-key.ts";
import { hoverAt } from "./handlers/hover.ts";
import { inlayHints } from "./handlers/hints.ts";
import { LazyRuntime } from "./handlers/lazy-runtime.ts";
import { codeLenses } from "./handlers/lenses.ts";
import { Marks } from "./handlers/marks.ts";
import { MathImages } from "./handlers/math-images.ts";
import { say } from "./handlers/messages.ts";
import { documentSymbols, foldingRanges } from "./handlers/outline.ts";
import { registerRequests, requestHandlers, type RequestHandlers } from "./handlers/requests.ts";
import { Searches } from "./handlers/searches.ts";
import type { EditorServices } from "./handlers/services.ts";
import type { ClientAbilities, Session } from "./handlers/session.ts";
import { signalOf } from "./handlers/signals.ts";
import { StatusReporter } from "./handlers/status.ts";
import { TraceLibrary } from "./handlers/trace-library.ts";
import { Rechecks } from "./handlers/verifying.ts";
import { version } from "./version.ts";

/** What serves one client. */
interface Parts {
  readonly session: Session;
  readonly status: StatusReporter;
  readonly marks: Marks;
  readonly rechecks: Rechecks;
  readonly images: MathImages;
  readonly handlers: RequestHandlers;
}

/** Serves a client until it goes away. */
export function startServer(connection: Connection, services: EditorServices): void {
  speakToEditor();
  const opened = openSession(connection, services);
  const { session, status, marks } = opened;
  const rechecks = new Rechecks(session);
  const parts: Parts = {
    ...opened,
    rechecks,
    images: new MathImages(session.client.display),
    handlers: requestHandlers(session, status, rechecks),
  };
  const settings = followSettings(parts);
  registerRequests(connection, parts.handlers, settings.inUse);
  initialize(parts, settings);
  followClient(parts);
  followDocuments(parts);
  answerFeatures(parts);
  connection.onShutdown(async () => {
    session.searches.stopAll();
    status.dispose();
    marks.dispose();
    await session.runtime.close();
  });
  session.documents.listen(connection);
  connection.listen();
}

/** The session, and what tells the client of its changes: each knows the others. */
function openSession(
  connection: Connection,
  services: EditorServices,
): Pick<Parts, "session" | "status" | "marks"> {
  const session: Session = {
    connection,
    services,
    documents: new Documents(),
    settings: DEFAULT_SETTINGS,
    client: InitializationOptions.parse({}),
    abilities: abilitiesOf({}),
    checks: new Checks(),
    runtime: new LazyRuntime(
      services,
      () => session.settings,
      { say: (line) => status.say(line), download: () => undefined },
      () => status.say(null),
      (url) => endpointKey(session, url),
    ),
    library: new TraceLibrary(
      () => services.traces(session.settings.model.dataFolder),
      (ids) =>
        say(
          connection,
          "done",
          `${ids.length === 1 ? "A search" : `${ids.length} searches`} that the server's end interrupted ${ids.length === 1 ? "is" : "are"} kept: Resume goes on from there.`,
        ),
    ),
    searches: new Searches(
      () => session.settings.search.concurrentProblems,
      {
        news: (news) => void connection.sendNotification(SERVER_NOTIFICATIONS.search.method, news),
        changed: ({ uri }) => {
          status.update();
          if (uri !== "") session.changed(uri);
        },
      },
      () => performance.now(),
    ),
    changed: (uri) => marks.changed(uri),
  };
  const status = new StatusReporter(
    session,
    (value) => void connection.sendNotification(SERVER_NOTIFICATIONS.status.method, value),
  );
  const marks = new Marks(session);
  return { session, status, marks };
}

/** The client's settings as they come in. */
interface SettingsInUse {
  /** Takes settings into use and tells what is not usable of them. */
  readonly use: (value: unknown) => void;
  /** Asks the client for them. */
  readonly ask: () => void;
  /** Ends when those that the client last told of are in use. */
  readonly inUse: () => Promise<void>;
}

function followSettings({ session, status, rechecks }: Parts): SettingsInUse {
  const { connection, documents } = session;
  let settling: Promise<void> = Promise.resolve();
  const use = (value: unknown): void => {
    const { settings, problems } = readSettings(value);
    const before = session.settings;
    session.settings = settings;
    if (settings.verifier.recheck !== before.verifier.recheck) {
      rechecks.end();
      // Many clients open documents before they tell their settings.
      for (const uri of documents.uris()) rechecks.begin(uri, "onOpen");
    }
    for (const problem of problems) say(connection, "trouble", problem);
    documents.use(settings.document);
    if (before.model.dataFolder !== settings.model.dataFolder) session.library.reopen();
    for (const uri of documents.uris()) session.changed(uri);
    status.update();
  };
  const ask = (): void => {
    settling = connection.workspace
      .getConfiguration(SETTINGS_SECTION)
      // Of many editors' clients: null, where what `initialize` brought is all that there is.
      .then((value: unknown) => use(value ?? session.client.settings))
      .catch((error: unknown) => connection.console.error(`The settings cannot be read: ${String(error)}`));
  };
  connection.onDidChangeConfiguration(({ settings }: { settings: unknown }) => {
    if (session.abilities.configuration) ask();
    else if (typeof settings === "object" && settings !== null && SETTINGS_SECTION in settings)
      use(settings[SETTINGS_SECTION]);
  });
  return { use, ask, inUse: () => settling };
}

function initialize({ session, images, handlers }: Parts, { use, ask }: SettingsInUse): void {
  const { connection } = session;
  connection.onInitialize((params): InitializeResult => {
    const options = InitializationOptions.safeParse(params.initializationOptions ?? {});
    session.abilities = abilitiesOf(params.capabilities);
    if (options.success) {
      session.client = options.data;
      images.display = options.data.display;
      session.settings = readSettings(options.data.settings).settings;
      session.documents.use(session.settings.document);
    } else {
      // What they say of trust cannot be known either.
      session.client = { ...session.client, trusted: false };
      const what = "The initialization options are not usable, so defaults hold and nothing is run";
      connection.console.warn(`${what}: ${options.error.message}`);
      say(
        connection,
        "trouble",
        `${what}: mend or remove them and restart the server. Stored solutions can be read; the log has the details.`,
      );
    }
    return initializeResult(session, serverCommands(connection, handlers).keys());
  });
  connection.onInitialized(() => {
    if (!session.abilities.configuration) {
      // They are in use already: this tells what is not usable of them.
      use(session.client.settings);
      return;
    }
    // Others tell of changes unasked, or not at all.
    if (session.abilities.registersConfiguration)
      connection.client
        .register(DidChangeConfigurationNotification.type, { section: SETTINGS_SECTION })
        .catch((error: unknown) =>
          connection.console.warn(`Changed settings are not heard of: ${String(error)}`),
        );
    ask();
  });
}

function followClient({ session, images, rechecks }: Parts): void {
  const { connection } = session;
  connection.onNotification(CLIENT_NOTIFICATIONS.didChangeDisplay.method, (raw: unknown) => {
    const display = CLIENT_NOTIFICATIONS.didChangeDisplay.params.safeParse(raw);
    if (!display.success) return;
    images.display = display.data;
    session.client = { ...session.client, display: display.data };
  });
  connection.onNotification(CLIENT_NOTIFICATIONS.didGrantTrust.method, () => {
    if (session.client.trusted) return;
    session.client = { ...session.client, trusted: true };
    // Until now nothing of them was run.
    for (const uri of session.documents.uris()) rechecks.begin(uri, "onOpen");
  });
}

function followDocuments({ session, marks, rechecks }: Parts): void {
  const { connection, documents } = session;
  documents.onDidChange(({ document }) => marks.edited(document.uri));
  documents.onDidClose(({ document }) => {
    rechecks.end(document.uri);
    session.checks.forget(document.uri);
    marks.clear(document.uri);
  });
  documents.onDidOpen(({ document }) => rechecks.begin(document.uri, "onOpen"));
  documents.onDidSave(({ document }) => rechecks.begin(document.uri, "onSave"));
  let following = Promise.resolve();
  connection.workspace.onDidRenameFiles(({ files }) => {
    for (const { oldUri, newUri } of files) session.searches.rename(oldUri, newUri);
    // In turn: the second renaming of a file begins with what the first one wrote.
    following = following.then(() => followOptedOut(session, files));
  });
}

function answerFeatures({ session, marks, images, handlers }: Parts): void {
  const { connection } = session;
  const read = <T, N>(uri: string, none: N, work: (document: OpenDocument) => T): T | N => {
    const document = session.documents.get(uri);
    return document === null ? none : work(document);
  };
  connection.onCodeLens(({ textDocument: { uri } }) => {
    marks.readStore(uri);
    return read(uri, [], (document) => codeLenses(session, document));
  });
  connection.languages.inlayHint.on(({ textDocument: { uri }, range }) =>
    read(uri, [], (document) => inlayHints(session, document, range)),
  );
  connection.onHover(({ textDocument: { uri }, position }) =>
    read(uri, null, (document) => hoverAt(session, document, position, images.typeset)),
  );
  connection.onCodeAction(({ textDocument: { uri }, range, context }) =>
    read(uri, [], (document) => codeActions(session, document, range, context.diagnostics)),
  );
  connection.onDocumentSymbol(({ textDocument: { uri } }) => read(uri, [], documentSymbols));
  connection.onFoldingRanges(({ textDocument: { uri } }) => read(uri, [], foldingRanges));
  connection.onExecuteCommand(async ({ command, arguments: [argument] = [] }, token) => {
    const run = serverCommands(connection, handlers).get(command);
    const shown = (await run?.(argument, signalOf(token))) ?? null;
    if (shown !== null) show(connection, shown);
    return shown;
  });
}

function abilitiesOf(capabilities: InitializeParams["capabilities"]): ClientAbilities {
  const { workspace, window } = capabilities;
  return {
    versionedEdits: workspace?.workspaceEdit?.documentChanges === true,
    workDoneProgress: window?.workDoneProgress === true,
    configuration: workspace?.configuration === true,
    registersConfiguration: workspace?.didChangeConfiguration?.dynamicRegistration === true,
    refreshLenses: workspace?.codeLens?.refreshSupport === true,
    refreshHints: workspace?.inlayHint?.refreshSupport === true,
  };
}

function initializeResult(session: Session, commands: Iterable<string>): InitializeResult {
  // Any name: a file is Markdown where the editor takes it for that, and what was left out must not come in by another.
  const files = { filters: [{ scheme: "file", pattern: { glob: "**" } }] };
  return {
    serverInfo: { name: "rStar Math", version },
    capabilities: {
      textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
      codeLensProvider: {},
      hoverProvider: true,
      inlayHintProvider: {},
      codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix, CodeActionKind.Refactor] },
      documentSymbolProvider: true,
      foldingRangeProvider: true,
      workspace: { fileOperations: { didRename: files } },
      // An editor that has the commands itself would find them taken.
      ...(session.client.commands === "server"
        ? { executeCommandProvider: { commands: [...commands] } }
        : {}),
    },
  };
}
