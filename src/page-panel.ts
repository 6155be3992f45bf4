/** A panel with a page of `media/` as VS Code has it: the page with its content policy, and messages checked on arrival. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type * as z from "zod";
import { webviewPage } from "../media/page.ts";
import type { FromAnyPage, Texts } from "../server/protocol/view.ts";

/** What a page is: its panel's type as in the manifest's activation events, its files, title, and what it may send. */
export interface Page<In extends { readonly kind: string }> {
  readonly type: string;
  /** The script and style of `dist/media/`, without their endings. */
  readonly name: "search" | "dashboard";
  readonly title: string;
  /** Read with the first message: activation pays for no schema. */
  readonly incoming: () => Promise<z.ZodType<In>>;
}

/** What the page asks for that the panel does not answer itself. */
export type PageRequest<In extends { readonly kind: string }> = Exclude<In, FromAnyPage>;

/** Hears the page. */
export interface PageListener<In extends { readonly kind: string }> {
  /** The page runs and knows nothing: everything has to be sent. Also after it was hidden or reloaded. */
  ready(): Promise<void>;
  request(message: PageRequest<In>): Promise<void>;
}

/** One panel or none. */
export class PagePanel<In extends { readonly kind: string }, Out> implements vscode.Disposable {
  readonly #extension: vscode.Uri;
  readonly #log: vscode.LogOutputChannel;
  readonly #page: Page<In>;
  readonly #listener: PageListener<In>;
  #panel: vscode.WebviewPanel | null = null;

  constructor(
    extension: vscode.Uri,
    log: vscode.LogOutputChannel,
    page: Page<In>,
    listener: PageListener<In>,
  ) {
    this.#extension = extension;
    this.#log = log;
    this.#page = page;
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
    const { type, title } = this.#page;
    this.adopt(vscode.window.createWebviewPanel(type, title, column, this.#options()));
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
    const { name, title } = this.#page;
    webview.html = webviewPage({
      script: webview.asWebviewUri(this.#resource(`${name}.js`)).toString(),
      style: webview.asWebviewUri(this.#resource(`${name}.css`)).toString(),
      cspSource: webview.cspSource,
      nonce: randomBytes(24).toString("hex"),
      title,
      // Without a translation the texts are English, whatever the editor speaks.
      language: vscode.l10n.uri === undefined ? "en" : vscode.env.language,
    });
  }

  /** Sends to the page; a page that is hidden asks again when it is shown. */
  post(message: Out | Texts): void {
    void this.#panel?.webview.postMessage(message);
  }

  #options(): vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [this.#resource()] };
  }

  #resource(...name: readonly string[]): vscode.Uri {
    return vscode.Uri.joinPath(this.#extension, "dist", "media", ...name);
  }

  async #receive(data: unknown): Promise<void> {
    const { FromAnyPage, parseMessage } = await import("../server/protocol/view.ts");
    const common = parseMessage(FromAnyPage, data);
    if (common.kind === "message") {
      await this.#answer(common.message);
      return;
    }
    const { incoming, name } = this.#page;
    const parsed = parseMessage(await incoming(), data);
    if (parsed.kind === "malformed") {
      this.#log.warn(
        `A message of the page "${name}" has the wrong shape and was left out: ${parsed.reason}`,
      );
      return;
    }
    // The two others were answered above.
    await this.#listener.request(parsed.message as PageRequest<In>);
  }

  async #answer(message: FromAnyPage): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.post({ kind: "texts", language: vscode.env.language, texts: await translations() });
        await this.#listener.ready();
        return;
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        return;
      default:
        message satisfies never;
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
