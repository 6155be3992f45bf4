/** Stop strings are found across token boundaries, and characters that span tokens come out whole. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopMatcher, type StopState, TextStream } from "../../../server/engine/stop.ts";

function feed(stops: readonly string[], pieces: readonly string[]): StopState {
  const matcher = new StopMatcher(stops);
  for (const piece of pieces) {
    const state = matcher.push(piece);
    if (state.kind === "stop") return state;
  }
  return { kind: "open" };
}

/** Cuts a text at some places. */
function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [...ends, text.length].map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

describe("StopMatcher", () => {
  it("finds a stop string spread over several pieces and cuts the text before it", () => {
    expect(feed(["<end>"], ["x = 1\n<", "en", "d> y"])).toEqual({
      kind: "stop",
      stop: "<end>",
      text: "x = 1\n",
    });
  });

  it("stays open while no stop string is complete", () => {
    expect(feed(["<end>"], ["<en", "x", "d>"])).toEqual({ kind: "open" });
  });

  it("takes the string that is complete first, and the longest of those that end together", () => {
    expect(feed(["bcd", "b"], ["abcd"])).toMatchObject({ stop: "b", text: "a" });
    expect(feed(["c", "abc"], ["abc"])).toMatchObject({ stop: "abc", text: "" });
  });

  it("ignores empty stop strings", () => {
    expect(feed([""], ["abc"])).toEqual({ kind: "open" });
  });

  it("gives the same result however the text was cut into pieces", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "<"), maxLength: 30 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "<"), maxLength: 4 }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(text, stops, fc.array(fc.nat(40)), (whole, strings, places) => {
        expect(feed(strings, cut(whole, places))).toEqual(feed(strings, Array.from(whole)));
      }),
    );
  });
});

describe("TextStream", () => {
  /** One token per byte, decoded as UTF-8; what is incomplete comes out as U+FFFD. */
  const bytes = (tokens: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(tokens));

  it("holds a character back until its last byte has come", () => {
    const stream = new TextStream(bytes);
    const pieces = [...new TextEncoder().encode("a√b")].map((byte) => stream.push(byte));
    expect(pieces).toEqual(["a", "", "", "√", "b"]);
  });

  it("gives up what was held back when the text is over", () => {
    const stream = new TextStream(bytes);
    stream.push(0xe2);
    expect(stream.flush()).toBe("\uFFFD");
    expect(stream.flush()).toBe("");
  });

  it("does not wait for ever for a character that never becomes whole", () => {
    const stream = new TextStream(bytes);
    const text = Array.from({ length: 20 }, () => stream.push(0x80)).join("");
    expect(text.length).toBeGreaterThan(0);
  });

  it("puts pieces together to the text of all tokens, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const stream = new TextStream(bytes);
        // The decoder drops a byte order mark at the start of every text.
        fc.pre(!text.includes("\uFEFF"));
        const pieces = [...new TextEncoder().encode(text)].map((byte) => stream.push(byte));
        expect(pieces.join("") + stream.flush()).toBe(text);
      }),
    );
  });

  it("keeps the space that a vocabulary drops at the start of a text", () => {
    const words = ["", " one", " two", " three"];
    const spm = (tokens: readonly number[]): string =>
      tokens
        .map((token) => words[token] ?? "")
        .join("")
        .replace(/^ /, "");
    const stream = new TextStream(spm);
    expect([1, 2, 3].map((token) => stream.push(token)).join("")).toBe("one two three");
  });
});
