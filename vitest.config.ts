/** Test tiers: `unit` needs no model; `server` drives the language server; `media` shows the webviews in Chromium; `sandbox` runs real Python; `engine` runs a real model and the real sandbox; `trainer` trains a model; `extension` opens a real editor; `bench` is for `vitest bench`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // The tiers run one after the other (groupOrder): each of the last three takes every core.
    reporters: ["default", "./test/support/closing-line.ts"],
    projects: [
      {
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["test/unit/**/*.test.ts"],
          setupFiles: ["./test/support/property-seed.ts"],
          pool: "forks",
          // By default one core is left to the person at the machine.
          maxWorkers: "100%",
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "media",
          sequence: { groupOrder: 2 },
          include: ["test/media/**/*.test.ts"],
          pool: "forks",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "server",
          sequence: { groupOrder: 1 },
          include: ["test/server/**/*.test.ts"],
          setupFiles: ["./test/support/property-seed.ts"],
          pool: "forks",
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "sandbox",
          sequence: { groupOrder: 3 },
          include: ["test/sandbox/**/*.test.ts"],
          setupFiles: ["./test/support/property-seed.ts"],
          pool: "forks",
          // An interpreter takes one core.
          maxWorkers: "100%",
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Only `vitest bench` runs these: what they measure is looked at, not asserted.
        test: { name: "bench", include: [], benchmark: { include: ["test/bench/**/*.bench.ts"] } },
      },
      {
        test: {
          name: "engine",
          sequence: { groupOrder: 4 },
          include: ["test/engine/**/*.test.ts"],
          setupFiles: ["./test/support/property-seed.ts"],
          pool: "forks",
          // One at a time: each file loads a model and takes every core.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "trainer",
          sequence: { groupOrder: 5 },
          include: ["test/trainer/**/*.test.ts"],
          pool: "forks",
          // The chain beside the Python tests: much of both is one process that imports PyTorch (338 s instead of 451).
          maxWorkers: "100%",
          testTimeout: 900_000,
        },
      },
      {
        test: {
          name: "extension",
          // Last: what is on the screen in time must not depend on the others.
          sequence: { groupOrder: 6 },
          include: ["test/extension/**/*.test.ts"],
          pool: "forks",
          // Each file opens an editor of its own, with the real server and model in it.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
