/** Entry of the search view: puts the parts on the page and carries messages between them and the extension. */
import "../shared/no-eval.ts";
import { FromSearchView, SearchViewState, ToSearchView } from "../../server/protocol/view.ts";
import { focusIn, h } from "../shared/dom.ts";
import { connect } from "../shared/host.ts";
import { setTexts, t } from "../shared/l10n.ts";
import { setMacros } from "../shared/math.ts";
import { Announcer } from "./announce.ts";
import { comparePage } from "./compare-page.ts";
import { costPage } from "./cost-page.ts";
import { Header } from "./header.ts";
import { Inspector } from "./inspector.ts";
import { isDraft } from "./tree-model.ts";
import { TreeView } from "./tree-view.ts";
import { initialModel, receive, select, stateOf, toggle, type ViewModel } from "./view-model.ts";

const host = connect({ incoming: ToSearchView, outgoing: FromSearchView, state: SearchViewState });
let model = initialModel(host.restored);
/** What was typed into the forms of steps. */
const drafts = new Map(Object.entries(host.restored?.drafts ?? {}));
let view: View | null = null;

host.listen((message) => {
  // The parts are made with their texts, which come first.
  if (message.kind === "texts") {
    setTexts(message.texts, message.language);
    view = null;
    return;
  }
  // The cursor moves while a person writes a step: their form stays.
  if (message.kind === "select" && !message.focus && view?.isEditing === true) return;
  if (message.kind === "open") setMacros(message.macros);
  view ??= new View();
  const before = model;
  model = receive(model, message, host.restored);
  view.show(model);
  if (message.kind === "open") view.arrive(model, before);
  if (message.kind === "select" && model !== before) view.revealSelected(message.focus);
});
host.post({ kind: "ready" });

/** Keeps what the person chose and typed. */
function save(): void {
  if (model.subject !== null) host.save({ ...stateOf(model), drafts: Object.fromEntries(drafts) });
}

/** The parts on the page. */
class View {
  readonly #header: Header;
  readonly #treeView: TreeView;
  readonly #inspector: Inspector;
  readonly #announcer = new Announcer();
  readonly #page = h("div", { class: "page", attributes: { role: "tabpanel", id: "page" } });
  readonly #body = h("div", "body");
  #drawn: ViewModel | null = null;

