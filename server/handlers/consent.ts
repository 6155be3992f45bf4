/** Whether traces of documents may train, as the editor asks and tells it. */
import { changeConsent, decide, optOut, readConsent, type ConsentReading } from "../traces/consent.ts";
import type { ConsentState } from "../protocol/requests.ts";
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

async function folderOf(session: Session): Promise<string> {
  return (await session.library.files()).folder;
}

function stateOf(reading: ConsentReading): ConsentState {
  if (reading.kind === "bad") return reading;
  const { agreed, optedOut } = reading.consent;
  return { kind: "consent", agreed, optedOut };
}
