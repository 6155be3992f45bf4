/** The button that copies a part of a page. */
import { h } from "./dom.ts";
import { t } from "./l10n.ts";

/** A quiet button beside a heading that copies what stands below it. `key` finds it again after a redraw. */
export function copyButton(key: string, copy: () => void): HTMLButtonElement {
  return h(
    "button",
    { class: "quiet", attributes: { type: "button", "data-key": key }, on: { click: copy } },
    t("Copy"),
  );
}
