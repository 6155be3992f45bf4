/** Where this user's data lies: models, traces, whatever outlives one run. */
import path from "node:path";
import envPaths from "env-paths";
import { expandHome } from "../protocol/paths.ts";

/**
 * The data folder: the environment variable `RSTAR_HOME`, else `setting`, else the platform's own place for the data
 * of `rstar-math`. Absolute; a leading `~` is the person's home folder, as not every launcher has a shell expand it.
 * Nothing is created here.
 */
export function dataHome(setting?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const named = [environment["RSTAR_HOME"], setting].find((value) => value !== undefined && value !== "");
  return path.resolve(expandHome(named ?? envPaths("rstar-math", { suffix: "" }).data));
}

/** The folder of the models that were fetched, in the data folder `home`. */
export function modelFolder(home: string): string {
  return path.join(home, "models");
}

/** The store of this user's searches. `setting` as for `dataHome`. */
export function defaultTraceFile(setting?: string): string {
  return path.join(dataHome(setting), "traces", "traces.jsonl");
}
