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
});

test("a decision that cannot be read counts as none and is left as it is", async () => {
  const folder = home();
  writeFileSync(path.join(folder, "consent.json"), "{");
  const reading = await readConsent(folder);
  expect(reading.kind).toBe("bad");
  expect(trainingMark(reading, "notes.md")).toBe("not-agreed");
  expect((await changeConsent(folder, (consent) => decide(consent, true, NOW))).kind).toBe("bad");
});
