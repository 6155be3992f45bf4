/** The search view's session: found again after a reload, the same for all traces of a problem. */
import { describe, expect, it } from "vitest";
import { parseSession, problemAmong, sessionOf } from "../../../src/session.ts";

const second = { uri: "file:///a%20b.md", problem: { hash: "abc", index: 2 }, traceId: null };

describe("a session", () => {
  it("names the problem and not the trace", () => {
    expect(sessionOf({ ...second, traceId: "01J" })).toBe(sessionOf(second));
    expect(parseSession(sessionOf(second))).toEqual(second);
  });

  it("tells problems with the same text apart", () => {
    expect(sessionOf({ ...second, problem: { hash: "abc", index: 1 } })).not.toBe(sessionOf(second));
  });

  it("names the trace where there is no document", () => {
    const stored = { uri: null, problem: null, traceId: "01J" };
    expect(parseSession(sessionOf(stored))).toEqual(stored);
  });

  it.each(["", "{", "[]", '["problem","only"]', '["problem","a","b"]', "null"])("is not %j", (text) => {
    expect(parseSession(text)).toBeNull();
  });
});

describe("the problem of a subject", () => {
  const at = (hash: string, index: number) => ({ hash, index });

  it("is the one at its place of those with its text", () => {
    expect(problemAmong([at("abc", 1), at("abc", 2)], second)).toEqual(at("abc", 2));
  });

  it("is found when problems above it come or go", () => {
    expect(problemAmong([at("new", 2), at("abc", 3)], second)).toEqual(at("abc", 3));
    expect(problemAmong([at("new", 2)], second)).toBeUndefined();
  });
});
