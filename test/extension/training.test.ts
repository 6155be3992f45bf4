/**
 * Fine-tuning from the palette of a real VS Code, with the real trainer, model and comparison: what the dashboard shows
 * meanwhile and afterwards. The smallest model and setting: nothing is learnt, all of it is run.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { search } from "../unit/evolution/searches.ts";
import { openEditor, ROOT, type Editor } from "./host/editor.ts";
import { ensureModel, eventually, testFolder, type TestFolder } from "./host/probe.ts";
import { frameWith, seriousFaults } from "./host/webview.ts";

const MODEL = "smollm2-135m";
/** With the environment made on the way, which takes a minute where it is not there yet. */
const TRAINING_MS = 600_000;

let place: TestFolder;
let editor: Editor;

beforeAll(async () => {
  const sha256 = await ensureModel(MODEL);
  place = testFolder({ models: true, training: true });
  place.write("notes.md", "# Notes\n\nSome words.\n");
  place.write("traces.jsonl", await traceLines(sha256));
  place.write("problems.jsonl", problemLines());
  editor = await openEditor({
    folder: place.folder,
    extension: { kind: "development" },
    environment: { RSTAR_HOME: place.home },
    settings: {
      "rstarMath.model.policy": MODEL,
      "workbench.colorTheme": "Default Light Modern",
      // The file dialog of the browser: a line to type a path into, on the desktop too.
      "files.simpleDialog.enable": true,
    },
  });
}, 300_000);

