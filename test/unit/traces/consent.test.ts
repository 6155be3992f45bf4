/** Collecting traces for training: off until agreed to, never for files opted out. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  changeConsent,
  decide,
  isOptedOut,
  optOut,
  readConsent,
  renameOptedOut,
  trainingMark,
} from "../../../server/traces/consent.ts";
import { solve } from "../../../server/search/solve.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../../support/fakes.ts";

function home(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "rstar-consent-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const NOW = new Date(Date.UTC(2026, 0, 1));

test("nobody is asked: nothing may be collected", async () => {
  expect(trainingMark(await readConsent(home()), "notes.md")).toBe("not-agreed");
});

test("agreeing, opting a file out and withdrawing change what new traces say", async () => {
  const folder = home();
  await changeConsent(folder, (consent) => decide(consent, true, NOW));
  expect(trainingMark(await readConsent(folder), "notes.md")).toBe("agreed");
  await changeConsent(folder, (consent) => optOut(consent, "notes.md", true));
  expect(trainingMark(await readConsent(folder), path.resolve("notes.md"))).toBe("opted-out");
  expect(trainingMark(await readConsent(folder), "other.md")).toBe("agreed");
  await changeConsent(folder, (consent) => optOut(consent, "notes.md", false));
  await changeConsent(folder, (consent) => decide(consent, false, NOW));
  expect(trainingMark(await readConsent(folder), "notes.md")).toBe("not-agreed");
});

test("a file that is opted out later takes the traces that it left before with it", async () => {
  const trace = await solve(
    { id: "p", text: "What is it?", reference: null },
    configOf({ strategy: "greedy" }),
    fakeServices(scriptedPolicy(() => ({ text: "# Step 1: Say it.\nprint(1)", stop: "<end_of_code>" }))),
    { ...STAMP, source: "notes.md#2", training: "agreed" },
    new AbortController().signal,
  );
  expect(trace.training).toBe("agreed");
  const none = { version: 1 as const, agreed: true, decidedAt: null, optedOut: [] };
  expect(isOptedOut(none, trace)).toBe(false);
  expect(isOptedOut(optOut(none, "folder/notes.md", true), trace)).toBe(true);
  const other = optOut(none, "folder/Notes.md", true);
  expect(isOptedOut(other, trace, "linux")).toBe(false);
  expect(isOptedOut(other, trace, "darwin")).toBe(true);
});

test("a file that is renamed, or a folder above it, is left out by both names", () => {
  const none = { version: 1 as const, agreed: true, decidedAt: null, optedOut: [] };
  const [notes, sums] = [path.resolve("/school/notes.md"), path.resolve("/school/maths/sums.md")];
  const both = optOut(optOut(none, notes, true), sums, true);
  const file = renameOptedOut(both, notes, path.resolve("/school/diary.md"));
  expect(file.optedOut).toEqual([notes, sums, path.resolve("/school/diary.md")]);
  const folder = renameOptedOut(both, path.resolve("/school/maths"), path.resolve("/past"));
  expect(folder.optedOut).toEqual([notes, sums, path.resolve("/past/sums.md")]);
  expect(trainingMark({ kind: "consent", consent: folder }, path.resolve("/past/sums.md"))).toBe("opted-out");
  // Nothing of it: another file, a folder that only begins like theirs, a name that is left out already.
  for (const [from, to] of [
    ["/school/other.md", "/a.md"],
    ["/school/math", "/a"],
    ["/school/maths/sums.md", "/school/notes.md"],
  ] as const)
    expect(renameOptedOut(both, path.resolve(from), path.resolve(to))).toBe(both);
});

test("a file is found by its old name however its accents are written", () => {
  const none = { version: 1 as const, agreed: true, decidedAt: null, optedOut: [] };
  const out = optOut(none, path.resolve("/U\u0308bung/sums.md"), true);
  const [from, to] = [path.resolve("/\u00dcbung"), path.resolve("/past")];
  expect(renameOptedOut(out, from, to, "darwin").optedOut[1]).toBe(path.resolve("/past/sums.md"));
  expect(renameOptedOut(out, from, to, "linux")).toBe(out);
});

test("a decision that cannot be read counts as none and is left as it is", async () => {
  const folder = home();
  writeFileSync(path.join(folder, "consent.json"), "{");
  const reading = await readConsent(folder);
  expect(reading.kind).toBe("bad");
  expect(trainingMark(reading, "notes.md")).toBe("not-agreed");
  expect((await changeConsent(folder, (consent) => decide(consent, true, NOW))).kind).toBe("bad");
});
