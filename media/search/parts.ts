/** Pieces that several pages of the inspector are made of. */
import { h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { t } from "../shared/l10n.ts";
import { line } from "../shared/prose.ts";
import type { Evidence } from "./evidence.ts";

/** A titled part of the inspector. */
export function part(title: string, ...children: readonly HTMLElement[]): HTMLElement {
  return h("div", "part", h("h3", {}, title), ...children);
}

/** Evidence as a list: what kind it is shows in the mark before it. */
export function evidenceList(evidence: readonly Evidence[]): HTMLElement {
  return part(
    t("Evidence"),
    h("ul", "evidence", ...evidence.map(({ weight, text }) => h("li", weight, icon(weight), line(text)))),
  );
}
