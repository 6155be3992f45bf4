/** The panel of the search view as VS Code has it: the page with its content policy, and messages checked on arrival. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { webviewPage } from "../media/page.ts";
import { FromSearchView, parseMessage, type ToSearchView } from "../server/protocol/view.ts";

/** The panel's type, as in the manifest's activation events. */
export const SEARCH_VIEW = "rstarMath.search";

/** What the page asks for that is about what is shown. */
export type PageRequest = Exclude<FromSearchView, { readonly kind: "ready" | "copy" }>;

/** Hears the page. */
export interface PageListener {
  /** The page runs and knows nothing: everything has to be sent. Also after it was hidden or reloaded. */
  ready(): Promise<void>;
  request(message: PageRequest): Promise<void>;
}

/** One panel or none. */
export class SearchPanel implements vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #log: vscode.LogOutputChannel;
  readonly #listener: PageListener;
  #panel: vscode.WebviewPanel | null = null;

  constructor(extension: vscode.Uri, log: vscode.LogOutputChannel, listener: PageListener) {
    this.#extension = extension;
    this.#log = log;
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#panel !== null;
  }

  get isVisible(): boolean {
    return this.#panel?.visible === true;
  }

  set title(title: string) {
    if (this.#panel !== null) this.#panel.title = title;
  }

  dispose(): void {
    this.#panel?.dispose();
  }

  /** Opens the panel beside the text. Its page will be `ready`. */
  open(): void {
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.adopt(
      vscode.window.createWebviewPanel(SEARCH_VIEW, vscode.l10n.t("Search Tree"), column, this.#options()),
    );
  }

  /** Brings the open panel to the front. */
  reveal(): void {
    this.#panel?.reveal(undefined, true);
  }

  /** Takes a panel, a new one or the one that VS Code gives back after a reload. */
  adopt(panel: vscode.WebviewPanel): void {
    this.#panel?.dispose();
    this.#panel = panel;
    const { webview } = panel;
    webview.options = this.#options();
    panel.iconPath = vscode.Uri.joinPath(this.#extension, "media", "icon.png");
    panel.onDidDispose(() => {
      if (this.#panel === panel) this.#panel = null;
    });
    webview.onDidReceiveMessage((data: unknown) => void this.#receive(data));
    webview.html = webviewPage({
      script: webview.asWebviewUri(this.#resource("search.js")).toString(),
      style: webview.asWebviewUri(this.#resource("search.css")).toString(),
      cspSource: webview.cspSource,
      nonce: randomBytes(24).toString("hex"),
      title: vscode.l10n.t("Search Tree"),
      language: vscode.env.language,
    });
  }

  /** Sends to the page; a page that is hidden asks again when it is shown. */
  post(message: ToSearchView): void {
    void this.#panel?.webview.postMessage(message);
  }

  #options(): vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [this.#resource()] };
  }

  #resource(...name: readonly string[]): vscode.Uri {
    return vscode.Uri.joinPath(this.#extension, "dist", "media", ...name);
  }

  async #receive(data: unknown): Promise<void> {
    const parsed = parseMessage(FromSearchView, data);
    if (parsed.kind === "malformed") {
      this.#log.warn(`A message of the search view has the wrong shape and was left out: ${parsed.reason}`);
      return;
    }
    const { message } = parsed;
    switch (message.kind) {
      case "ready":
        this.post({ kind: "texts", language: vscode.env.language, texts: await translations() });
        await this.#listener.ready();
        return;
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        return;
      default:
        await this.#listener.request(message);
    }
  }
}

/** The texts of the display language, where there is a bundle of it. There is none for English. */
async function translations(): Promise<Record<string, string>> {
  const bundle = vscode.l10n.uri;
  if (bundle === undefined) return {};
  try {
    const read: unknown = JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(bundle)));
    if (typeof read !== "object" || read === null) return {};
    return Object.fromEntries(
      Object.entries(read).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  } catch {
    // A translation that cannot be read costs the translation: the view's own English is shown.
    return {};
  }
}
