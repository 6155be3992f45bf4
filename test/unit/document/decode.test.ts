/** Files that are not UTF-8 are refused with advice; those that are come back byte for byte. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { decode, encode } from "../../../server/document/decode.ts";

describe("decode", () => {
  it.each([
    ["Latin-1", Buffer.from("caf\u00e9", "latin1"), "not valid UTF-8"],
    ["UTF-16", Buffer.from("\ufeffabc", "utf16le"), "UTF-16"],
    ["binary", Buffer.from([0x61, 0, 0x62]), "zero bytes"],
  ])("refuses %s and says what to do", (_name, bytes, reason) => {
    const decoded = decode(bytes);
    expect(decoded).toMatchObject({ kind: "failed", reason: expect.stringContaining(reason) as string });
    expect(decoded).toMatchObject({ reason: expect.stringContaining("nothing was written") as string });
  });
  it.each([
    ["a\nb\r\nc\n", "\n"],
    ["a\r\nb\r\nc\n", "\r\n"],
    ["a\rb", "\r"],
    ["a", "\n"],
  ] as const)("tells the commonest line ending of %j", (text, eol) => {
    expect(decode(Buffer.from(text))).toStrictEqual({ kind: "text", text, eol, bom: false });
  });
  it("gives back every byte through encode, a byte order mark too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), (content, bom) => {
        const text = content.replaceAll("\0", "");
        const bytes = Buffer.from(bom ? `\ufeff${text}` : text);
        const decoded = decode(bytes);
        if (decoded.kind === "failed") throw new Error(decoded.reason);
        expect(Buffer.from(encode(decoded.text, decoded.bom))).toStrictEqual(bytes);
      }),
    );
  });
});
