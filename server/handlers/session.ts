/** What every handler works with: the client, the open documents, what is in memory, and the searches under way. */
import type { Connection } from "vscode-languageserver";
import type { InitializationOptions } from "../protocol/client.ts";
import type { Settings } from "../protocol/settings.ts";
import type { Checks } from "./checks.ts";
import type { Documents } from "./documents.ts";
import type { LazyRuntime } from "./lazy-runtime.ts";
import type { Searches } from "./searches.ts";
import type { EditorServices } from "./services.ts";
import type { TraceLibrary } from "./trace-library.ts";

/** What the client can do, as far as handlers ask. */
export interface ClientAbilities {
  readonly versionedEdits: boolean;
  readonly workDoneProgress: boolean;
  readonly configuration: boolean;
  /** Can be asked to tell of changed settings. */
  readonly registersConfiguration: boolean;
  readonly refreshLenses: boolean;
  readonly refreshHints: boolean;
}

/** One connection's state. `settings` and `client` change; everything reads them when it needs them. */
export interface Session {
  readonly connection: Connection;
  readonly services: EditorServices;
  readonly documents: Documents;
  readonly runtime: LazyRuntime;
  readonly library: TraceLibrary;
  readonly searches: Searches;
  readonly checks: Checks;
  settings: Settings;
  client: InitializationOptions;
  abilities: ClientAbilities;
  /** The state of a document's problems changed: lenses, hints, diagnostics and the problem list follow. */
  changed(uri: string): void;
}
