/** What training keeps on the disk: which of it is deleted, and when nothing is. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runsFolder } from "../../../server/evolution/runs.ts";
import {
  removeOutdated,
  removeTrainingEnvironment,
  trainerHome,
  trainingSpace,
  type CommandLines,
} from "../../../server/evolution/training-space.ts";
import { withLock } from "../../../server/lock.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const forever = new AbortController().signal;
const nobody: CommandLines = () => Promise.resolve(["init", ""]);
const KEYS = ["0123456789ab", "ba9876543210"] as const;

interface Place {
  readonly home: string;
  readonly root: string;
  readonly current: string;
  readonly old: string;
  readonly said: string[];
  readonly say: (message: string) => void;
}

/** A data folder with two environments, the second an earlier one, and a prepared base; 6 bytes in all. */
function place(): Place {
  const home = temporaryFolder();
  const root = trainerHome(home);
  const [current, old] = KEYS.map((key) => path.join(root, `python-${key}`)) as [string, string];
  for (const folder of [current, old, path.join(root, "bases", "base")]) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "file"), "12");
  }
  const said: string[] = [];
  return { home, root, current, old, said, say: (message) => void said.push(message) };
}

test("the environments of earlier packages go once there is one of these; nothing else does", async () => {
  const { root, current, old, said, say } = place();
  // What is left of a deletion that was interrupted.
  mkdirSync(`${old}.removed`);
  await removeOutdated(current, forever, say, nobody);
  expect(readdirSync(root).sort()).toEqual(["bases", path.basename(current)]);
  expect(said).toContain("An environment of an earlier version was deleted: 2 B are free again.");
  said.length = 0;
  await removeOutdated(current, forever, say, () => Promise.reject(new Error("looked for nothing")));
  expect(said).toEqual([]);
});

test.each<readonly [string, (place: Place) => CommandLines, string]>([
  ["that a process runs from", ({ old }) => nothing(`${old}${path.sep}venv`), "a process uses it"],
  [
    "while a training names the bases",
    ({ root }) => nothing(path.join(root, "bases", "b")),
    "a process uses it",
  ],
  ["where processes cannot be listed", () => () => Promise.resolve(null), "it cannot be told"],
])("an earlier environment %s stays, and that is said", async (_what, lines, why) => {
  const found = place();
  const { home, current, old, said, say } = found;
  await removeOutdated(current, forever, say, lines(found));
  expect(existsSync(path.join(old, "file"))).toBe(true);
  expect(said).toEqual([expect.stringContaining(why)]);
  expect(said[0]).toContain(old);
  expect(await removeTrainingEnvironment(home, forever, lines(found))).toMatchObject({
    kind: "failed",
    message: expect.stringContaining(why) as string,
  });
  expect(await trainingSpace(home)).toEqual({ bytes: 6, isWhole: true });
});

/** A process that was started with this among its words. */
function nothing(name: string): CommandLines {
  return () => Promise.resolve(["init", `python\0-m\0${name}\0`]);
}

test("an earlier environment that another process is making stays", async () => {
  const { home, current, old, said, say } = place();
  await withLock(old, forever, async () => {
    await removeOutdated(current, forever, say, nobody);
    expect(said).toEqual([expect.stringContaining("another process is making it")]);
    expect(await removeTrainingEnvironment(home, forever, nobody)).toMatchObject({ kind: "failed" });
  });
  expect(existsSync(path.join(old, "file"))).toBe(true);
}, 20_000);

test("a process of this machine is seen, and no longer when it ended", async () => {
  const { current, old, said, say } = place();
  const program = path.join(old, "venv", "bin", "python");
  const child = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1000)", program]);
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await removeOutdated(current, forever, say);
  expect(said).toEqual([expect.stringContaining("a process uses it")]);
  child.kill("SIGKILL");
  await once(child, "exit");
  await removeOutdated(current, forever, say);
  expect(existsSync(old)).toBe(false);
});

test("all that training needs is deleted on request, with what it took; runs stay", async () => {
  const { home, root } = place();
  const run = path.join(runsFolder(home), "run");
  mkdirSync(run, { recursive: true });
  expect(await removeTrainingEnvironment(home, forever, nobody)).toEqual({
    kind: "freed",
    size: { bytes: 6, isWhole: true },
  });
  expect([existsSync(root), existsSync(run)]).toEqual([false, true]);
  expect(await trainingSpace(home)).toEqual({ bytes: 0, isWhole: true });
  expect(await removeTrainingEnvironment(home, forever, nobody)).toMatchObject({
    kind: "failed",
    message: expect.stringContaining("no training environment") as string,
  });
});

test("nothing is deleted while a run has the data folder's lock", async () => {
  const { home, root } = place();
  mkdirSync(runsFolder(home));
  await withLock(runsFolder(home), forever, async () => {
    expect(await removeTrainingEnvironment(home, forever, nobody)).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("evolution is running") as string,
    });
  });
  expect(readdirSync(root)).toHaveLength(3);
}, 20_000);
