import { describe, expect, it } from "vitest";
import { lastLines } from "../../../server/models/last-lines.ts";

describe("lastLines", () => {
  it("are the last that say something", () => {
    expect(lastLines("a\n\nb\nc\n\n", 2)).toBe("b c");
    expect(lastLines("")).toBe("it gave no reason");
  });
});
