/** The top of the search view: the problem, where the search stands, and the pages to choose from. */
import type { Trace } from "../../server/protocol/trace.ts";
import type { SearchViewState } from "../../server/protocol/view.ts";
import { fill, focusIn, h, setAttributes } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { duration, t, whole } from "../shared/l10n.ts";
import { line, statement } from "../shared/prose.ts";
import { canInsert, type ViewModel } from "./view-model.ts";

type Page = SearchViewState["page"];
type Density = SearchViewState["density"];

/** What the header asks of the view around it. */
export interface HeaderActions {
  showPage(page: Page): void;
  setDensity(density: Density): void;
  cancel(): void;
  resume(): void;
  /** Puts the solution of the search shown into the document. */
  insert(): void;
  setFollowing(isFollowing: boolean): void;
  /** Shows where the chosen answer is in the tree. */
  goToAnswer(): void;
}

const PAGES: readonly Page[] = ["tree", "outline", "cost", "compare"];
const DENSITIES: readonly Density[] = ["overview", "compact", "detailed"];

export class Header {
  readonly element: HTMLElement;
  readonly #actions: HeaderActions;
  readonly #notice = h("div", { class: "notices", attributes: { role: "status" } });
  readonly #title = h("h1");
  readonly #problem = h("div", "problem");
  readonly #standing = h("div", "standing");
  readonly #progress = h("div", {
    class: "progress",
    attributes: {
      role: "progressbar",
      "aria-label": t("Tokens used of the budget"),
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
  });
  readonly #buttons = h("div", "actions");
  readonly #tabs: ReadonlyMap<Page, HTMLElement>;
  readonly #follow: HTMLElement;
  readonly #goToAnswer: HTMLElement;
  readonly #segments: ReadonlyMap<Density, HTMLElement>;
  readonly #segmentGroup: HTMLElement;
  #insert: HTMLElement | null = null;
  #shown: ViewModel | null = null;

  constructor(actions: HeaderActions) {
    this.#actions = actions;
    const names: Record<Page, string> = {
      tree: t("Tree"),
      outline: t("Outline"),
      cost: t("Time and Tokens"),
      compare: t("Compare"),
    };
    this.#tabs = new Map(
      PAGES.map((page) => [
        page,
        h(
          "button",
          {
            class: "tab",
            attributes: { type: "button", role: "tab", id: `tab-${page}`, "aria-controls": "page" },
            on: { click: () => actions.showPage(page), keydown: (event) => this.#tabKey(event, page) },
          },
          names[page],
        ),
      ]),
    );
    this.#follow = h(
      "button",
      {
        class: "toggle",
        attributes: {
          type: "button",
          title: t("Turn to the problem and the step that the cursor enters in the text"),
        },
        on: { click: () => actions.setFollowing(this.#shown?.isFollowing !== true) },
      },
      icon("for"),
      t("Follow the Cursor"),
    );
    this.#goToAnswer = h(
      "button",
      { class: "quiet", attributes: { type: "button" }, on: { click: () => actions.goToAnswer() } },
      t("Go to Answer"),
    );
    const words: Record<Density, string> = {
      overview: t("Overview"),
      compact: t("Compact"),
      detailed: t("Detailed"),
    };
    this.#segments = new Map(
      DENSITIES.map((name) => [
        name,
        h(
          "button",
          {
            class: `segment ${name}`,
            attributes: { type: "button", title: words[name] },
            on: { click: () => actions.setDensity(name) },
          },
          h("span", { class: "glyph", attributes: { "aria-hidden": "true" } }),
          h("span", "spoken", words[name]),
        ),
      ]),
    );
    this.#segmentGroup = h(
      "div",
      { class: "segments", attributes: { role: "group", "aria-label": t("How much each node shows") } },
      ...this.#segments.values(),
    );
    this.element = h(
      "header",
      {},
      this.#notice,
      h("div", "title-row", this.#title, this.#buttons),
      this.#problem,
      this.#standing,
      this.#progress,
      h(
        "div",
        "tab-row",
        h(
          "div",
          { class: "tabs", attributes: { role: "tablist", "aria-label": t("Pages") } },
          ...this.#tabs.values(),
        ),
        h(
          "div",
          { class: "tools", attributes: { role: "toolbar", "aria-label": t("View") } },
          this.#follow,
          this.#goToAnswer,
          this.#segmentGroup,
        ),
      ),
    );
  }

  /** While a search streams this comes ten times a second: what a person presses or a reader reads stays as it is. */
  show(model: ViewModel): void {
    const { subject, tree, trace, running, rate, notice } = model;
    const before = this.#shown;
    this.#shown = model;
    if (before?.subject !== subject) this.#showSubject(model);
    if (before?.subject !== subject || before.notice !== notice) this.#showNotices(model);
    if (before?.tree !== tree || before.trace !== trace || before.running !== running || before.rate !== rate)
      fill(this.#standing, ...standing(model));
    const { generatedTokens = 0, budget = 1 } = tree.progress ?? {};
    const share = Math.min(1, generatedTokens / Math.max(1, budget));
    this.#progress.classList.toggle("shown", running !== "idle");
    this.#progress.style.setProperty("--share", String(share));
    this.#progress.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    if (
      before?.running !== running ||
      before.mayRun !== model.mayRun ||
      before.trace !== trace ||
      before.subject !== subject
    )
      this.#showButtons(model);
    for (const [name, tab] of this.#tabs)
      setAttributes(tab, {
        "aria-selected": String(name === model.page),
        tabindex: name === model.page ? 0 : -1,
      });
    this.#showTools(model);
  }

  #showNotices({ subject, notice }: ViewModel): void {
    fill(
      this.#notice,
      notice === null ? null : h("p", `notice ${notice.severity}`, icon("warning"), notice.text),
      subject?.stale === true
        ? h(
            "p",
            "notice warning",
            icon("warning"),
            t(
              "Stale: the problem's text has changed since this search. Solve it again to see a tree for the new text.",
            ),
          )
        : null,
    );
  }

  #showSubject({ subject }: ViewModel): void {
    this.#title.textContent = subject?.title ?? "";
    document.title = subject?.title ?? "";
    fill(this.#problem);
    if (subject === null) return;
    this.#problem.append(statement(subject.problem));
  }

  #showButtons(model: ViewModel): void {
    const { running, mayRun, trace, page } = model;
    const button = (label: string, kind: string, run: () => void): HTMLElement =>
      h("button", { class: kind, attributes: { type: "button" }, on: { click: run } }, label);
    const onward = mayRun && running === "idle" ? goOnFrom(trace?.stop) : null;
    const insert =
      trace !== null && canInsert(model, trace)
        ? button(t("Insert Solution"), "secondary", () => this.#actions.insert())
        : null;
    const focused = focusIn(this.#buttons);
    const wasInserting = focused !== null && focused === this.#insert;
    this.#insert = insert;
    fill(
      this.#buttons,
      running === "running" ? button(t("Stop"), "secondary", () => this.#actions.cancel()) : null,
      // A second press forces it: the extension counts them.
      running === "stopping" ? button(t("Stopping…"), "secondary", () => this.#actions.cancel()) : null,
      onward === null ? null : button(onward.label, onward.kind, () => this.#actions.resume()),
      insert,
    );
    if (focused === null) return;
    // What follows "Stop" may be pressed by the same key; a solution that was inserted must not start a search by it.
    const next = wasInserting ? insert : this.#buttons.querySelector("button");
    (next ?? this.#tabs.get(page))?.focus();
  }

  #showTools({ page, density, tree, isFollowing }: ViewModel): void {
    this.#follow.setAttribute("aria-pressed", String(isFollowing));
    this.#goToAnswer.hidden = (page !== "tree" && page !== "outline") || tree.answer === null;
    this.#segmentGroup.hidden = page !== "tree";
    for (const [name, segment] of this.#segments)
      segment.setAttribute("aria-pressed", String(name === density));
  }

  #tabKey(event: KeyboardEvent, page: Page): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const next = PAGES[(PAGES.indexOf(page) + by + PAGES.length) % PAGES.length];
    if (next === undefined) return;
    event.preventDefault();
    this.#actions.showPage(next);
    this.#tabs.get(next)?.focus();
  }
}

/** How going on with a stored search is called, as in the editor: one that was stopped has its end still before it. */
function goOnFrom(stop: Trace["stop"] | undefined): { readonly label: string; readonly kind: string } | null {
  switch (stop) {
    case "cancelled":
    case "failed":
      return { label: t("Resume"), kind: "primary" };
    case "budget":
      return { label: t("Search On"), kind: "secondary" };
    case "done":
    case "settled":
    case "exhausted":
    case undefined:
      return null;
    default:
      return stop satisfies never;
  }
}

/** One line of facts: the answer and what speaks for it, then how far the search has come. */
function standing({ tree, trace, running, rate }: ViewModel): (HTMLElement | null)[] {
  const { progress, strategy } = tree;
  if (progress === null)
    return [
      h("span", "fact", running === "idle" ? t("Not solved yet") : t("Waiting for the first candidates…")),
    ];
  const { best, trajectories, candidates, rejected, generatedTokens, budget } = progress;
  const graded =
    trace === null || tree.answer === null ? null : (tree.nodes.get(tree.answer)?.graded ?? null);
  const fact = (label: string, value: string): HTMLElement =>
    h("span", "fact", h("span", "label", label), h("span", "value", value));
  return [
    best === null
      ? h("span", "fact", t("No answer yet"))
      : h(
          "span",
          "fact best",
          h("span", "label", running === "idle" ? t("Answer") : t("Best so far")),
          h("span", "answer", line(best.answer)),
          h("span", "value", t("{0} of {1} agree", whole(best.support), whole(trajectories))),
        ),
    graded === "equal" ? h("span", "chip equal", icon("equal"), t("equals the given answer")) : null,
    graded === "different"
      ? h("span", "chip rejected", icon("different"), t("differs from the given answer"))
      : null,
    strategy === null ? null : fact(t("Strategy"), strategy),
    fact(
      t("Candidates"),
      rejected === 0 ? whole(candidates) : t("{0}, {1} rejected", whole(candidates), whole(rejected)),
    ),
    fact(
      t("Tokens"),
      running === "idle" ? whole(generatedTokens) : t("{0} of {1}", whole(generatedTokens), whole(budget)),
    ),
    trace === null ? null : fact(t("Time"), duration(trace.ms.total / 1000)),
    running === "idle" || rate === null
      ? null
      : fact(
          t("Speed"),
          // At the end of its budget it finishes what is begun.
          rate.secondsLeft === 0
            ? t("{0} tokens/s", whole(rate.tokensPerSecond))
            : t("{0} tokens/s, at most {1} left", whole(rate.tokensPerSecond), duration(rate.secondsLeft)),
        ),
  ];
}
