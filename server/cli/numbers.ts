/** Reads the numbers that people give as options. */
import { InvalidArgumentError } from "commander";

/** A whole number of at least 1. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("a whole number of at least 1 is needed.");
  return value;
}

/** A whole number of at least 0. */
export function count(text: string): number {
  if (!/^\d+$/u.test(text)) throw new InvalidArgumentError("a whole number of at least 0 is needed.");
  return Number(text);
}