afterAll(async () => {
  await editor[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** Searches of a few problems, right and wrong ones in each, as if the model had made them. */
async function traceLines(sha256: string): Promise<string> {
  const world = { salt: 3, wordings: 3, answers: 2, failing: 10, withPpm: false, deadEndValue: -1 };
  const traces = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      search(
        { ...world, rollout: "continuation" },
        { id: `toys-${n}`, text: `Child ${n} gives all its toys away. How many are left?`, reference: "0" },
        1,
      ),
    ),
  );
  return traces
    .map(({ models, ...trace }) => ({ ...trace, models: { ...models, policy: { id: MODEL, sha256 } } }))
    .map((trace) => `${JSON.stringify(trace)}\n`)
    .join("");
}

/** Sums with their answers, as evolution takes problems. */
function problemLines(): string {
  return Array.from({ length: 8 }, (_, n) => {
    const [a, b] = [17 + 3 * n, 5 + n];
    const problem = `Ada has ${a} cards and gets ${b} more. How many cards has she?`;
    return `${JSON.stringify({ id: `cards-${n}`, problem, answer: String(a + b) })}\n`;
  }).join("");
}

/** Types into the palette what a person would, and takes the first line. */
async function palette(text: string): Promise<void> {
  const { page } = editor;
  await page.keyboard.press("F1");
  const input = page.locator(".quick-input-widget input");
  await input.waitFor();
  await input.fill(`>${text}`);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first().click();
}

/** Picks a line of the list that is open. */
async function pick(text: string): Promise<void> {
  await editor.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first().click();
}

/** Types into the input box or file dialog that is open, and presses Enter. */
async function answer(text: string): Promise<void> {
  await editor.page.locator(".quick-input-widget input").fill(text);
  await editor.page.keyboard.press("Enter");
}

/** Names a file of the folder in the file dialog that opens next. */
async function chooseFile(name: string): Promise<void> {
  const input = editor.page.locator(".quick-input-widget input");
  await eventually("the file dialog", async () => (await input.inputValue()).includes("notes"));
  await answer(path.join(place.folder, name));
}

/** The `rstar` command on this test's data folder. */
function rstar(...args: string[]): string {
  const run = spawnSync(process.execPath, [path.join(ROOT, "dist", "cli.cjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, RSTAR_HOME: place.home },
  });
  expect(run.status, run.stderr).toBe(0);
  return run.stdout;
}

function runsOnDisk(): { readonly name: string; readonly status: string; readonly command: string }[] {
  const folder = path.join(place.home, "evolution");
  return fs.readdirSync(folder).map((name) => {
    const state = JSON.parse(fs.readFileSync(path.join(folder, name, "state.json"), "utf8")) as {
      status: string;
      command: string;
    };
    return { name, status: state.status, command: state.command };
  });
}

/** The dashboard's frame. */
async function dashboard(): Promise<Frame> {
  return await frameWith(editor.page, "h1:text('Self-Evolution')");
}

/** Shows the run that is named for the pictures; what this test trains is too small to say much. */
async function showNamedRun(): Promise<void> {
  const named = process.env["RSTAR_DASHBOARD_RUN"];
  if (named === undefined) return;
  const name = path.basename(named);
  fs.cpSync(named, path.join(place.home, "evolution", name), { recursive: true });
  await editor.run(async (api) => {
    await api.commands.executeCommand("workbench.action.closeAllEditors");
  });
  await palette("rStar Math: Show Evolution Dashboard");
  await (await dashboard()).locator(".run-row", { hasText: name }).click();
}

async function shoot(name: string): Promise<void> {
  const folder = process.env["RSTAR_SCREENSHOTS"];
  if (folder === undefined) return;
  fs.mkdirSync(folder, { recursive: true });
  await editor.page.screenshot({ path: path.join(folder, `${name}.png`) });
}

describe("fine-tuning", () => {
  it("is offered by an empty dashboard", async () => {
    await palette("rStar Math: Show Evolution Dashboard");
    const frame = await dashboard();
    await frame.getByText("No run yet.").waitFor();
    expect(await frame.getByRole("button", { name: "Start a Run…" }).count()).toBe(1);
  });

  it(
    "is started from the palette on a trace file, and shown while it goes on",
    async () => {
      await palette("rStar Math: Fine-Tune on Collected Traces…");
      await pick("A trace file…");
      await chooseFile("traces.jsonl");
      await pick("Trial");
      const frame = await dashboard();
      await frame.getByRole("button", { name: "Stop and Keep" }).waitFor();
      await frame.getByText("Policy: loss").waitFor({ timeout: TRAINING_MS });
      const item = editor.page.locator(".statusbar-item", { hasText: "Training: round 1" });
      await eventually("the line in the status bar", async () => (await item.count()) === 1);
    },
    TRAINING_MS,
  );

  it("stops, keeps what it has, and goes on from there", async () => {
    const frame = await dashboard();
    await frame.getByRole("button", { name: "Stop and Keep" }).click();
    await frame.getByRole("button", { name: "Resume", exact: true }).click({ timeout: 120_000 });
    await frame.getByRole("button", { name: "Stop and Keep" }).waitFor();
  });

  it(
    "ends with both models trained, compared, and kept aside with the reason",
    async () => {
      const frame = await dashboard();
      await frame.getByText("The round is done").waitFor({ timeout: TRAINING_MS });
      await editor.run(async (api) => {
        await api.commands.executeCommand("notifications.clearAll");
        await api.commands.executeCommand("workbench.action.closeSidebar");
        await api.commands.executeCommand("workbench.action.closeEditorsInOtherGroups");
      });
      const table = await frame.locator(".rounds").innerText();
      expect(table.match(/kept aside|adopted/gu)).toHaveLength(2);
      expect(runsOnDisk().map(({ status }) => status)).toEqual(["finished"]);
      const adapters = fs.readdirSync(path.join(place.home, "models", "adapters"));
      expect(adapters.filter((name) => name.endsWith(".gguf"))).toHaveLength(2);
      await showNamedRun();
      await shoot("dashboard-light");
    },
    TRAINING_MS,
  );

  it("is shown without serious faults of accessibility, in a dark theme too", async () => {
    await editor.run(async (api) => {
      await api.workspace.getConfiguration("workbench").update("colorTheme", "Default Dark Modern", true);
    });
    const frame = await dashboard();
    await frame.locator("body.vscode-dark").waitFor();
    expect(await seriousFaults(frame)).toEqual([]);
  });
});

describe("a model that was put to use", () => {
  it("is rolled back from the palette", async () => {
    type Lineage = { readonly entries: { id: string; role: string }[]; readonly uses: unknown[] };
    const lineage = (): Lineage => JSON.parse(rstar("adapters", "list", "--json")) as Lineage;
    const trained = lineage().entries.find(({ role }) => role === "policy")?.id ?? "";
    rstar("adapters", "use", trained);
    const before = lineage().uses.length;
    await palette("rStar Math: Roll Back Model…");
    await pick(`Policy: ${trained}`);
    await eventually("the roll-back", () => lineage().uses.length === before - 1);
  });
});

describe("consent to collecting", () => {
  // The dialog that asks for it is modal, and VS Code refuses to show those while it is tested.
  it("that was given is shown, and taken back from the palette", async () => {
    const { page } = editor;
    rstar("traces", "consent", "agree");
    await palette("rStar Math: Manage Collected Traces…");
    await pick("Do not train on my traces any more");
    await palette("rStar Math: Manage Collected Traces…");
    await page.locator(".quick-input-list", { hasText: "off: no trace trains a model" }).waitFor();
    await page.keyboard.press("Escape");
  });
});

describe("evolution", () => {
  it("is run from the palette on a file of problems, stopped while it searches, and offered again", async () => {
    const known = new Set(runsOnDisk().map(({ name }) => name));
    const fresh = () => runsOnDisk().find(({ name }) => !known.has(name));
    await palette("rStar Math: Run Evolution…");
    await chooseFile("problems.jsonl");
    const rounds = editor.page.locator(".quick-input-widget", { hasText: "How many rounds?" });
    await rounds.waitFor();
    await answer("none");
    await rounds.getByText("A whole number from 1 to 20").waitFor();
    await answer("2");
    await pick("Trial");
    const item = editor.page.locator(".statusbar-item", { hasText: "searching" });
    await eventually("the search in the status bar", async () => (await item.count()) === 1, 120_000);
    expect(fresh()).toMatchObject({
      status: "running",
      command: expect.stringMatching(/^rstar evolve --problems \S+ --rounds 2 --profile smoke/u) as string,
    });
    await palette("rStar Math: Stop and Keep");
    await eventually("the end", () => fresh()?.status === "stopped");
    const frame = await dashboard();
    await frame.getByRole("button", { name: "Resume", exact: true }).waitFor();
    await frame.getByText(/^rstar evolve --problems/u).waitFor();
  });
});
