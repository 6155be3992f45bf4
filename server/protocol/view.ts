/**
 * The messages between the extension and its two webviews (search view, evolution dashboard): one closed union for each
 * direction, with a parser that both sides use on everything that arrives.
 *
 * The extension owns the truth. A view keeps only what it needs to draw, asks with `ready` after every (re)load, and is
 * sent everything again: no message may be relied on to survive a hidden or reloaded view.
 */
import * as z from "zod";
import { SearchEvent } from "./events.ts";
import { DashboardRun, RunNews, TrainingMetrics } from "./dashboard.ts";
import { RoundReport, RunState } from "./evolution.ts";
import { SearchRate } from "./solving.ts";
import { Trace } from "./trace.ts";

const nodeId = z.int().nonnegative();

/* ------------------------------------------------------------------ shared */

/** Sent first after `ready`: texts in the user's language, by their English wording, as in `l10n/bundle.l10n.*.json`. */
export const Texts = z.strictObject({
  kind: z.literal("texts"),
  /** BCP 47 tag, for numbers and dates. */
  language: z.string(),
  /** Empty for English. A text that is missing is shown in English. */
  texts: z.record(z.string(), z.string()),
});
export type Texts = z.infer<typeof Texts>;

/** Something to tell the person, in a line at the top of the view; replaces the one before, an empty text removes it. */
const Notice = z.strictObject({
  kind: z.literal("notice"),
  severity: z.enum(["information", "warning", "error"]),
  text: z.string(),
});

/** The view's script runs and knows nothing. The extension answers with `texts` and then all it has to show. */
const Ready = z.strictObject({ kind: z.literal("ready") });

/** Puts a text into the clipboard. */
const Copy = z.strictObject({ kind: z.literal("copy"), text: z.string() });

/** What every page sends. */
export const FromAnyPage = z.discriminatedUnion("kind", [Ready, Copy]);
export type FromAnyPage = z.infer<typeof FromAnyPage>;

/* ------------------------------------------------------------- search view */

/** What a search view shows: the problem and, once there is one, its stored trace. */
export const SearchSubject = z.strictObject({
  /**
   * Names what is shown, in every message both ways, so that a late one for another problem is dropped. The extension
   * chooses it so that it can find the problem again from it after a reload.
   */
  session: z.string(),
  /** The document the problem stands in, as the person knows it, and as a URI; null for a trace from the store. */
  document: z.strictObject({ name: z.string(), uri: z.string() }).nullable(),
  /** The problem's heading or number, for the title line. */
  title: z.string(),
  /** The statement, Markdown with math. */
  problem: z.string(),
  /** Whether the problem's text in the document is no longer what the trace solved. */
  stale: z.boolean(),
  /** The trace whose solution stands below the problem in the document; null where none does. */
  inserted: z.string().nullable(),
});
export type SearchSubject = z.infer<typeof SearchSubject>;

/** Extension to search view. */
export const ToSearchView = z.discriminatedUnion("kind", [
  Texts,
  Notice,
  /** Shows this problem, replacing whatever was shown. Sent on the command, and again after each `ready`. */
  z.strictObject({
    kind: z.literal("open"),
    subject: SearchSubject,
    trace: Trace.nullable(),
    /** A search of it is running: `events` will follow. The nodes found before come in the first batch. */
    running: z.boolean(),
    /** `markdown.math.macros` of the user. */
    macros: z.record(z.string(), z.string()),
    /** Strategies that the view may offer to compare with, in order. */
    strategies: z.array(z.string()),
    /** False in an untrusted workspace: nothing that starts work is offered. */
    mayRun: z.boolean(),
  }),
  /** What happened since the last batch, oldest first; at most ten batches a second. */
  z.strictObject({
    kind: z.literal("events"),
    session: z.string(),
    events: z.array(SearchEvent),
    rate: SearchRate.nullable(),
  }),
  /** The stored trace: after a search has ended, or after a person's choice was stored. Replaces what came live. */
  z.strictObject({ kind: z.literal("trace"), session: z.string(), trace: Trace }),
  /** The search shown ended; `stopping` from the moment that a stop was asked for. One that begins is sent by `open`. */
  z.strictObject({ kind: z.literal("running"), session: z.string(), state: z.enum(["stopping", "idle"]) }),
  /** All stored traces of the problem shown, newest first; sent after `open` and when one is added. */
  z.strictObject({ kind: z.literal("compare"), session: z.string(), traces: z.array(Trace) }),
  /** Selects a node: the person asked for it in the text, or the cursor moved to its step. */
  z.strictObject({ kind: z.literal("select"), session: z.string(), node: nodeId, focus: z.boolean() }),
  /** The problem's text changed, or changed back. */
  z.strictObject({ kind: z.literal("stale"), session: z.string(), stale: z.boolean() }),
  /** Another solution stands below the problem in the document, or none: see `SearchSubject.inserted`. */
  z.strictObject({ kind: z.literal("inserted"), session: z.string(), traceId: z.string().nullable() }),
]);
export type ToSearchView = z.infer<typeof ToSearchView>;

/** A request about one node of what is shown. */
const aboutNode = { session: z.string(), traceId: z.string().nullable(), node: nodeId };

