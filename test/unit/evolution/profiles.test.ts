/** The paper's numbers (arXiv 2501.04519, section 3.4.2 and appendix A.1) are in the `paper` profile. */
import { expect, it } from "vitest";
import { paperRounds, settingsOf, trainingNumbers } from "../../../server/evolution/profiles.ts";
import { EvolutionSettings, TRAINING_PROFILES } from "../../../server/protocol/evolution.ts";

it("trains as the paper does", () => {
  const { policy, ppm } = trainingNumbers("paper");
  expect(policy).toMatchObject({
    epochs: 2,
    batchSize: 128,
    maxTokens: 4096,
    learningRate: 7e-6,
    schedule: "linear",
  });
  expect(ppm).toMatchObject({ epochs: 1, batchSize: 512, learningRate: 7e-6 });
});

it("plans the paper's four rounds", () => {
  const [first, second, third, fourth] = paperRounds(4);
  expect(first).toMatchObject({
    rollouts: 8,
    candidates: 5,
    annotation: "terminal-guided",
    policy: "bootstrap",
  });
  expect(second).toMatchObject({
    rollouts: 16,
    candidates: 8,
    annotation: "terminal-guided",
    policy: "adopted",
  });
  expect(third).toMatchObject({ rollouts: 16, candidates: 8, annotation: "ppm-augmented" });
  expect(fourth).toMatchObject({
    rollouts: 16,
    ladder: [64, 128],
    candidates: 16,
    annotation: "ppm-augmented",
  });
});

it.each(TRAINING_PROFILES)("the settings of profile %s can be stored", (profile) => {
  const settings = settingsOf(profile, {
    base: "base",
    bootstrap: "larger",
    rounds: paperRounds(4),
    traces: "searched",
  });
  expect(EvolutionSettings.parse(settings)).toEqual(settings);
});
