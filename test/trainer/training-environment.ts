/** The training environment that these tests share: made once by the product's own code, beside this user's models. */
import {
  type EnvironmentOptions,
  prepareEnvironment,
  type TrainingEnvironment,
} from "../../server/evolution/environment.ts";
import { dataHome } from "../../server/models/home.ts";

/** With what the Python tests need on top. */
export const ENVIRONMENT: EnvironmentOptions = { home: dataHome(), development: true };

/** Minutes when it has to be made first. */
export const ENVIRONMENT_TIMEOUT = 1_200_000;

/** The environment. */
export async function trainingEnvironment(): Promise<TrainingEnvironment> {
  const environment = await prepareEnvironment(ENVIRONMENT, new AbortController().signal, () => undefined);
  if (environment.kind === "failed") throw new Error(`${environment.message}\n${environment.log}`);
  return environment;
}
