/** What a person can do with a node: show it in the text, use it, keep it, reject it, write it anew. */
import type { TraceNode } from "../../server/protocol/trace.ts";
import { belowReason, bestAnswerBelow } from "../../server/protocol/trace-path.ts";
import { h } from "../shared/dom.ts";
import { t } from "../shared/l10n.ts";
import type { ViewModel } from "./view-model.ts";

/** What the inspector asks of the view around it. */
export interface NodeActions {
  select(id: number): void;
  copy(text: string): void;
  reveal(id: number): void;
  useAlternative(id: number): void;
  pin(id: number): void;
  reject(id: number): void;
  edit(id: number, reason: string, code: string): void;
  /** Keeps what was typed for after a reload: a page that is hidden is made anew. */
  keepDrafts(): void;
}

/** A step as a person writes it. */
interface Written {
  readonly reason: string;
  readonly code: string;
}

/** What was typed into the forms, by trace and node. What was sent may be refused: it is kept until a search begins. */
export type Drafts = Map<string, Written & { readonly isSent: boolean }>;

/** The buttons for a node. What cannot be done now is left out, not greyed: each is also a command in the editor. */
export function actionsFor(
  node: TraceNode,
  model: ViewModel,
  actions: NodeActions,
  drafts: Drafts,
): HTMLElement {
  const bar = h("div", { class: "actions", attributes: { role: "group", "aria-label": t("Actions") } });
  const button = (
    key: string,
    label: string,
    hint: string,
    run: () => void,
    kind = "secondary",
  ): HTMLElement =>
    h(
      "button",
      { class: kind, attributes: { type: "button", "data-key": key, title: hint }, on: { click: run } },
      label,
    );
  const inDocument = model.subject?.document != null;
  const isChosen = model.tree.chosen.has(node.id);
  const isIdle = model.running === "idle";
  if (inDocument && isChosen && isIdle && model.trace !== null)
    bar.append(
      button("reveal", t("Show in Document"), t("Go to this step in the text"), () =>
        actions.reveal(node.id),
      ),
    );
  if (inDocument && !isChosen && isIdle && bestAnswerBelow(model.tree, node.id) !== null)
    bar.append(
      button(
        "use",
        t("Use This Instead"),
        t("Put the best solution through here into the document"),
        () => actions.useAlternative(node.id),
        "primary",
      ),
    );
  if (!model.mayRun || !isIdle || model.trace === null || node.kind !== "step") return bar;
  if (node.status === "ok")
    bar.append(
      button("pin", t("Pin"), t("Search on from this step only"), () => actions.pin(node.id)),
      button("reject", t("Reject"), t("Search on without this step"), () => actions.reject(node.id)),
    );
  const place = `${model.trace.id} ${node.id}`;
  const edit = button("edit", t("Edit…"), t("Write this step yourself and search on from it"), () => {
    const close = (): void => {
      form.replaceWith(bar);
      edit.focus();
    };
    const form = editForm(drafts.get(place) ?? writtenOf(node), {
      typed: (written) => {
        drafts.set(place, { ...written, isSent: false });
        actions.keepDrafts();
      },
      submit: (written) => {
        drafts.set(place, { ...written, isSent: true });
        actions.keepDrafts();
        close();
        actions.edit(node.id, written.reason.trim(), written.code);
      },
      cancel: () => {
        drafts.delete(place);
        actions.keepDrafts();
        close();
      },
      close,
    });
    bar.replaceWith(form);
    form.querySelector("textarea")?.focus();
  });
  bar.append(edit);
  return bar;
}

/** The step in the form's two fields. A step that could not be read has no reason: its comment is in the code only. */
function writtenOf({ reason, code }: TraceNode): Written {
  return { reason, code: reason === "" ? code : belowReason(code) };
}

/** What comes of a form. */
interface FormActions {
  typed(written: Written): void;
  submit(written: Written): void;
  /** Throws away what was typed. */
  cancel(): void;
  /** Leaves it for later. */
  close(): void;
}

function editForm(before: Written, actions: FormActions): HTMLFormElement {
  const reason = h("textarea", { attributes: { rows: 2, name: "reason", spellcheck: "true" } });
  const code = h("textarea", {
    class: "code",
    attributes: { rows: Math.min(14, before.code.split("\n").length + 2), name: "code", spellcheck: "false" },
  });
  reason.value = before.reason;
  code.value = before.code;
  const written = (): Written => ({ reason: reason.value, code: code.value });
  const form = h(
    "form",
    {
      class: "edit-form",
      on: {
        input: () => actions.typed(written()),
        submit: (event) => {
          event.preventDefault();
          actions.submit(written());
        },
        keydown: (event) => {
          // These keys end the composition of a character first.
          if (event.isComposing) return;
          if (event.key === "Escape") actions.close();
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
        },
      },
    },
    h("label", {}, t("Why this step"), reason),
    h("label", {}, t("Python of this step"), code),
    h(
      "div",
      "actions",
      h("button", { class: "primary", attributes: { type: "submit" } }, t("Search On From Here")),
      h(
        "button",
        { class: "secondary", attributes: { type: "button" }, on: { click: () => actions.cancel() } },
        t("Cancel"),
      ),
    ),
  );
  return form;
}
