/** The report of `rstar doctor`, without an engine and an interpreter. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { setupReport } from "../../server/setup-report.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

vi.mock(import("../../server/engine/probe.ts"), () => ({
  probeEngine: () => Promise.resolve({ kind: "ready" as const, text: "Engine: none" }),
}));
vi.mock(import("../../server/compose.ts"), async (original) => ({
  ...(await original()),
  openPython: () =>
    ({
      sandbox: { run: () => Promise.resolve({ kind: "ok", value: "1.14" }) },
      dispose: () => Promise.resolve(),
    }) as never,
}));

afterEach(() => void vi.unstubAllEnvs());

test("it says what takes space in the data folder, largest first, and of training each part", async () => {
  const home = temporaryFolder();
  vi.stubEnv("RSTAR_HOME", home);
  const { text: before, works } = await setupReport();
  expect(works).toBe(true);
  expect(before).toContain("Space in the data folder: next to nothing");
  const parts = {
    "trainer/bases": 2e6,
    "trainer/python-0123456789ab/venv": 4e6,
    evolution: 3e6,
    checked: 10,
  };
  for (const [name, bytes] of Object.entries(parts)) {
    mkdirSync(path.join(home, name), { recursive: true });
    writeFileSync(path.join(home, name, "file"), Buffer.alloc(bytes));
  }
  const { text } = await setupReport();
  expect(text.split("\n").at(-1)?.replaceAll("\\", "/")).toBe(
    "Space in the data folder: trainer/python-0123456789ab 4.00 MB, evolution 3.00 MB, trainer/bases 2.00 MB",
  );
});
