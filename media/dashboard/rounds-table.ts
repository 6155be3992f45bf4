/** What each round came to: coverage, data, and whether its models were adopted and why. */
import type { GateReport, RoundReport, TrainingReport } from "../../server/protocol/evolution.ts";
import { h } from "../shared/dom.ts";
import { icon } from "../shared/icons.ts";
import { decimal, duration, percent, t, whole } from "../shared/l10n.ts";
import { gateShares } from "./dashboard-model.ts";

/** One row a round. */
export function roundsTable(reports: readonly RoundReport[]): HTMLElement {
  const head = [
    t("Round"),
    t("Coverage"),
    t("Examples"),
    t("Pairs"),
    t("Policy"),
    t("PPM"),
    t("Tokens"),
    t("Time"),
  ];
  const rows = reports.map((report) => {
    const { round, selection, policy, ppm, policyGate, ppmGate, generatedTokens, seconds } = report;
    const all = selection.coverage.at(-1);
    const { step, answer, person } = selection.pairs;
    return h(
      "tr",
      {},
      h("th", { attributes: { scope: "row" } }, String(round)),
      h(
        "td",
        {},
        all === undefined
          ? "–"
          : `${percent(all.problems === 0 ? 0 : all.solved / all.problems)} (${whole(all.solved)}/${whole(all.problems)})`,
      ),
      h("td", {}, whole(selection.sft.examples)),
      h("td", {}, whole(step + answer + person)),
      h("td", {}, ...modelCell(policy, policyGate)),
      h("td", {}, ...modelCell(ppm, ppmGate)),
      h("td", {}, whole(generatedTokens)),
      h("td", {}, duration(seconds.search + seconds.training + seconds.gate)),
    );
  });
  return h(
    "section",
    "rounds",
    h("h2", {}, t("Rounds")),
    h(
      "div",
      {
        class: "table-scroll",
        attributes: { tabindex: 0, role: "region", "aria-label": t("Rounds"), "data-key": "rounds" },
      },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { attributes: { scope: "col" } }, name)))),
        h("tbody", {}, ...rows),
      ),
    ),
  );
}

/** Adopted or kept aside, with the comparison that decided it. */
function modelCell(training: TrainingReport, gate: GateReport | null): HTMLElement[] {
  switch (training.kind) {
    case "skipped":
      return [h("span", "chip", t("not trained")), h("span", "why", training.why)];
    case "failed":
      return [h("span", "chip rejected", t("failed")), h("span", "why", training.message)];
    case "adapter": {
      if (gate === null)
        return [
          h("span", "chip", t("not compared")),
          h("span", "why", t("loss {0}", decimal(training.loss, 3))),
        ];
      const { challenger, incumbent } = gateShares(gate);
      return [
        h(
          "span",
          gate.adopted ? "chip adopted" : "chip",
          gate.adopted ? icon("for") : null,
          gate.adopted ? t("adopted") : t("kept aside"),
        ),
        h(
          "span",
          "why",
          `${t("{0} against {1}", percent(challenger.share), percent(incumbent.share))} · ${reasonOf(gate)}`,
        ),
      ];
    }
    default:
      return training satisfies never;
  }
}

/** Why, without the verdict before it, which the chip says. */
function reasonOf({ why }: GateReport): string {
  return why.replace(/^(?:adopted|kept aside): /u, "");
}