  constructor() {
    const pick = (id: number): void => this.#select(id);
    this.#header = new Header({
      showPage: (page) => {
        this.#change({ ...model, page });
        // What is taken off the page and put back has lost its place.
        if (page === "tree" || page === "outline") this.#treeView.reveal(model.selected);
      },
      setDensity: (density) => {
        this.#change({ ...model, density });
        this.#treeView.reveal(model.selected);
      },
      cancel: () => this.#post({ kind: "cancel" }),
      resume: () => {
        if (model.trace !== null) this.#post({ kind: "resume", traceId: model.trace.id });
      },
      insert: () => {
        if (model.trace !== null) this.#post({ kind: "insert", traceId: model.trace.id });
      },
      setFollowing: (isFollowing) => {
        this.#change({ ...model, isFollowing });
        host.post({ kind: "follow", isFollowing });
      },
      goToAnswer: () => {
        if (model.tree.answer === null) return;
        this.#select(model.tree.answer);
        this.#treeView.reveal(model.selected, true);
      },
    });
    this.#treeView = new TreeView(t("Search tree"), {
      select: pick,
      toggle: (id) => this.#change(toggle(model, id)),
      inspect: (id) => {
        this.#select(id);
        this.#inspector.focus();
      },
    });
    this.#inspector = new Inspector(
      {
        select: (id) => {
          this.#select(id);
          this.#treeView.reveal(id, true);
        },
        copy: (text) => host.post({ kind: "copy", text }),
        reveal: (node) => this.#postAbout("reveal", node),
        useAlternative: (node) => this.#postAbout("use-alternative", node),
        pin: (node) => this.#postAbout("pin", node),
        reject: (node) => this.#postAbout("reject", node),
        edit: (node, reason, code) =>
          this.#post({ kind: "edit", traceId: model.trace?.id ?? null, node, reason, code }),
        keepDrafts: save,
      },
      drafts,
    );
    this.#inspector.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.target instanceof HTMLTextAreaElement) return;
      this.#treeView.focus(model.selected);
    });
    this.#body.append(this.#page, this.#inspector.element);
    document
      .getElementById("view")
      ?.replaceChildren(this.#header.element, this.#body, this.#announcer.element);
    // The minimap and the comparison are painted in the theme's colours.
    new MutationObserver(() => {
      this.#drawn = null;
      this.show(model);
    }).observe(document.body, { attributeFilter: ["class", "data-vscode-theme-id"] });
  }

  show(shown: ViewModel): void {
    this.#header.show(shown);
    this.#announcer.show(shown);
    const isTree = shown.page === "tree" || shown.page === "outline";
    this.#body.dataset["page"] = shown.page;
    this.#page.setAttribute("aria-labelledby", `tab-${shown.page}`);
    // The keyboard must reach what scrolls: in the tree that is its nodes, else the page itself.
    if (isTree) this.#page.removeAttribute("tabindex");
    else this.#page.tabIndex = 0;
    if (isTree) {
      if (this.#treeView.element.parentElement !== this.#page)
        this.#page.replaceChildren(this.#treeView.element);
      this.#treeView.show(shown);
      this.#inspector.show(shown);
    } else if (this.#hasPageChanged(shown)) {
      const focused = focusIn(this.#page);
      this.#page.replaceChildren();
      if (shown.page === "cost") costPage(this.#page, shown);
      else
        comparePage(this.#page, shown, {
          open: (traceId) => this.#post({ kind: "open-trace", traceId }),
          insert: (traceId) => this.#post({ kind: "insert", traceId }),
          solve: (strategy) => this.#post({ kind: "solve", strategy }),
        });
      // A button that is no more leaves the keyboard's focus to the page that it was on.
      const key = CSS.escape(focused?.dataset["key"] ?? "");
      if (focused !== null)
        (this.#page.querySelector<HTMLElement>(`[data-key="${key}"]`) ?? this.#page).focus();
    }
    this.#inspector.element.hidden = !isTree;
    this.#drawn = shown;
    save();
  }

  /** A problem that has just been opened: its chosen path, or what was selected before a reload, comes into sight. */
  arrive(shown: ViewModel, before: ViewModel): void {
    if (before.subject?.session === shown.subject?.session) return;
    const firstStep = [...shown.tree.chosen].find((id) => shown.tree.nodes.get(id)?.parent === 0);
    this.#treeView.reveal(shown.selected === 0 ? (firstStep ?? 0) : shown.selected);
  }

  /** Whether a step is being written. */
  get isEditing(): boolean {
    return this.#inspector.isEditing;
  }

  revealSelected(focus: boolean): void {
    if (focus) this.#treeView.focus(model.selected);
    else this.#treeView.reveal(model.selected, true);
  }

  #hasPageChanged(shown: ViewModel): boolean {
    const drawn = this.#drawn;
    return (
      drawn?.page !== shown.page ||
      drawn.subject !== shown.subject ||
      drawn.trace !== shown.trace ||
      drawn.comparisons !== shown.comparisons ||
      drawn.running !== shown.running ||
      drawn.mayRun !== shown.mayRun
    );
  }

  #change(next: ViewModel): void {
    model = next;
    this.show(next);
  }

  #select(id: number): void {
    if (id === model.selected || isDraft(id)) return;
    this.#change(select(model, id));
  }

  #postAbout(kind: "reveal" | "use-alternative" | "pin" | "reject", node: number): void {
    this.#post({ kind, traceId: model.trace?.id ?? null, node });
  }

  /** Adds which problem is meant. */
  #post(message: WithoutSession): void {
    if (model.subject !== null) host.post({ ...message, session: model.subject.session });
  }
}

type Sessioned = Extract<FromSearchView, { session: string }>;
type WithoutSession = Sessioned extends infer M ? (M extends Sessioned ? Omit<M, "session"> : never) : never;
