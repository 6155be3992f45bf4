/** Hovers: on a step its value, evidence, run and siblings; on the answer the vote; on a problem its state. */
import { MarkupKind, type Hover } from "vscode-languageserver";
import type { Evidence, StepPlace } from "../document/solution.ts";
import type { Problem } from "../document/problems.ts";
import { COMMANDS } from "../protocol/commands.ts";
import type { Position } from "../protocol/places.ts";
import type { Trace, TraceNode } from "../protocol/trace.ts";
import { qValue } from "../search/tree.ts";
import { matchSteps } from "../solutions.ts";
import { siblingsOf } from "./alternatives.ts";
import { codeSpan, escapeMarkdown, proseWithMath, type Typeset } from "./math-images.ts";
import type { OpenDocument } from "./documents.ts";
import { placeOf, statusOf, stepChecks, type ProblemStatus } from "./problem-states.ts";
import type { Session } from "./session.ts";
import { shorten } from "../protocol/text.ts";

const SIBLINGS_SHOWN = 4;
const LONGEST_OUTPUT = 300;

/** What is known about the place; null where there is nothing to say. */
export async function hoverAt(
  session: Session,
  document: OpenDocument,
  position: Position,
  typeset: Typeset,
): Promise<Hover | null> {
  const offset = document.offset(position);
  const problem = document.problemAt(offset);
  if (problem === undefined) return null;
  const status = statusOf(session, document, problem);
  const block = problem.solution;
  if (block === undefined || offset < block.range.start || status.parsed === null) {
    const heading = document.range(problem.headingRange);
    if (offset > problem.headingRange.end) return null;
    return { contents: markdown(problemText(status)), range: heading };
  }
  if (status.parsed.kind === "damaged")
    return {
      contents: markdown(
        `**Damaged solution.** ${escapeMarkdown(status.parsed.reason)} It is left as it is.`,
      ),
      range: document.range(status.parsed.range),
    };
  const { solution, steps } = status.parsed;
  const place = steps.find(({ range }) => range.start <= offset && offset <= range.end);
  const trace = await session.library.find(solution.traceId);
  const uri = document.uri;
  if (place === undefined) {
    if (trace === null && status.state !== "stale") return null;
    return { contents: markdown(answerText(status, trace)) };
  }
  const nodes = trace === null ? [] : matchSteps(trace, solution);
  const text = await stepText(session, uri, problem, status, place, trace, nodes, typeset);
  return { contents: markdown(text), range: document.range(place.range) };
}

function markdown(value: string): { kind: typeof MarkupKind.Markdown; value: string } {
  return { kind: MarkupKind.Markdown, value };
}

function problemText({ problem, detail, stored }: ProblemStatus): string {
  const lines = [`**Problem ${problem.index}** · ${escapeMarkdown(detail)}`];
  if (problem.reference !== undefined)
    lines.push(`Given answer: ${codeSpan(problem.reference.text)} (no model sees it).`);
  if (stored !== undefined)
    lines.push(
      `Search: ${escapeMarkdown(stored.strategy)}, ${stored.generatedTokens} tokens, ${stored.nodes} nodes, ended by ${escapeMarkdown(stored.stop)}.`,
    );
  return lines.join("\n\n");
}

function answerText({ parsed, state }: ProblemStatus, trace: Trace | null): string {
  const solution = parsed?.kind === "solution" ? parsed.solution : null;
  const lines = [`**Answer** ${solution?.answer == null ? "none" : codeSpan(solution.answer.text)}`];
  if (state === "stale") lines.push("**Stale**: the problem's text changed since this was found.");
  if (solution !== null) lines.push(evidenceList(solution.answerEvidence));
  if (trace !== null) {
    const votes = trace.votes.slice(0, 5).map(({ answer, count, weight }) => {
      return `| ${codeSpan(answer).replaceAll("|", "\\|")} | ${count} | ${weight.toFixed(2)} |`;
    });
    if (votes.length > 0)
      lines.push(["| answer | trajectories | weight |", "| --- | --: | --: |", ...votes].join("\n"));
  }
  return lines.join("\n\n");
}

