/** What a trainer that ended without a result is told as: why, what to do, and what is kept. */
import { expect, it, vi } from "vitest";
import { isReason, withoutResult } from "../../../server/evolution/trainer-output.ts";
import type { ProgramEnd } from "../../../server/models/program.ts";

function told(end: ProgramEnd): { readonly reason: string; readonly message: string } {
  const result = withoutResult(end);
  if (result.outcome !== "failed") throw new Error(`told as ${result.outcome}`);
  expect(isReason(result.reason)).toBe(true);
  return result;
}

it("a kill by the system may be for want of memory: how to take less, and that the checkpoint is kept", () => {
  const { reason, message } = told({ kind: "killed", signal: "SIGKILL", errors: "" });
  expect(reason).toBe("killed");
  expect(message).toContain("SIGKILL");
  expect(message).toContain("run out of memory");
  expect(message).toContain("`--micro-batch-size 1`");
  expect(message).toMatch(/`--resume`.* goes on from the last checkpoint/u);
});

it("in an editor it names a command of the editor", () => {
  vi.stubEnv("RSTAR_SURFACE", "editor");
  const { message } = told({ kind: "killed", signal: "SIGKILL", errors: "" });
  vi.unstubAllEnvs();
  expect(message).toContain("Resume Evolution goes on from the last checkpoint");
  expect(message).not.toContain("--");
});

it("an end by another signal is not taken for want of memory", () => {
  const { reason, message } = told({ kind: "killed", signal: "SIGTERM", errors: "" });
  expect(reason).toBe("killed");
  expect(message).toContain("SIGTERM");
  expect(message).not.toContain("run out of memory");
});

it("an end without a result is told with its code and last words", () => {
  const errors = "Traceback:\n  line 1\n\nValueError: no such layer\n";
  const { reason, message } = told({ kind: "ended", code: 3, errors });
  expect(reason).toBe("other");
  expect(message).toContain("code 3");
  expect(message).toContain("ValueError: no such layer");
  expect(told({ kind: "ended", code: 0, errors: "" }).message).toContain("it gave no reason");
});

it("a Python that could not be started is one to be made again", () => {
  const { reason, message } = told({ kind: "not-started", detail: "spawn python ENOENT" });
  expect(reason).toBe("environment");
  expect(message).toContain("spawn python ENOENT");
  expect(message).toContain('Remove the folder "trainer" of the data folder');
});
