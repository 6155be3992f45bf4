/** Tells a screen reader how the search goes, now and then and never twice the same. */
import { t, whole } from "../shared/l10n.ts";
import { h } from "../shared/dom.ts";
import type { ViewModel } from "./view-model.ts";

/** While a search runs it is told at most this often. */
const EVERY_MS = 8000;

export class Announcer {
  readonly element = h("div", { class: "spoken", attributes: { role: "log", "aria-live": "polite" } });
  #last = -Infinity;
  #before: ViewModel["running"] = "idle";

  show(model: ViewModel): void {
    const now = performance.now();
    const hasChanged = model.running !== this.#before;
    if (!hasChanged && (model.running === "idle" || now - this.#last < EVERY_MS)) return;
    this.#before = model.running;
    this.#last = now;
    this.element.textContent = words(model);
  }
}

function words({ running, tree }: ViewModel): string {
  if (running === "stopping") return t("Stopping. What was found is kept.");
  const { progress } = tree;
  if (progress === null) return running === "running" ? t("Searching.") : t("The search has ended.");
  const { candidates, rejected, best, trajectories } = progress;
  const found =
    best === null
      ? t("No answer yet.")
      : t("Best answer {0}, {1} of {2} agree.", best.answer, whole(best.support), whole(trajectories));
  const tried = t("{0} candidates, {1} rejected.", whole(candidates), whole(rejected));
  return `${running === "idle" ? t("The search has ended.") : t("Searching.")} ${tried} ${found}`;
}
