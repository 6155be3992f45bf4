/** Times for narrow places. */
import { expect, it } from "vitest";
import { formatSeconds } from "../../../server/protocol/text.ts";

it.each([
  [0, "0 s"],
  [0.2, "1 s"],
  [89, "89 s"],
  [150, "3 min"],
  [5399, "90 min"],
  [5760, "1.6 h"],
])("%d seconds are %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
