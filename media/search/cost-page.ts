/** Where time and tokens went, as bars with their table. */
import { fill, h } from "../shared/dom.ts";
import { decimal, duration, percent, t, whole } from "../shared/l10n.ts";
import { costsOf, type TokenSplit } from "./costs.ts";
import type { ViewModel } from "./view-model.ts";

interface Share {
  readonly name: string;
  readonly kind: string;
  readonly value: number;
}

/** The page's content. */
export function costPage(element: HTMLElement, { trace, tree }: ViewModel): void {
  if (trace === null) {
    fill(element, h("p", "note", t("The account of time and tokens is shown when the search has ended.")));
    return;
  }
  const costs = costsOf(trace, tree);
  const { ms } = costs;
  const seconds = (value: number): string => duration(value / 1000);
  fill(
    element,
    account(
      t("Time: {0}", duration(trace.ms.total / 1000)),
      t("What the search waited for."),
      [
        { name: t("Policy writes"), kind: "one", value: ms.policy },
        { name: t("PPM scores"), kind: "two", value: ms.ppm },
        { name: t("Python runs"), kind: "three", value: ms.sandbox },
        { name: t("Answers compared"), kind: "four", value: ms.grading },
        { name: t("Everything else"), kind: "five", value: ms.rest },
      ],
      seconds,
    ),
    account(
      t("Tokens: {0}", whole(trace.cost.generatedTokens)),
      t("What the policy wrote, by what became of it."),
      sharesOf(costs.tokens),
      whole,
    ),
    h(
      "dl",
      "figures-list wide",
      ...(
        [
          [t("Speed"), t("{0} tokens/s", decimal(perSecond(trace.cost.generatedTokens, ms.policy), 1))],
          [t("Prompt tokens computed"), whole(costs.promptTokens)],
          [t("Tokens read by the PPM"), whole(costs.ppmTokens)],
          [t("Time in Python itself"), duration(trace.cost.sandboxMs / 1000)],
        ] as const
      ).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    depthTable(costs.byDepth),
  );
}

function sharesOf({ chosen, others, rejected }: TokenSplit): Share[] {
  return [
    { name: t("On the chosen path"), kind: "chosen", value: chosen },
    { name: t("Other accepted steps"), kind: "others", value: others },
    { name: t("Rejected"), kind: "rejected", value: rejected },
  ];
}

/** A bar of shares, with its legend as a table: the numbers do not hang on the colours. */
function account(
  title: string,
  note: string,
  shares: readonly Share[],
  format: (value: number) => string,
): HTMLElement {
  const total = shares.reduce((sum, share) => sum + share.value, 0);
  const shown = shares.filter((share) => share.value > 0);
  return h(
    "section",
    "account",
    h("h2", {}, title),
    h("p", "note", note),
    bar(shown, "stacked tall"),
    h(
      "table",
      {},
      h("caption", "spoken", title),
      h(
        "tbody",
        {},
        ...shown.map((share) =>
          h(
            "tr",
            {},
            h("th", { attributes: { scope: "row" } }, h("span", `swatch ${share.kind}`), share.name),
            h("td", "number", format(share.value)),
            h("td", "number", percent(total === 0 ? 0 : share.value / total, 1)),
          ),
        ),
      ),
    ),
  );
}

function bar(shares: readonly Share[], className: string): HTMLElement {
  return h(
    "div",
    { class: className, attributes: { "aria-hidden": "true" } },
    ...shares.map((share) => h("span", { class: share.kind, var: { "--share": share.value } })),
  );
}

function depthTable(byDepth: readonly TokenSplit[]): HTMLElement {
  const most = Math.max(1, ...byDepth.map(({ chosen, others, rejected }) => chosen + others + rejected));
  const head = [t("Step"), t("Tokens"), t("Chosen"), t("Others"), t("Rejected")];
  return h(
    "section",
    "account",
    h("h2", {}, t("Tokens by step")),
    h(
      "table",
      "by-depth",
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...head.map((name, index) =>
            h("th", { class: index > 1 ? "number" : "", attributes: { scope: "col" } }, name),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        ...byDepth.map((split, index) => {
          const stacked = bar(
            sharesOf(split).filter((share) => share.value > 0),
            "stacked",
          );
          stacked.style.setProperty(
            "width",
            `${(100 * (split.chosen + split.others + split.rejected)) / most}%`,
          );
          return h(
            "tr",
            {},
            h("th", { attributes: { scope: "row" } }, String(index + 1)),
            h("td", "bar-cell", stacked),
            ...[split.chosen, split.others, split.rejected].map((value) => h("td", "number", whole(value))),
          );
        }),
      ),
    ),
  );
}

function perSecond(tokens: number, ms: number): number {
  return ms === 0 ? 0 : (1000 * tokens) / ms;
}
