/** The search view's session: found again after a reload, the same for all traces of a problem. */
import { describe, expect, it } from "vitest";
import { parseSession, sessionOf } from "../../../src/session.ts";

describe("a session", () => {
  it("names the problem and not the trace", () => {
    const problem = { uri: "file:///a%20b.md", hash: "abc", traceId: null };
    expect(sessionOf({ ...problem, traceId: "01J" })).toBe(sessionOf(problem));
    expect(parseSession(sessionOf(problem))).toEqual(problem);
  });

  it("names the trace where there is no document", () => {
    const stored = { uri: null, hash: null, traceId: "01J" };
    expect(parseSession(sessionOf(stored))).toEqual(stored);
  });

  it.each(["", "{", "[]", '["problem","only"]', "null"])("is not %j", (text) => {
    expect(parseSession(text)).toBeNull();
  });
});