/** Search view to extension. `traceId` is null while the search is running and no trace is stored yet. */
export const FromSearchView = z.discriminatedUnion("kind", [
  Ready,
  Copy,
  /** Show the step in the document. */
  z.strictObject({ kind: z.literal("reveal"), ...aboutNode }),
  /** Put the path through this node, on to its best answer, into the document. */
  z.strictObject({ kind: z.literal("use-alternative"), ...aboutNode }),
  /** A person's word on a step: keep it (the search goes on from it only) or reject it. */
  z.strictObject({ kind: z.literal("pin"), ...aboutNode }),
  z.strictObject({ kind: z.literal("reject"), ...aboutNode }),
  /** Puts a person's step in the place of this node (as its sibling) and lets the search go on from there. */
  z.strictObject({ kind: z.literal("edit"), ...aboutNode, reason: z.string(), code: z.string() }),
  /** Puts the answer of a stored trace, with its steps, into the document. */
  z.strictObject({ kind: z.literal("insert"), session: z.string(), traceId: z.string() }),
  /** Goes on searching where the trace stopped. */
  z.strictObject({ kind: z.literal("resume"), session: z.string(), traceId: z.string() }),
  /** Solves the problem with this strategy, at the budget of the settings. */
  z.strictObject({ kind: z.literal("solve"), session: z.string(), strategy: z.string() }),
  /** Stops the running search; what was found is kept. */
  z.strictObject({ kind: z.literal("cancel"), session: z.string() }),
  /** Whether the view turns to what the cursor enters in the text. A new view does. */
  z.strictObject({ kind: z.literal("follow"), isFollowing: z.boolean() }),
  /** Shows another stored trace of the problem; answered by `open`. */
  z.strictObject({ kind: z.literal("open-trace"), session: z.string(), traceId: z.string() }),
]);
export type FromSearchView = z.infer<typeof FromSearchView>;

/** What the search view leaves with `setState`; the extension's panel serializer gets it after a reload. */
export const SearchViewState = z.object({
  version: z.literal(1),
  session: z.string().nullable(),
  traceId: z.string().nullable(),
  selected: nodeId.nullable(),
  collapsed: z.array(nodeId),
  /** Which of the view's pages is shown, and how much of each node the tree shows. */
  page: z.enum(["tree", "outline", "cost", "compare"]),
  density: z.enum(["detailed", "compact", "overview"]),
  isFollowing: z.boolean().optional(),
  /** What was typed into the forms of steps, by trace and node, and whether it was sent. */
  drafts: z
    .record(z.string(), z.object({ reason: z.string(), code: z.string(), isSent: z.boolean() }))
    .optional(),
});
export type SearchViewState = z.infer<typeof SearchViewState>;

/* --------------------------------------------------- evolution dashboard */

/** Extension to dashboard. */
export const ToDashboard = z.discriminatedUnion("kind", [
  Texts,
  Notice,
  /** All runs, newest first; after `ready` and whenever one begins, ends or is removed. */
  z.strictObject({
    kind: z.literal("runs"),
    runs: z.array(DashboardRun),
    /** False in an untrusted workspace: nothing that starts work is offered. */
    mayRun: z.boolean(),
  }),
  /** Everything known of one run: answers `open-run`; sent unasked for a run that has just begun. */
  z.strictObject({
    kind: z.literal("run"),
    state: RunState,
    reports: z.array(RoundReport),
    metrics: z.array(TrainingMetrics),
  }),
  ...RunNews.options,
]);
export type ToDashboard = z.infer<typeof ToDashboard>;

/** Dashboard to extension. */
export const FromDashboard = z.discriminatedUnion("kind", [
  Ready,
  Copy,
  z.strictObject({ kind: z.literal("open-run"), run: z.string() }),
  /** Asks for what a run needs (problems, rounds) in the editor's own quick picks, then starts it. */
  z.strictObject({ kind: z.literal("start") }),
  /** Stops and keeps what was reached. */
  z.strictObject({ kind: z.literal("stop"), run: z.string() }),
  z.strictObject({ kind: z.literal("resume"), run: z.string() }),
  /** Ends the search of this round and trains on what it found; a stopped run goes on with that. */
  z.strictObject({ kind: z.literal("train-now"), run: z.string() }),
  /** Opens the run's folder. */
  z.strictObject({ kind: z.literal("reveal"), run: z.string() }),
  z.strictObject({ kind: z.literal("roll-back") }),
]);
export type FromDashboard = z.infer<typeof FromDashboard>;

/** What the dashboard leaves with `setState`. */
export const DashboardState = z.strictObject({ version: z.literal(1), run: z.string().nullable() });
export type DashboardState = z.infer<typeof DashboardState>;

/* ----------------------------------------------------------------- parsing */

/** A message that passed its schema, or one line on why it did not; nothing of the message itself is repeated. */
export type Parsed<T> =
  { readonly kind: "message"; readonly message: T } | { readonly kind: "malformed"; readonly reason: string };

/** Checks what arrived from the other side. Never throws; a malformed message is for the log, not for the person. */
export function parseMessage<T>(schema: z.ZodType<T>, data: unknown): Parsed<T> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return { kind: "message", message: parsed.data };
  const issue = parsed.error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  return {
    kind: "malformed",
    reason: path === "" ? (issue?.message ?? "not a message") : `${path}: ${issue?.message ?? ""}`,
  };
}
