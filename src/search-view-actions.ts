/** What the search view's requests lead to. */
import * as vscode from "vscode";
import { COMMANDS } from "../server/protocol/commands.ts";
import type { ProblemPlace } from "../server/protocol/places.ts";
import { STRATEGIES } from "../server/protocol/strategies.ts";
import type { FromSearchView } from "../server/protocol/view.ts";
import type { PersonChoice } from "../server/protocol/solving.ts";
import type { Trace } from "../server/protocol/trace.ts";
import { pathTo } from "../server/protocol/trace-path.ts";
import { columnOf, openUnseen, toRange } from "./problem-lists.ts";
import { tellEdit } from "./outcomes.ts";
import type { Parts } from "./parts.ts";
import type { PageRequest } from "./page-panel.ts";
import { problemAmong, type Subject } from "./session.ts";
import { resumeTrace, search, stop } from "./solving.ts";

/** What is shown when a request comes. */
export interface Shown {
  readonly subject: Subject;
  readonly trace: Trace | null;
}

type Message = Exclude<PageRequest<FromSearchView>, { readonly kind: "open-trace" | "follow" }>;

/** The parts that the requests need. */
export type ViewActions = Parts;

/** Does what was asked. A text is for the line at the top of the view; null where there is nothing to say. */
export async function answer(
  message: Message,
  { subject, trace }: Shown,
  parts: ViewActions,
): Promise<string | null> {
  const place = placeOf(subject);
  const onward = place === undefined ? {} : { place };
  switch (message.kind) {
    case "reveal":
      return await reveal(subject, trace, message.node, parts);
    case "use-alternative": {
      if (message.traceId === null || place === undefined) return notStored();
      await openUnseen(vscode.Uri.parse(place.uri));
      await tellEdit(
        await parts.server.ask("useAlternative", {
          ...place,
          traceId: message.traceId,
          node: message.node,
        }),
      );
      return null;
    }
    case "insert":
      if (place === undefined) return notStored();
      await vscode.commands.executeCommand(COMMANDS.insertSolution, { traceId: message.traceId, place });
      return null;
    case "pin":
    case "reject":
      return await choose(message.traceId, {
        kind: message.kind,
        at: { kind: "node", node: message.node },
      });
    case "edit":
      return await choose(message.traceId, {
        kind: "edit",
        at: { kind: "node", node: message.node },
        text: stepText(message.reason, message.code),
      });
    case "resume":
      await resumeTrace(parts, message.traceId, place);
      return null;
    case "solve": {
      const strategy = STRATEGIES.find((name) => name === message.strategy);
      if (place === undefined || strategy === undefined) return notStored();
      await search(parts, { kind: "solve", params: { ...place, overrides: { strategy }, insert: false } });
      return null;
    }
    case "cancel":
      await stop(parts, subject.traceId ?? undefined);
      return null;
    default:
      return message satisfies never;
  }

  /** The node is one of the trace that the page showed, whatever is shown by now. */
  async function choose(traceId: string | null, choice: PersonChoice): Promise<string | null> {
    if (traceId === null) return notStored();
    await search(parts, { kind: "continue", params: { traceId, choice, ...onward } });
    return null;
  }
}

function placeOf({ uri, problem }: Subject): ProblemPlace | undefined {
  return uri === null || problem === null ? undefined : { uri, problem: { kind: "hash", ...problem } };
}

const notStored = (): string =>
  vscode.l10n.t("This belongs to no open document, or its search is not stored yet; nothing was changed.");

/** Comment and code, as a step is written. */
function stepText(reason: string, code: string): string {
  const comment = reason
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => `# ${line.replace(/^#\s*/u, "")}\n`)
    .join("");
  return comment + code;
}

/** Shows the node's step in the document; of a step that is not there, the problem. */
async function reveal(
  subject: Subject,
  trace: Trace | null,
  node: number,
  parts: Parts,
): Promise<string | null> {
  if (subject.uri === null) return notStored();
  const uri = vscode.Uri.parse(subject.uri);
  const problem = problemAmong(await parts.lists.read(uri), subject);
  if (problem === undefined) return vscode.l10n.t("The problem is no longer in the document.");
  const path = trace === null || trace.chosen === null ? [] : pathTo(trace.nodes, trace.chosen);
  const position = problem.traceId === trace?.id ? path.findIndex(({ id }) => id === node) : -1;
  const step = problem.steps.find((one) => one.position === position);
  await vscode.window.showTextDocument(uri, {
    viewColumn: columnOf(uri) ?? vscode.ViewColumn.One,
    selection: toRange(step?.range ?? problem.headingRange),
  });
  return null;
}
