/** The space that training takes in the data folder, as the editor shows it and gives it back. */
import type { ModelOutcome, TrainingSpace } from "../protocol/models.ts";
import { homeOf } from "./home.ts";
import type { Session } from "./session.ts";

/** `rstar/evolution/space` */
export async function trainingSpace(session: Session): Promise<TrainingSpace> {
  const room = await import("../evolution/training-space.ts");
  return await room.trainingSpace(homeOf(session));
}

/** `rstar/evolution/removeEnvironment` */
export async function removeTrainingEnvironment(
  session: Session,
  signal: AbortSignal,
): Promise<ModelOutcome> {
  const [room, { describeSize }] = await Promise.all([
    import("../evolution/training-space.ts"),
    import("../models/folder-size.ts"),
  ]);
  const outcome = await room.removeTrainingEnvironment(homeOf(session), signal);
  if (outcome.kind === "failed") return outcome;
  return {
    kind: "done",
    id: "training-environment",
    message: `The training environment was deleted: ${describeSize(outcome.size)} are free again.`,
  };
}
