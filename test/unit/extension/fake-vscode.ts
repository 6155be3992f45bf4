/** As much of VS Code as the extension's parts need without one: `vi.mock("vscode", () => import("./fake-vscode.ts"))`. */

type Listener<T> = (value: T) => unknown;

export class Disposable {
  readonly dispose: () => void;

  constructor(dispose: () => void) {
    this.dispose = dispose;
  }
}

export class EventEmitter<T> {
  readonly #listeners = new Set<Listener<T>>();
  readonly event = (listener: Listener<T>): Disposable => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };

  fire(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class Uri {
  readonly #text: string;
  readonly fsPath: string;
  readonly path: string;
  readonly scheme: string;

  private constructor(text: string) {
    this.#text = text;
    this.path = text.replace(/^\w+:(?:\/\/)?/u, "");
    this.fsPath = this.path;
    this.scheme = text.split(":")[0] ?? "";
  }

  static parse(text: string): Uri {
    return new Uri(text);
  }

  static joinPath(base: Uri, ...parts: readonly string[]): Uri {
    return new Uri([base.toString(), ...parts].join("/"));
  }

  toString(): string {
    return this.#text;
  }
}

export class Range {
  readonly start: unknown;
  readonly end: unknown;

  constructor(...[startLine, startCharacter, endLine, endCharacter]: readonly unknown[]) {
    this.start = endLine === undefined ? startLine : { line: startLine, character: startCharacter };
    this.end = endLine === undefined ? startCharacter : { line: endLine, character: endCharacter };
  }
}

export class TabInputText {
  readonly uri: Uri;
  constructor(uri: Uri) {
    this.uri = uri;
  }
}
export class TabInputWebview {
  readonly viewType = "mainThreadWebview-rstarMath.search";
}
export const ViewColumn = { One: 1, Beside: -2 };
export const UIKind = { Desktop: 1, Web: 2 };
export const env = {
  language: "en",
  clipboard: {},
  remoteName: undefined as string | undefined,
  uiKind: UIKind.Desktop,
};
export const l10n = {
  t: (text: string, ...values: readonly unknown[]) =>
    text.replace(/\{(\d+)\}/gu, (_, index: string) => String(values[Number(index)])),
};
export const languages = {
  match: () => 10,
  createLanguageStatusItem: (id: string) => ({ id, dispose: () => undefined }),
};
export const LanguageStatusSeverity = { Information: 0, Warning: 1, Error: 2 };
export const StatusBarAlignment = { Left: 1 };
export const QuickPickItemKind = { Separator: -1 };
export const ConfigurationTarget = { Global: 1, Workspace: 2 };
export const ProgressLocation = { Notification: 15 };

export class ThemeIcon {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }
}

export class TreeItem {
  readonly label: string;

  constructor(label: string) {
    this.label = label;
  }
}

/** Commands that were called, with their arguments. */
export const executed: (readonly unknown[])[] = [];
export const commands = {
  executeCommand: (...call: readonly unknown[]) => {
    executed.push(call);
    return Promise.resolve();
  },
};

interface Message {
  readonly kind: "information" | "warning" | "error" | "passing";
  readonly text: string;
  readonly answer: (button?: string) => void;
}

/** Messages that were shown, newest last; each stays until it is answered. */
export const shown: Message[] = [];
/** What the person presses at every message at once, null leaves them standing; and what they pick of a list. */
export const person = {
  presses: null as { readonly button: string | undefined } | null,
  picks: undefined as ((items: readonly unknown[]) => unknown) | undefined,
};
const message =
  (kind: Message["kind"]) =>
  (text: string): Promise<string | undefined> =>
    new Promise((answer) => {
      shown.push({ kind, text, answer });
      if (person.presses !== null) answer(person.presses.button);
    });

/** What the last panel that was made was sent, and what its page sends. */
export const page = { posted: [] as { readonly kind: string }[], received: new EventEmitter<unknown>() };

/** Fired by a test: the cursor moved, the text changed, files have other names, a document was closed. */
export const selected = new EventEmitter<unknown>();
export const changedText = new EventEmitter<unknown>();
export const renamed = new EventEmitter<unknown>();
export const closed = new EventEmitter<{ readonly uri: Uri }>();
const never = () => new Disposable(() => undefined);

interface Editor {
  readonly document: { readonly uri: Uri; getText(): string };
}

export const window = {
  activeTextEditor: undefined as Editor | undefined,
  visibleTextEditors: [] as readonly Editor[],
  onDidChangeVisibleTextEditors: never,
  onDidChangeActiveColorTheme: never,
  showErrorMessage: message("error"),
  showWarningMessage: message("warning"),
  showInformationMessage: message("information"),
  setStatusBarMessage: (text: string) => {
    shown.push({ kind: "passing", text, answer: () => undefined });
    return never();
  },
  showQuickPick: (items: readonly unknown[]) => Promise.resolve(person.picks?.(items)),
  createTreeView: () => ({ dispose: () => undefined }),
  createStatusBarItem: () => ({ show: () => undefined, hide: () => undefined, dispose: () => undefined }),
  onDidChangeActiveTextEditor: never,
  tabGroups: {
    onDidChangeTabs: never,
    all: [] as readonly { readonly tabs: readonly { readonly input: unknown }[] }[],
  },
  registerWebviewPanelSerializer: never,
  onDidChangeTextEditorSelection: selected.event,
  createWebviewPanel: () => {
    page.posted = [];
    page.received = new EventEmitter();
    const webview = {
      cspSource: "",
      asWebviewUri: (uri: Uri) => uri,
      onDidReceiveMessage: page.received.event,
      postMessage: (sent: { readonly kind: string }) => page.posted.push(sent),
    };
    return { webview, visible: true, reveal: () => undefined, onDidDispose: never, dispose: () => undefined };
  },
};

interface Configuration {
  get(name: string, value: unknown): unknown;
  inspect?(name: string): unknown;
  update?(name: string, value: unknown): Promise<void>;
}

export const workspace = {
  isTrusted: true,
  textDocuments: [] as { readonly uri: Uri }[],
  asRelativePath: String,
  getConfiguration: (): Configuration => ({
    get: (_, value) => value,
    inspect: () => undefined,
    update: () => Promise.resolve(),
  }),
  openTextDocument: (): Promise<unknown> => Promise.reject(new Error("no documents here")),
  onDidChangeTextDocument: changedText.event,
  onDidGrantWorkspaceTrust: never,
  onDidRenameFiles: renamed.event,
  onDidCloseTextDocument: closed.event,
  onDidChangeConfiguration: never,
};
