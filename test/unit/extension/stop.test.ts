/** Stop without a search named, as the status bar asks for it: what is stopped, and what the person may choose from. */
import { beforeEach, expect, it, vi } from "vitest";
import { COMMANDS } from "../../../server/protocol/commands.ts";
import { HANDLERS } from "../../../src/commands.ts";
import type { Parts } from "../../../src/parts.ts";
import { person } from "./fake-vscode.ts";
import { listedProblem } from "./listed-problem.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

const URI = "file:///notes/a.md";
const search = (index: number) => ({
  ...{
    traceId: `t${index}`,
    uri: URI,
    problemHash: `h${index}`,
    progress: null,
    rate: null,
    stopping: false,
  },
});

/** Requests that were sent, which searches show as being stopped, and what the person was shown. */
let sent: (readonly [string, unknown])[] = [];
let stopping: (string | undefined)[] = [];
let labels: string[] | null = null;

async function stop(
  running: readonly number[],
  counts: { readonly searching: number; readonly queued: number },
  pick?: string,
): Promise<void> {
  person.picks = (items) => {
    const shown = items as readonly { readonly label: string }[];
    labels = shown.map(({ label }) => label);
    return shown.find(({ label }) => label === pick);
  };
  const parts = {
    server: {
      state: "running",
      ask: (name: string, params: unknown) => Promise.resolve(sent.push([name, params])),
    },
    searches: { all: running.map(search), stopping: (id?: string) => stopping.push(id) },
    status: { counts },
    lists: { known: () => running.map((index) => listedProblem(index)) },
  } as unknown as Parts;
  await HANDLERS[COMMANDS.stop]?.(parts, undefined);
}

beforeEach(() => {
  [sent, stopping, labels] = [[], [], null];
});

it("stops the only search without asking", async () => {
  await stop([1], { searching: 1, queued: 0 });
  expect(labels).toBeNull();
  expect(sent).toEqual([["cancel", { traceId: "t1" }]]);
  expect(stopping).toEqual(["t1"]);
});

it.each([
  ["others wait", [1], { searching: 1, queued: 3 }, "Stop all (1 running, 3 waiting)", ["Problem 1"]],
  [
    "several run",
    [1, 2],
    { searching: 2, queued: 0 },
    "Stop all (2 running, 0 waiting)",
    ["Problem 1", "Problem 2"],
  ],
  [
    "others began that told nothing yet",
    [1],
    { searching: 4, queued: 0 },
    "Stop all (4 running, 0 waiting)",
    ["Problem 1"],
  ],
  [
    "the server told of fewer so far",
    [1, 2],
    { searching: 0, queued: 0 },
    "Stop all (2 running, 0 waiting)",
    ["Problem 1", "Problem 2"],
  ],
] as const)("offers to stop all first where %s", async (_where, running, counts, all, others) => {
  await stop(running, counts, all);
  expect(labels).toEqual([all, ...others]);
  expect(sent).toEqual([["stopAll", {}]]);
  expect(stopping).toEqual([undefined]);
});

it("stops the one that is chosen, and nothing where none is", async () => {
  const counts = { searching: 2, queued: 5 };
  await stop([1, 2], counts);
  expect(sent).toEqual([]);
  await stop([1, 2], counts, "Problem 2");
  expect(sent).toEqual([["cancel", { traceId: "t2" }]]);
});

it("stops all without asking while there is none to choose", async () => {
  await stop([], { searching: 0, queued: 5 });
  expect(labels).toBeNull();
  expect(sent).toEqual([["stopAll", {}]]);
});
