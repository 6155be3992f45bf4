/** Finds the markers of stored solutions among blocks, pairs them, and reports the ones that lost their partner. */
import type { Block } from "./blocks.ts";
import { lineContent, type Containers } from "./containers.ts";
import { readMarker, type Marker } from "./marker.ts";
import type { DocumentIssue, SolutionBlock } from "./problem.ts";
import { provenEnd } from "./read-solution.ts";
import { FORMAT_VERSION } from "./solution-model.ts";
import type { Line, TextLines } from "./text-lines.ts";

/**
 * A child of a container: an ordinary block, a stored solution in place of the blocks that it consists of, or what is
 * left of a solution whose opening marker is gone.
 */
export type Part =
  | { readonly kind: "block"; readonly block: Block }
  | { readonly kind: "remains" }
  | { readonly kind: "solution"; readonly solution: SolutionBlock };

/** The children of one container with its solutions folded into one part each. */
export interface Parts {
  readonly parts: readonly Part[];
  readonly issues: readonly DocumentIssue[];
}

interface FoundMarker {
  readonly marker: Marker;
  readonly start: number;
  readonly end: number;
  /** The line after the marker's. */
  readonly below: number;
}

/**
 * Folds stored solutions. `barrier` says which blocks no solution of ours can contain: an opening and a closing marker
 * with one between them do not belong together, and each is half a block.
 */
export function foldSolutions(
  lines: TextLines,
  children: readonly Block[],
  containers: Containers,
  barrier: (block: Block) => boolean,
): Parts {
  const parts: Part[] = [];
  const issues: DocumentIssue[] = [];
  let open: FoundMarker | null = null;
  let held: Part[] = [];

  const closeHalf = (limit: number): void => {
    if (open === null) return;
    const line = lines.numberAt(open.start);
    const end = provenEnd(lines, line, lines.numberAt(limit), containers, open.end);
    const solution = solutionBlock(open, end, false, containers);
    parts.push({ kind: "solution", solution });
    parts.push(...held.filter((part) => startOf(part) >= end));
    issues.push({
      kind: "half-solution",
      range: { start: open.start, end: open.end },
      message:
        "This solution has no end marker, so where it ends is not certain. Solve again: only the lines that are surely part of it are replaced. Or delete it by hand.",
    });
    open = null;
    held = [];
  };

  for (const block of children) {
    const markers = block.type === "html" ? markersIn(lines, block, containers) : [];
    if (markers.length === 0) {
      if (open !== null && barrier(block)) closeHalf(block.start);
      (open === null ? parts : held).push({ kind: "block", block });
      continue;
    }
    for (const found of markers) {
      if (found.marker.kind === "start") {
        closeHalf(found.start);
        open = found;
        held = [];
      } else if (open !== null) {
        const solution = solutionBlock(open, found.end, true, containers);
        parts.push({ kind: "solution", solution });
        if (solution.version > FORMAT_VERSION) issues.push(newerFormat(solution));
        open = null;
        held = [];
      } else {
        // What it ended is a solution's text, which no statement may show.
        const from = firstRemains(lines, parts, barrier);
        if (from !== null) parts.splice(from, parts.length - from, { kind: "remains" });
        else parts.push({ kind: "block", block });
        issues.push({
          kind: "stray-end-marker",
          range: { start: found.start, end: found.end },
          message:
            "This marker ends a solution whose first marker is gone. Delete it, and what is left above it.",
        });
      }
    }
  }
  closeHalf(children.at(-1)?.end ?? 0);
  return { parts, issues };
}

/** The first of the parts at the end that a rendering of ours would begin with; null when there is none. */
function firstRemains(
  lines: TextLines,
  parts: readonly Part[],
  barrier: (block: Block) => boolean,
): number | null {
  let first: number | null = null;
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at];
    if (part?.kind !== "block" || barrier(part.block)) break;
    const source = lines.text.slice(part.block.start, part.block.end);
    if (part.block.type === "paragraph" && /^\*\*(?:Final answer:|Step \S+\.)\*\*/.test(source)) first = at;
  }
  return first;
}

function markersIn(lines: TextLines, block: Block, containers: Containers): readonly FoundMarker[] {
  // Between these tags a marker is text that the author wants to show.
  if (/^\s*<(?:pre|script|style|textarea)/i.test(lines.text.slice(block.start, block.end))) return [];
  const found: FoundMarker[] = [];
  const last = lines.numberAt(block.end);
  for (let number = lines.numberAt(block.start); number <= last; number++) {
    const line: Line = lines.at(number);
    const content = lineContent(lines, line, containers);
    const indent = content.text.length - content.text.trimStart().length;
    const read = readMarker(content.text.slice(indent));
    if (read === null) continue;
    const start = line.end - content.text.length + indent;
    found.push({ marker: read.marker, start, end: start + read.length, below: line.next });
  }
  return found;
}

function solutionBlock(
  open: FoundMarker,
  end: number,
  complete: boolean,
  containers: Containers,
): SolutionBlock {
  const fields = open.marker.fields;
  return {
    range: { start: open.start, end },
    complete,
    version: Number(fields.get("v") ?? "0"),
    problemHash: fields.get("problem") ?? "",
    traceId: fields.get("trace") ?? "",
    containers,
  };
}

function newerFormat(solution: SolutionBlock): DocumentIssue {
  return {
    kind: "newer-format",
    range: solution.range,
    message: `This solution was written by a newer version (format ${solution.version}); this one reads up to ${FORMAT_VERSION}. Update, or solve again to replace it.`,
  };
}

function startOf(part: Part): number {
  switch (part.kind) {
    case "block":
      return part.block.start;
    case "solution":
      return part.solution.range.start;
    case "remains":
      return 0;
  }
}
