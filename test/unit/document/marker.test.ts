/** The line before a stored solution, as it may have been edited. */
import { expect, it } from "vitest";
import { readMarker, startMarker } from "../../../server/document/marker.ts";

const fieldsOf = (line: string): unknown => Object.fromEntries(readMarker(line)?.marker.fields ?? []);

it("has every field that was written, whatever its value", () => {
  const fields = [
    ["v", "1"],
    ["model", 'a "b" --> c=d'],
    ["problem-hash", "0f"],
  ] as const;
  expect(fieldsOf(startMarker(fields))).toEqual(Object.fromEntries(fields));
  expect(fieldsOf('<!-- rstar:solution a=1"b c=2"d="3"e=4 f= =5 -g=6 -->')).toEqual({
    ...{ a: "1", c: "2", d: "3", e: "4", f: "", "-g": "6" },
  });
});

it.each(["a", "-", 'a="', "a=", '="', 'a="\\"'])("is read in time where it is a megabyte of %s", (piece) => {
  const long = piece.repeat(1_000_000 / piece.length);
  expect(fieldsOf(`<!-- rstar:solution v=1 ${long} w=2 -->`)).toHaveProperty("v", "1");
});
