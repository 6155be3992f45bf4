/** A file's problems as a sheet to hand out, with the solutions below them and those that the store keeps. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import type * as z from "zod";
import { toHtml } from "../document/html.ts";
import { toLatex } from "../document/latex.ts";
import type { Problem } from "../document/problems.ts";
import { composeSheet } from "../document/sheet.ts";
import type { Solution } from "../document/solution.ts";
import type { SheetContent, SheetFormat } from "../protocol/places.ts";
import type { REQUESTS, ResultOf } from "../protocol/requests.ts";
import type { OpenDocument } from "./documents.ts";
import { MathImages } from "./math-images.ts";
import { keptSolution, writtenSolution } from "./placing.ts";
import type { Session } from "./session.ts";

/** `rstar/exportSheet` */
export async function exportSheet(
  session: Session,
  { uri, content, format }: z.output<typeof REQUESTS.exportSheet.params>,
): Promise<ResultOf<typeof REQUESTS.exportSheet>> {
  const document = session.documents.get(uri);
  if (document === null) return { kind: "none", message: `${uri} is not open.` };
  const { found, text } = document;
  const { problems } = found;
  if (problems.length === 0) return { kind: "none", message: "There is no problem in this file." };
  const solutions = content === "problems" ? new Map() : await solutionsOf(session, document);
  const markdown = composeSheet(text, found, session.settings.document, content, solutions);
  return {
    kind: "text",
    text: await inFormat(session, markdown, format, titleOf(uri)),
    message: messageOf(problems, content, solutions),
  };
}

/** The solution of each problem as its text is: an older one would be of another problem. */
async function solutionsOf(session: Session, document: OpenDocument): Promise<Map<Problem, Solution>> {
  await session.library.refresh();
  const solutions = new Map<Problem, Solution>();
  for (const problem of document.found.problems) {
    const written = document.isStale(problem) ? null : writtenSolution(document, problem);
    const solution = written ?? (await keptSolution(session, document, problem));
    if (solution !== null) solutions.set(problem, solution);
  }
  return solutions;
}

async function inFormat(
  session: Session,
  markdown: string,
  format: SheetFormat,
  title: string,
): Promise<string> {
  const { display } = session.client;
  switch (format) {
    case "markdown":
      return markdown;
    case "latex":
      return toLatex(markdown, display.macros);
    case "html": {
      const images = new MathImages(display);
      return await toHtml(markdown, title, (tex, isDisplay) => images.svg(tex, isDisplay));
    }
    default:
      return format satisfies never;
  }
}

function titleOf(uri: string): string {
  return uri.startsWith("file:") ? path.parse(fileURLToPath(uri)).name : uri;
}

function messageOf(
  problems: readonly Problem[],
  content: SheetContent,
  solutions: ReadonlyMap<Problem, Solution>,
): string {
  const all = `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
  switch (content) {
    case "problems":
      return `${all}.`;
    case "answers": {
      const answered = problems.filter(
        (problem) => problem.reference !== undefined || solutions.get(problem)?.answer != null,
      );
      return `${all}, ${answered.length} with an answer.`;
    }
    case "solutions":
      return `${all}, ${solutions.size} with a solution.`;
    default:
      return content satisfies never;
  }
}
