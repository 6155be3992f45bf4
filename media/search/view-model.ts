/** Everything the search view shows, and how the extension's messages change it. Pure. */
import type { SearchRate } from "../../server/protocol/solving.ts";
import type { Trace } from "../../server/protocol/trace.ts";
import type { SearchSubject, SearchViewState, ToSearchView } from "../../server/protocol/view.ts";
import type * as z from "zod";
import { EMPTY_TREE, fromTrace, grow, isDraft, ROOT, type TreeModel } from "./tree-model.ts";

export interface Notice {
  readonly severity: "information" | "warning" | "error";
  readonly text: string;
}

/** The view at one moment. What the person chose in it (`selected` to `isFollowing`) is kept over a reload. */
export interface ViewModel {
  readonly subject: SearchSubject | null;
  readonly tree: TreeModel;
  /** Null while nothing of the search is stored yet. */
  readonly trace: Trace | null;
  readonly running: "running" | "stopping" | "idle";
  readonly rate: z.infer<typeof SearchRate> | null;
  readonly mayRun: boolean;
  readonly strategies: readonly string[];
  readonly comparisons: readonly Trace[];
  readonly notice: Notice | null;
  readonly selected: number;
  readonly collapsed: ReadonlySet<number>;
  readonly page: SearchViewState["page"];
  readonly density: SearchViewState["density"];
  /** Whether another problem or step is shown when the cursor enters it in the text. */
  readonly isFollowing: boolean;
}

/** Before the first message. */
export function initialModel(restored: SearchViewState | null): ViewModel {
  return {
    subject: null,
    tree: EMPTY_TREE,
    trace: null,
    running: "idle",
    rate: null,
    mayRun: true,
    strategies: [],
    comparisons: [],
    notice: null,
    selected: restored?.selected ?? ROOT,
    collapsed: new Set(restored?.collapsed),
    page: restored?.page ?? "tree",
    density: restored?.density ?? "compact",
    isFollowing: restored?.isFollowing ?? true,
  };
}

/** The view after a message. One for another session than the one shown is late, and changes nothing. */
export function receive(
  model: ViewModel,
  message: ToSearchView,
  restored: SearchViewState | null,
): ViewModel {
  if ("session" in message && message.session !== model.subject?.session) return model;
  switch (message.kind) {
    case "texts":
      return model;
    case "notice":
      return { ...model, notice: message.text === "" ? null : message };
    case "open":
      return opened(model, message, restored);
    case "events":
      return { ...model, tree: grow(model.tree, message.events), rate: message.rate };
    case "trace": {
      const tree = fromTrace(message.trace);
      const selected = tree.nodes.has(model.selected) ? model.selected : ROOT;
      return { ...model, tree, trace: message.trace, selected };
    }
    case "running":
      return { ...model, running: message.state };
    case "compare":
      return { ...model, comparisons: message.traces };
    case "select":
      return model.tree.nodes.has(message.node) ? select(model, message.node) : model;
    case "stale":
      return model.subject === null
        ? model
        : { ...model, subject: { ...model.subject, stale: message.stale } };
    case "inserted":
      return model.subject === null
        ? model
        : { ...model, subject: { ...model.subject, inserted: message.traceId } };
    default:
      return message satisfies never;
  }
}

/** Whether a stored search has a solution that can be put into the document and is not there already. */
export function canInsert({ subject }: ViewModel, trace: Trace): boolean {
  return subject?.document != null && trace.chosen !== null && trace.id !== subject.inserted;
}

/** Selects a node and opens everything above it. */
export function select(model: ViewModel, id: number): ViewModel {
  if (isDraft(id)) return model;
  const collapsed = new Set(model.collapsed);
  for (let node = model.tree.nodes.get(id); node?.parent != null; node = model.tree.nodes.get(node.parent))
    collapsed.delete(node.parent);
  return {
    ...model,
    selected: id,
    collapsed: collapsed.size === model.collapsed.size ? model.collapsed : collapsed,
  };
}

/** Opens or closes a node's children. A selected node that would vanish gives the selection to the closed one. */
export function toggle(model: ViewModel, id: number): ViewModel {
  const collapsed = new Set(model.collapsed);
  if (collapsed.delete(id)) return { ...model, collapsed };
  collapsed.add(id);
  let inside = false;
  for (let node = model.tree.nodes.get(model.selected); node?.parent != null;) {
    inside ||= node.parent === id;
    node = model.tree.nodes.get(node.parent);
  }
  return { ...model, collapsed, selected: inside ? id : model.selected };
}

/** What to keep for after a reload. */
export function stateOf(model: ViewModel): SearchViewState {
  return {
    version: 1,
    session: model.subject?.session ?? null,
    traceId: model.trace?.id ?? null,
    selected: model.selected,
    collapsed: [...model.collapsed],
    page: model.page,
    density: model.density,
    isFollowing: model.isFollowing,
  };
}

/** After a reload the same problem comes back as it was left; another one starts afresh. */
function opened(
  model: ViewModel,
  message: Extract<ToSearchView, { kind: "open" }>,
  restored: SearchViewState | null,
): ViewModel {
  const tree = message.trace === null ? EMPTY_TREE : fromTrace(message.trace);
  const isSame = message.subject.session === (model.subject?.session ?? restored?.session);
  const isSameTrace =
    isSame && (message.trace?.id ?? null) === (model.trace?.id ?? restored?.traceId ?? null);
  return {
    ...model,
    subject: message.subject,
    tree,
    trace: message.trace,
    running: message.running ? "running" : "idle",
    rate: null,
    mayRun: message.mayRun,
    strategies: message.strategies,
    comparisons: isSame ? model.comparisons : [],
    notice: null,
    // The nodes of a search that goes on are told after this.
    selected: isSameTrace && (message.running || tree.nodes.has(model.selected)) ? model.selected : ROOT,
    collapsed: isSameTrace ? model.collapsed : new Set(),
    page: isSame ? model.page : model.page === "outline" ? "outline" : "tree",
  };
}
