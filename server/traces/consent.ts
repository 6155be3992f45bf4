/** Whether traces of solved documents may train models: off until the person agrees, and never for files they opt out. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../replace-file.ts";
import * as z from "zod";
import { parseJson } from "../json.ts";
import { codeOf, messageOf } from "../errors.ts";
import { UNSTOPPED, withLock } from "../lock.ts";
import { isSameName, isSamePath } from "../protocol/paths.ts";
import type { Trace } from "../protocol/trace.ts";

/** `consent.json` in the folder of the traces. */
const Consent = z.strictObject({
  version: z.literal(1),
  agreed: z.boolean(),
  /** When it was last agreed to or withdrawn; null while nobody was asked. */
  decidedAt: z.iso.datetime().nullable(),
  /** Absolute paths of files whose traces never train. */
  optedOut: z.array(z.string()),
});
export type Consent = z.infer<typeof Consent>;

/** The decision, or why it cannot be read; then nothing may be collected. */
export type ConsentReading =
  | { readonly kind: "consent"; readonly consent: Consent }
  | { readonly kind: "bad"; readonly message: string };

const UNDECIDED: Consent = { version: 1, agreed: false, decidedAt: null, optedOut: [] };

/** Reads the decision; without a file nobody agreed. */
export async function readConsent(folder: string): Promise<ConsentReading> {
  const file = consentFile(folder);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { kind: "consent", consent: UNDECIDED };
    return bad(file, messageOf(error));
  }
  const reading = parseJson(text, Consent);
  return reading.kind === "value" ? { kind: "consent", consent: reading.value } : bad(file, reading.detail);
}

/** Changes the decision; one that cannot be read is left as it is. */
export async function changeConsent(
  folder: string,
  edit: (consent: Consent) => Consent,
): Promise<ConsentReading> {
  const file = consentFile(folder);
  await mkdir(folder, { recursive: true });
  return await withLock(file, UNSTOPPED, async () => {
    const current = await readConsent(folder);
    if (current.kind === "bad") return current;
    const consent = edit(current.consent);
    await writeFileAtomic(file, `${JSON.stringify(consent, null, 2)}\n`);
    return { kind: "consent", consent };
  });
}

/** Agrees to collecting, or takes that back. */
export function decide(consent: Consent, agreed: boolean, now: Date): Consent {
  return { ...consent, agreed, decidedAt: now.toISOString() };
}

/** Leaves a file out, or takes it in again. */
export function optOut(consent: Consent, file: string, isOut: boolean): Consent {
  const absolute = path.resolve(file);
  const others = consent.optedOut.filter((other) => !isSamePath(other, absolute));
  return { ...consent, optedOut: isOut ? [...others, absolute] : others };
}

/**
 * Leaves files out by their new names too, where they or a folder above them were renamed: absolute paths. Their traces
 * know them by the old ones, which stay. The same object where that changes nothing.
 */
export function renameOptedOut(
  consent: Consent,
  from: string,
  to: string,
  platform: NodeJS.Platform = process.platform,
): Consent {
  const before = path.resolve(from).split(path.sep);
  const added = consent.optedOut
    .map((file) => file.split(path.sep))
    .filter((names) => before.every((name, at) => isSameName(names[at] ?? "", name, platform)))
    .map((names) => path.join(path.resolve(to), ...names.slice(before.length)))
    .filter((file) => !consent.optedOut.some((other) => isSamePath(other, file, platform)));
  return added.length === 0 ? consent : { ...consent, optedOut: [...consent.optedOut, ...added] };
}

/** What a trace of a document's problem says about training on it. */
export function trainingMark(reading: ConsentReading, file: string): NonNullable<Trace["training"]> {
  if (reading.kind === "bad") return "not-agreed";
  if (reading.consent.optedOut.some((other) => isSamePath(other, file))) return "opted-out";
  return reading.consent.agreed ? "agreed" : "not-agreed";
}

/**
 * Whether a stored trace is of a file that is opted out by now. Traces know their file by its name only, so another
 * file of the same name is left out with it.
 */
export function isOptedOut(
  { optedOut }: Consent,
  trace: Trace,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const source = trace.problem.source?.replace(/#\d+$/u, "");
  return (
    source !== undefined &&
    optedOut.some((file) => isSameName(path.basename(file), path.basename(source), platform))
  );
}

function consentFile(folder: string): string {
  return path.join(folder, "consent.json");
}

function bad(file: string, detail: string): ConsentReading {
  return {
    kind: "bad",
    message: `${file}, your decision on collecting traces for training, cannot be read: ${detail}. Until that is put right nothing is collected; your traces are untouched.`,
  };
}
