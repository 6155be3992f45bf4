/** The data folder of a session. */
import { dataHome } from "../models/home.ts";
import type { Session } from "./session.ts";

/** The one that the settings name, else the platform's. Absolute. */
export function homeOf({ settings }: Pick<Session, "settings">): string {
  return dataHome(settings.model.dataFolder);
}
