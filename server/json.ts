/** Reads JSON that other programs, earlier versions or a kill in the middle may have written. */
import { z } from "zod";
import { messageOf } from "./errors.ts";

/** What a text says by a schema, or in one line why it cannot be told. */
export type JsonReading<T> =
  { readonly kind: "value"; readonly value: T } | { readonly kind: "bad"; readonly detail: string };

/** Reads a text by a schema. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): JsonReading<T> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return { kind: "bad", detail: messageOf(error) };
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return { kind: "value", value: parsed.data };
  return { kind: "bad", detail: z.prettifyError(parsed.error).replaceAll("\n", " ") };
}

/** The same where nobody asks why: null for a line that a kill cut off. */
export function jsonBy<T>(text: string, schema: z.ZodType<T>): T | null {
  const reading = parseJson(text, schema);
  return reading.kind === "value" ? reading.value : null;
}

/** A JSON value, or undefined, which no JSON is. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
