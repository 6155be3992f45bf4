import { describe, expect, it } from "vitest";
import { overridden } from "../../../server/evolution/overrides.ts";
import { settingsOf, smallRounds } from "../../../server/evolution/profiles.ts";

const SETTINGS = settingsOf("small", {
  base: "base",
  bootstrap: "base",
  rounds: smallRounds(1),
  traces: "searched",
});

describe("settings given one by one", () => {
  it("take the place of the profile's, and nothing else changes", () => {
    const changed = overridden(SETTINGS, [
      "ppmTraining.learningRate=1e-5",
      "ppmTraining.lora.rank=8",
      "selection.perSide=4",
      "ppmLoss=orm",
      "ppmTraining.maxSteps=30",
    ]);
    if (changed.kind === "bad") throw new Error(changed.message);
    expect(changed.settings).toEqual({
      ...SETTINGS,
      ppmLoss: "orm",
      selection: { ...SETTINGS.selection, perSide: 4 },
      ppmTraining: {
        ...SETTINGS.ppmTraining,
        learningRate: 1e-5,
        maxSteps: 30,
        lora: { ...SETTINGS.ppmTraining.lora, rank: 8 },
      },
    });
    expect(SETTINGS.ppmLoss).toBe("pairwise");
  });

  it.each([
    ["ppmTraining.learningrate=1", /no setting ppmTraining\.learningrate.*ppmTraining\.learningRate/u],
    ["toString=1", /no setting toString/u],
    ["ppmTraining.learningRate.more=1", /no setting/u],
    ["ppmTraining.learningRate", /not of the form/u],
    ["=1", /not of the form/u],
    ["ppmTraining.learningRate=-1", /ppmTraining\.learningRate: /u],
    ["ppmTraining.schedule=sine", /ppmTraining\.schedule: /u],
    ["heldOutShare=1", /heldOutShare: /u],
  ])("%s is refused with the reason", (assignment, words) => {
    const refused = overridden(SETTINGS, [assignment]);
    expect(refused.kind).toBe("bad");
    expect(refused.kind === "bad" && refused.message).toMatch(words);
  });
});
