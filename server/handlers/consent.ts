/** Whether traces of documents may train, as the editor asks and tells it. */
import { fileURLToPath } from "node:url";
import type { FileRename } from "vscode-languageserver";
import { messageOf } from "../errors.ts";
import { namesOn } from "../protocol/surface.ts";
import type { ConsentState } from "../protocol/requests.ts";
import {
  changeConsent,
  decide,
  optOut,
  readConsent,
  renameOptedOut,
  type Consent,
  type ConsentReading,
} from "../traces/consent.ts";
import { say } from "./messages.ts";
import type { Session } from "./session.ts";

/** `rstar/traces/consent` */
export async function consentState(session: Session): Promise<ConsentState> {
  return stateOf(await readConsent(await folderOf(session)));
}

/** `rstar/traces/decideConsent` */
export async function decideConsent(session: Session, agreed: boolean): Promise<ConsentState> {
  const folder = await folderOf(session);
  return stateOf(await changeConsent(folder, (consent) => decide(consent, agreed, session.services.now())));
}

/** `rstar/traces/optOut` */
export async function optOutFile(session: Session, path: string, isOut: boolean): Promise<ConsentState> {
  return stateOf(await changeConsent(await folderOf(session), (consent) => optOut(consent, path, isOut)));
}

/** `workspace/didRenameFiles`: files that never train do not begin to under another name. */
export async function followOptedOut(session: Session, renames: readonly FileRename[]): Promise<void> {
  const files = renames.filter(({ oldUri, newUri }) =>
    [oldUri, newUri].every((uri) => uri.startsWith("file:")),
  );
  const follow = (consent: Consent): Consent =>
    files.reduce(
      (all, { oldUri, newUri }) => renameOptedOut(all, fileURLToPath(oldUri), fileURLToPath(newUri)),
      consent,
    );
  const tell = (why: string): void =>
    say(
      session.connection,
      "trouble",
      `A file that is left out of training may have another name now, and this could not be written down: ${why} ${namesOn().leaveOut} leaves it out again; nothing else was changed.`,
    );
  try {
    const folder = await folderOf(session);
    const reading = await readConsent(folder);
    // Most files that are renamed are none of these.
    if (reading.kind === "consent" && follow(reading.consent) === reading.consent) return;
    const changed = reading.kind === "bad" ? reading : await changeConsent(folder, follow);
    if (changed.kind === "bad") tell(changed.message);
  } catch (error) {
    tell(`${messageOf(error)}.`);
  }
}

async function folderOf(session: Session): Promise<string> {
  return (await session.library.files()).folder;
}

function stateOf(reading: ConsentReading): ConsentState {
  if (reading.kind === "bad") return reading;
  const { agreed, optedOut } = reading.consent;
  return { kind: "consent", agreed, optedOut };
}
