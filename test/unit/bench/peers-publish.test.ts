/** A published comparison: the same report from compressed turns, without the problems' texts. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { expect, it } from "vitest";
import { eachRecord } from "../../../server/evaluation/records.ts";
import { eachLine, openLines } from "../../../server/json-lines.ts";
import { publishPeers } from "../../bench/peers/publish.ts";
import { filesOf, openRun, readRun, turn, Turn } from "../../bench/peers/records.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { evaluateInto, planFor, problemsOf, servicesOf } from "../evaluation/support.ts";
import { run, session } from "./peers-support.ts";

it("holds every turn, ours without the statement", async () => {
  const [searched, from, to] = [temporaryFolder(), temporaryFolder(), path.join(temporaryFolder(), "peers")];
  await evaluateInto(searched, planFor(problemsOf(1)), servicesOf());
  const traces = path.join(searched, "traces.jsonl");
  expect(readFileSync(traces, "utf8")).toContain("Name the number");
  await openRun(from, run.settings, session);
  const lines = await openLines(filesOf(from).turns, Turn);
  const taken = {
    ...{ session: 0, begun: "2026-01-01T00:00:00.000Z", seconds: 1, peakBytes: null, answer: "1" },
    ...{ problem: "p1", generatedTokens: 1, promptTokens: 1, end: { kind: "done" } as const },
  };
  for await (const { record } of eachRecord(traces))
    await lines.append(
      turn({
        ...{ ...taken, contestant: "right", strict: "equal", lenient: "equal" },
        raw: record?.trace as unknown as Turn["raw"],
      }),
    );
  await lines.append(
    turn({ ...taken, contestant: "wrong", strict: "different", lenient: "different", raw: "It is 7." }),
  );
  await lines.close();

  await publishPeers(from, to);
  const packed = brotliDecompressSync(readFileSync(`${filesOf(to).turns}.br`)).toString("utf8");
  expect(packed).not.toContain("Name the number");
  expect(packed).toContain("It is 7.");
  expect(existsSync(filesOf(to).turns)).toBe(false);
  expect(await readRun(to)).toEqual(await readRun(from));
  const published: Turn[] = [];
  for await (const { record } of eachLine(filesOf(to).turns, Turn))
    if (record !== null) published.push(record);
  expect(published).toHaveLength(readFileSync(filesOf(from).turns, "utf8").trim().split("\n").length);
  expect(published.every(({ seconds }) => seconds === 1)).toBe(true);
});
