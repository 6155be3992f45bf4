/** When two texts are one name, on each system. */
import { expect, it } from "vitest";
import { isSameName } from "../../../server/protocol/paths.ts";

it.each([
  ["Notes.md", "notes.md", { linux: false, darwin: true, win32: true }],
  ["\u00dcbung.md", "U\u0308bung.md", { linux: false, darwin: true, win32: false }],
  ["notes.md", "note.md", { linux: false, darwin: false, win32: false }],
] as const)("%s and %s", (one, other, same) => {
  for (const platform of ["linux", "darwin", "win32"] as const)
    expect(isSameName(one, other, platform)).toBe(same[platform]);
});
