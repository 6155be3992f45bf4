/** One line of a problem file: a JSON object with an id, a statement and an answer, or what is wrong with it. */
import * as z from "zod";
import { messageOf } from "../errors.ts";

/** A number as its text; beyond 2^53 another one would be read than the one that was written. */
const number = z
  .number()
  .transform(String)
  .refine(
    (value) => Math.abs(Number(value)) <= Number.MAX_SAFE_INTEGER,
    "is too large a number: write it in quotes",
  );
const text = z.string().refine((value) => value.trim() !== "", "is empty");

/** What every problem has. Fields beyond these are allowed: public sets carry more. */
export const ProblemLine = z.looseObject({
  id: text,
  problem: text,
  answer: z.union([text, number]),
  level: z.union([z.string(), z.number().transform(String)]).optional(),
});

/** Reads a line by `ProblemLine` or an extension of it; a text says what is wrong. */
export function readProblemLine<T>(line: string, schema: z.ZodType<T>): T | string {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (error) {
    return `it is not JSON (${messageOf(error)})`;
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  if (field === "") return "it is not an object with id, problem and answer";
  const isMissing = typeof data === "object" && data !== null && !(field in data);
  return isMissing
    ? `the field "${field}" is missing`
    : `the field "${field}" ${issue?.message ?? "is wrong"}`;
}
