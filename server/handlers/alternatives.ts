/** What else was tried at a step, and showing it instead. */
import { insertSolution } from "../document/edit.ts";
import type { EditOutcome } from "../protocol/places.ts";
import type { UseAlternativeParams } from "../protocol/requests.ts";
import { TRACE_VERSION, type Trace, type TraceNode } from "../protocol/trace.ts";
import { bestAnswerBelow, pathTo } from "../protocol/trace-path.ts";
import { qValue } from "../search/tree.ts";
import { toSolution } from "../solutions.ts";
import type * as z from "zod";
import { editDocument } from "./edits.ts";
import type { Session } from "./session.ts";

/** The other candidates for the same step: those that ran first, best first. */
export function siblingsOf(trace: Trace, node: TraceNode): TraceNode[] {
  return trace.nodes
    .filter((each) => each.parent === node.parent && each.id !== node.id && each.kind === "step")
    .sort(
      (a, b) =>
        Number(a.rejection !== null) - Number(b.rejection !== null) || qValue(b) - qValue(a) || a.id - b.id,
    );
}

/** The trace with another trajectory chosen, and the person's preference for its step over the one chosen before. */
function withChosen(
  trace: Trace,
  node: TraceNode,
  answer: TraceNode,
  stamp: { readonly id: string; readonly createdAt: string },
): Trace {
  const before = trace.chosen === null ? [] : pathTo(trace.nodes, trace.chosen);
  const rejected = before.find((each) => each.parent === node.parent && each.id !== node.id)?.id ?? null;
  return {
    ...trace,
    version: TRACE_VERSION,
    ...stamp,
    continues: trace.id,
    chosen: answer.id,
    preferences: [
      ...(trace.preferences ?? []),
      { kind: "pin", preferred: node.id, rejected, createdAt: stamp.createdAt },
    ],
  };
}

/** `rstar/useAlternative` */
export async function useAlternative(
  session: Session,
  params: z.output<typeof UseAlternativeParams>,
): Promise<EditOutcome> {
  const trace = await session.library.find(params.traceId);
  const node = trace?.nodes[params.node];
  if (trace === null || node === undefined)
    return {
      kind: "not-done",
      message: `The search ${params.traceId} is not stored on this machine, so its alternatives are not known. Nothing was changed.`,
    };
  const answer = bestAnswerBelow(trace, params.node);
  if (answer === null)
    return {
      kind: "not-done",
      message:
        "No trajectory through this step reached an answer. Pin the step to search on from it; nothing was changed.",
    };
  const document = session.documents.get(params.uri);
  const found = document?.find(params.problem);
  if (document === null || found === undefined)
    return { kind: "not-done", message: "The file is no longer open. Nothing was changed." };
  if (found.kind === "none") return { kind: "not-done", message: found.message };
  if (found.problem.hash !== trace.problem.id)
    return {
      kind: "not-done",
      message: "The problem's text changed since that search. Solve it again; nothing was changed.",
    };
  const { problem } = found;
  const source = document.source(problem.range);
  const chosen = withChosen(trace, node, answer, {
    id: session.services.newTraceId(),
    createdAt: session.services.now().toISOString(),
  });
  await session.library.append(chosen);
  const solution = toSolution(chosen, problem.hash);
  const kept = `The choice is kept as ${chosen.id} and can be inserted later.`;
  return editDocument(session, params.uri, "rStar Math: use alternative", kept, (now) => {
    const place = now.relocate(problem, source);
    return place === null
      ? { kind: "none", message: `The problem was changed meanwhile. ${kept}` }
      : {
          kind: "edits",
          edits: [insertSolution(now.text, place, solution)],
          done: `The solution goes through the other step now; its answer is ${answer.answer ?? "none"}.`,
        };
  });
}
