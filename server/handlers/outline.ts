/** Symbols and folding: problems with their solutions and steps. */
import { FoldingRangeKind, SymbolKind, type DocumentSymbol, type FoldingRange } from "vscode-languageserver";
import type { Problem } from "../document/problems.ts";
import type { OpenDocument } from "./documents.ts";
import { titleOf } from "./problem-states.ts";

/** One symbol for each problem, its solution below it, and the steps below that. */
export function documentSymbols(document: OpenDocument): DocumentSymbol[] {
  return document.found.problems.map((problem) => {
    const start = problem.range.start;
    const end = Math.max(problem.range.end, problem.solution?.range.end ?? 0);
    return {
      name: titleOf(problem),
      detail: `problem ${problem.index}`,
      kind: SymbolKind.Event,
      range: document.range({ start, end }),
      selectionRange: document.range(problem.headingRange),
      children: solutionSymbol(document, problem),
    };
  });
}

function solutionSymbol(document: OpenDocument, { solution: block }: Problem): DocumentSymbol[] {
  if (block === undefined) return [];
  const parsed = document.parsed(block);
  const range = document.range(block.range);
  if (parsed.kind === "damaged")
    return [{ name: "Solution (damaged)", kind: SymbolKind.Null, range, selectionRange: range }];
  return [
    {
      name: `Solution: ${parsed.solution.answer?.text ?? "no answer"}`,
      detail: parsed.solution.model,
      kind: SymbolKind.Object,
      range,
      selectionRange: { start: range.start, end: range.start },
      children: parsed.steps.map(({ step, range: place, reasonRange }) => ({
        name: `Step ${step.number}${step.reason === "" ? "" : `: ${step.reason}`}`,
        detail: `Q ${step.q.toFixed(2)}`,
        kind: SymbolKind.Function,
        range: document.range(place),
        selectionRange: document.range(reasonRange),
      })),
    },
  ];
}

/** Every stored solution can be folded, and every step within it. */
export function foldingRanges(document: OpenDocument): FoldingRange[] {
  return document.found.solutions.flatMap((block) => {
    const parsed = document.parsed(block);
    const places = parsed.kind === "solution" ? parsed.steps.map(({ range }) => range) : [];
    return [block.range, ...places]
      .map((range) => document.range(range))
      .filter(({ start, end }) => end.line > start.line)
      .map(({ start, end }) => ({ startLine: start.line, endLine: end.line, kind: FoldingRangeKind.Region }));
  });
}
