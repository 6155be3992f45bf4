/** Diagnostics, lenses and hints after a change, once the text rests. */
import { CodeLensRefreshRequest } from "vscode-languageserver";
import { SERVER_NOTIFICATIONS } from "../protocol/requests.ts";
import { diagnosticsOf } from "./diagnostics.ts";
import type { Session } from "./session.ts";

/** After a change the text rests so long before marks are drawn anew. */
const REST_MS = 300;

export class Marks {
  readonly #session: Session;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Documents whose lenses and hints the client has to ask for again. */
  readonly #outdated = new Set<string>();
  #reading = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** What is known about the document's problems changed: the client asks for everything again. */
  changed(uri: string): void {
    this.#outdated.add(uri);
    this.edited(uri);
  }

  /** The text changed: an editor asks for lenses and hints by itself then. */
  edited(uri: string): void {
    if (this.#timers.has(uri)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(uri);
      this.#draw(uri);
    }, REST_MS);
    this.#timers.set(uri, timer);
  }

  clear(uri: string): void {
    clearTimeout(this.#timers.get(uri));
    this.#timers.delete(uri);
    void this.#session.connection.sendDiagnostics({ uri, diagnostics: [] });
  }

  /** Looks for stored searches in the background; what is found is shown when it is there. */
  readStore(uri: string): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#session.library
      .refresh()
      .then((isNew) => {
        if (isNew) this.changed(uri);
      })
      .catch((error: unknown) => {
        this.#session.connection.console.error(`The stored searches cannot be read: ${String(error)}`);
      })
      .finally(() => {
        this.#reading = false;
      });
  }

  dispose(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #draw(uri: string): void {
    const { connection, documents, abilities } = this.#session;
    const document = documents.get(uri);
    if (document === null) return;
    void connection.sendDiagnostics({
      uri,
      version: document.version,
      diagnostics: diagnosticsOf(this.#session, document),
    });
    if (this.#outdated.delete(uri)) {
      const warn = (error: unknown): void =>
        connection.console.warn(`The editor did not draw anew: ${String(error)}`);
      if (abilities.refreshLenses) connection.sendRequest(CodeLensRefreshRequest.type).catch(warn);
      if (abilities.refreshHints) connection.languages.inlayHint.refresh().catch(warn);
    }
    void connection.sendNotification(SERVER_NOTIFICATIONS.problemsChanged.method, { uri });
  }
}