async function stepText(
  session: Session,
  uri: string,
  problem: Problem,
  { state, check }: ProblemStatus,
  { step, position }: StepPlace,
  trace: Trace | null,
  nodes: readonly TraceNode[],
  typeset: Typeset,
): Promise<string> {
  const node = nodes[position];
  const siblings = trace === null || node === undefined ? [] : siblingsOf(trace, node);
  const better = siblings.filter((each) => each.rejection === null && qValue(each) > step.q).length;
  const rank = siblings.length === 0 ? "" : `${better + 1}. of ${siblings.length + 1} candidates`;
  const lines = [
    [
      `**Step ${step.number}**`,
      rank,
      `Q ${step.q.toFixed(2)}`,
      `${step.visits} ${step.visits === 1 ? "visit" : "visits"}`,
      step.ppm === null ? "" : `PPM ${step.ppm.toFixed(2)}`,
    ]
      .filter((part) => part !== "")
      .join(" · "),
    await proseWithMath(step.reason, typeset),
  ];
  if (state === "stale") lines.push("**Stale**: the problem's text changed since this was found.");
  const checked = stepChecks(check, position);
  if (checked !== null)
    lines.push(
      checked ? "Checked again: it runs as stored." : "**Checked again: it no longer runs as stored.**",
    );
  lines.push(evidenceList(step.evidence));
  if (step.output !== "") lines.push(`Printed ${codeSpan(cut(step.output))}`);
  if (step.value !== null) lines.push(`Value ${codeSpan(cut(step.value))}`);
  if (trace === null)
    lines.push(
      `The search ${codeSpan(problem.solution?.traceId ?? "")} is not stored here, so what else was tried is not known.`,
    );
  else if (node === undefined) lines.push("This step was edited by hand: it is in no search yet.");
  else if (siblings.length > 0)
    lines.push(await siblingList(session, uri, problem, trace, siblings, typeset));
  return lines.filter((line) => line !== "").join("\n\n");
}

async function siblingList(
  session: Session,
  uri: string,
  problem: Problem,
  trace: Trace,
  siblings: readonly TraceNode[],
  typeset: Typeset,
): Promise<string> {
  const place = placeOf(uri, problem);
  const lines = [];
  for (const node of siblings.slice(0, SIBLINGS_SHOWN)) {
    const words = node.reason === "" ? codeSpan(cut(node.code)) : await proseWithMath(node.reason, typeset);
    const verdict =
      node.rejection === null
        ? `Q ${qValue(node).toFixed(2)}, ${node.visits} ${node.visits === 1 ? "visit" : "visits"}`
        : `rejected, ${escapeMarkdown(node.rejection.message)}${node.rejection.line === null ? "" : ` (line ${node.rejection.line})`}`;
    const link =
      node.rejection === null && session.client.commands === "client"
        ? ` [Use This](${commandLink(COMMANDS.useAlternative, { ...place, traceId: trace.id, node: node.id })})`
        : "";
    lines.push(`- ${verdict}: ${words}${link}`);
  }
  const more = siblings.length - SIBLINGS_SHOWN;
  return [`Instead of this step:`, "", ...lines, ...(more > 0 ? [`- and ${more} more`] : [])].join("\n");
}

function evidenceList(evidence: readonly Evidence[]): string {
  return evidence
    .map(
      ({ kind, holds, text }) => `- ${sideOf(holds)}${kind}${text === "" ? "" : `: ${escapeMarkdown(text)}`}`,
    )
    .join("\n");
}

function sideOf(holds: Evidence["holds"]): string {
  return holds === null ? "neutral: " : holds ? "" : "**against:** ";
}

function commandLink(command: string, argument: object): string {
  return `command:${command}?${encodeURIComponent(JSON.stringify([argument]))}`;
}

function cut(text: string): string {
  return shorten(text.trim(), LONGEST_OUTPUT);
}
