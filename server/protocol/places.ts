/** Places in a document and names of its problems, as requests carry them. */
import * as z from "zod";

/** A place: 0-based line and UTF-16 code unit within it, as in the Language Server Protocol. */
export const Position = z.object({ line: z.int().nonnegative(), character: z.int().nonnegative() });
export type Position = z.infer<typeof Position>;

/** From `start` up to and without `end`. */
export const Range = z.object({ start: Position, end: Position });
export type Range = z.infer<typeof Range>;

/**
 * Which problem of a document is meant. A `hash` (of the statement) holds through edits elsewhere in the file, so it is
 * what lenses and the problem list hand out; `selection` makes a problem of selected text.
 */
export const ProblemReference = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("hash"),
    hash: z.string(),
    /** The 1-based position in the file: tells problems with the same text apart. */
    index: z.int().positive().optional(),
  }),
  z.object({ kind: z.literal("index"), index: z.int().positive() }),
  z.object({ kind: z.literal("position"), position: Position }),
  z.object({
    kind: z.literal("selection"),
    range: Range,
    /** What was selected: where the range holds something else by now, it is looked for. */
    text: z.string().optional(),
  }),
]);
export type ProblemReference = z.infer<typeof ProblemReference>;

/** A problem of an open document. */
export const ProblemPlace = z.object({ uri: z.string(), problem: ProblemReference });
export type ProblemPlace = z.infer<typeof ProblemPlace>;

/** What a stored solution can be copied as. */
export const ExportFormat = z.enum(["markdown", "latex", "python"]);
export type ExportFormat = z.infer<typeof ExportFormat>;

/** What a sheet has of each problem: the text alone, with its answer, or with answer and steps. */
export const SheetContent = z.enum(["solutions", "answers", "problems"]);
export type SheetContent = z.infer<typeof SheetContent>;

/** What a sheet can be written as. */
export const SheetFormat = z.enum(["markdown", "latex", "html"]);
export type SheetFormat = z.infer<typeof SheetFormat>;

/** What came of changing the document, with a sentence for the person. */
export const EditOutcome = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("done"),
    message: z.string(),
    /** Something is left for the person to do, which `message` says. */
    unfinished: z.literal(true).optional(),
  }),
  /** Nothing in the document changed; `message` says why, what to do, and where the result is kept. */
  z.object({ kind: z.literal("not-done"), message: z.string() }),
]);
export type EditOutcome = z.infer<typeof EditOutcome>;
