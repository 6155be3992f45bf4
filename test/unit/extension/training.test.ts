/** What a person is offered where a fine-tuning finds nothing that may train, in an editor of which only messages are there. */
import { setImmediate } from "node:timers/promises";
import { beforeEach, expect, test, vi } from "vitest";
import type { RunOutcome } from "../../../server/protocol/requests.ts";
import type { Parts } from "../../../src/parts.ts";
import { fineTune } from "../../../src/training.ts";
import { executed, person } from "./fake-vscode.ts";
import * as vscode from "./fake-vscode.ts";

vi.mock("vscode", () => import("./fake-vscode.ts"));

const REFUSED: RunOutcome = { kind: "not-begun", reason: "none-allowed", message: "None." };
const ASKED = { traces: null, anyModel: false, profile: "smoke" };

/** What the server answers to each fine-tuning, what it was asked, what was said, and what is pressed at each message. */
let outcomes: (RunOutcome | Promise<null>)[] = [];
const asked: unknown[] = [];
const said: { readonly text: string; readonly detail: string; readonly ways: readonly string[] }[] = [];
let presses: (string | undefined)[] = [];
/** Whether the server can be started, and the person has pressed Cancel by then. */
let [runs, isCancelled] = [true, false];

const parts = {
  context: { extensionUri: vscode.Uri.parse("file:///extension") },
  dashboard: { show: () => undefined },
  server: {
    start: () => Promise.resolve(runs),
    ask: (name: string): Promise<unknown> =>
      Promise.resolve(
        name === "consent"
          ? { kind: "consent", agreed: true, optedOut: [] }
          : { traces: [{ createdAt: "2026-02-01T00:00:00Z" }, { createdAt: "2026-01-09T00:00:00Z" }] },
      ),
    askAtLength: (_: string, params: unknown): Promise<unknown> => {
      asked.push(params);
      return Promise.resolve(outcomes.shift() ?? null);
    },
  },
} as unknown as Parts;

/** Chooses from the lists: which traces, then the trial. */
function choose(source: string): void {
  person.picks = (items) =>
    (items as readonly { readonly source?: string; readonly profile?: string }[]).find(
      (item) => item.source === source || item.profile === "smoke",
    );
}

beforeEach(() => {
  asked.length = said.length = executed.length = 0;
  [runs, isCancelled] = [true, false];
  choose("own");
  Object.assign(vscode.window, {
    withProgress: (_: unknown, work: (progress: object, token: object) => unknown) =>
      work(
        { report: () => undefined },
        { onCancellationRequested: () => undefined, isCancellationRequested: isCancelled },
      ),
    showInformationMessage: (text: string, ...rest: readonly unknown[]) => {
      const [options] = rest as readonly [{ readonly detail?: string } | string | undefined];
      const detail = typeof options === "object" ? (options.detail ?? "") : "";
      said.push({ text, detail, ways: rest.filter((each) => typeof each === "string") });
      return Promise.resolve(presses.shift());
    },
  });
});

test("what was stored before the person agreed trains after a yes of its own", async () => {
  outcomes = [REFUSED, { kind: "finished", run: "r", message: "Done." }];
  presses = ["Train on What Is Stored Already", "Train on All of Them"];
  await fineTune(parts);
  await vi.waitFor(() => expect(said.at(-1)?.text).toBe("Done."));
  expect(asked).toEqual([ASKED, { ...ASKED, agreedOrNot: true }]);
  expect(said[0]?.ways).toEqual(["Train on What Is Stored Already", "Manage Collected Traces…"]);
  expect(said[1]?.detail).toMatch(/searches: 2, since 2026-01-09.*left out stay out.*leaves this machine/u);
});

test("without that yes nothing trains", async () => {
  outcomes = [{ ...REFUSED, reason: "not-agreed" }];
  presses = ["Train on What Is Stored Already", undefined];
  await fineTune(parts);
  await vi.waitFor(() => expect(said).toHaveLength(2));
  // All that follows the answer has happened then.
  await setImmediate();
  expect(asked).toEqual([ASKED]);
});

test("where all stored traces are of files left out, only the list of these is offered", async () => {
  outcomes = [REFUSED, REFUSED];
  presses = ["Train on What Is Stored Already", "Train on All of Them", "Manage Collected Traces…"];
  await fineTune(parts);
  await vi.waitFor(() => expect(executed).toContainEqual(["rstarMath.manageTraces"]));
  expect(said[2]).toMatchObject({
    text: expect.stringContaining("files that you left out") as string,
    ways: ["Manage Collected Traces…"],
  });
});

test("of another file's traces the store is not offered in their place", async () => {
  choose("examples");
  outcomes = [REFUSED];
  presses = [undefined];
  await fineTune(parts);
  await vi.waitFor(() => expect(said).toHaveLength(1));
  expect(said[0]?.ways).toEqual(["Manage Collected Traces…"]);
});

test("a second run, which is refused, leaves the first one's Stop in the menus", async () => {
  let end = (): void => undefined;
  outcomes = [new Promise<null>((resolve) => (end = () => resolve(null)))];
  const contexts = () => executed.filter(([name]) => name === "setContext").map((call) => call[2]);
  const training = fineTune(parts);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  await fineTune(parts);
  expect(contexts()).toEqual([true, true, true]);
  end();
  await training;
  expect(contexts().at(-1)).toBe(false);
});

test("what is cancelled while the server starts is not begun, and a server that does not start ended no training", async () => {
  isCancelled = true;
  expect(await fineTune(parts)).toBeNull();
  [runs, isCancelled] = [false, false];
  expect(await fineTune(parts)).toBeNull();
  await setImmediate();
  expect([asked, said]).toEqual([[], []]);
});
