/**
 * The extension in a real VS Code, with the real server, model and sandbox: what a person presses and what they see.
 * The screenshots of the README come from here (`RSTAR_SCREENSHOTS=docs/screenshots`).
 */
import fs from "node:fs";
import path from "node:path";
import type { Frame } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEditor, ROOT, type Editor } from "./host/editor.ts";
import { ensureModel, eventually, serverProcesses, testFolder, type TestFolder } from "./host/probe.ts";
import { frameWith, seriousFaults } from "./host/webview.ts";

const PROBLEM =
  "## Problem 1: Notebooks\n\nMaya buys 4 notebooks that cost 3 dollars each. She pays with a 20 dollar bill. How many dollars does she get back?\n\nAnswer: 8\n";
/** A search of this ends long after any test has stopped it. */
const LONG = { strategy: "mcts", budgetTokens: 200_000 };

let place: TestFolder;
let editor: Editor;

beforeAll(async () => {
  await ensureModel();
  place = testFolder({ models: true });
  place.write("shopping.md", "# To buy\n\n- flour\n- eggs\n");
  const examples = fs.readFileSync(path.join(ROOT, "examples/word-problems.md"), "utf8");
  place.write("word-problems.md", examples.replace("4 notebooks", "$4$ notebooks"));
  editor = await openEditor({
    folder: place.folder,
    extension: { kind: "development" },
    environment: { RSTAR_HOME: place.home },
    settings: { "rstarMath.search.budgetTokens": 800, "workbench.colorTheme": "Default Light Modern" },
  });
});

afterAll(async () => {
  await editor[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** Opens a file of the folder and returns its URI. */
async function show(name: string): Promise<string> {
  return await editor.run(async (api, file) => {
    const [folder] = api.workspace.workspaceFolders ?? [];
    if (folder === undefined) throw new Error("no folder is open");
    const uri = api.Uri.joinPath(folder.uri, file);
    await api.window.showTextDocument(uri, { viewColumn: api.ViewColumn.One, preview: false });
    return uri.toString();
  }, name);
}

const textOf = async (uri: string): Promise<string> =>
  await editor.run(
    async (api, file) => (await api.workspace.openTextDocument(api.Uri.parse(file))).getText(),
    uri,
  );

/** Runs a command of the extension without waiting for what it comes to. */
async function begin(command: string, argument: unknown): Promise<void> {
  await editor.run(
    (api, call) => {
      void api.commands.executeCommand(call.command, call.argument);
    },
    { command, argument },
  );
}

const firstProblem = (uri: string): object => ({ uri, problem: { kind: "index", index: 1 } });

/** The titles of the lenses, as the editor has them. */
const lenses = async (uri: string): Promise<string[]> =>
  await editor.run(async (api, file) => {
    const found = await api.commands.executeCommand<{ command?: { title: string } }[]>(
      "vscode.executeCodeLensProvider",
      api.Uri.parse(file),
      100,
    );
    return found.map(({ command }) => command?.title ?? "");
  }, uri);

async function shoot(name: string): Promise<void> {
  const folder = process.env["RSTAR_SCREENSHOTS"];
  if (folder === undefined) return;
  fs.mkdirSync(folder, { recursive: true });
  await editor.page.screenshot({ path: path.join(folder, `${name}.png`) });
}

async function theme(name: string): Promise<void> {
  await editor.run(async (api, value) => {
    await api.workspace.getConfiguration("workbench").update("colorTheme", value, true);
  }, name);
}

/** The frame of the search view, once its tree is drawn. */
async function searchView(): Promise<Frame> {
  return await frameWith(editor.page, "#view [role=tree]");
}

const hostPid = async (): Promise<number> => await editor.run(() => process.pid);

describe("before anything is asked for", () => {
  it("no server runs, whatever Markdown is open", async () => {
    await show("shopping.md");
    await editor.run(async (api) => {
      await api.extensions.getExtension("rstar-math.rstar-math")?.activate();
    });
    expect(serverProcesses(await hostPid())).toEqual([]);
  });

  it("every command of the manifest is there", async () => {
    const missing = await editor.run(async (api) => {
      const manifest = api.extensions.getExtension("rstar-math.rstar-math")?.packageJSON as {
        contributes: { commands: { command: string }[] };
      };
      const known = new Set(await api.commands.getCommands(true));
      return manifest.contributes.commands.map(({ command }) => command).filter((name) => !known.has(name));
    });
    expect(missing).toEqual([]);
  });
});

describe("a problem", () => {
  let uri: string;

  it("has lenses, a mark and a line in the list of problems", async () => {
    uri = await show("word-problems.md");
    const lens = editor.page.locator(".codelens-decoration a", { hasText: /^Solve$/u });
    await eventually("a lens", async () => (await lens.count()) > 0);
    const marks = editor.page.locator(".glyph-margin-widgets .cgmr");
    await eventually("a mark in the gutter", async () => (await marks.count()) > 0);
    await editor.page.locator(".pane-header", { hasText: "Math Problems" }).click();
    const row = editor.page.locator(".pane-body .monaco-list-row", { hasText: "Notebooks" });
    await eventually("its line in the list", async () => (await row.count()) > 0);
    await shoot("lenses-light");
  });

  it("is solved by pressing its lens, watched in the search view", async () => {
    await editor.page
      .locator(".codelens-decoration a", { hasText: /^Solve$/u })
      .first()
      .click();
    const stop = editor.page.locator(".codelens-decoration a", { hasText: /^Stop/u });
    await eventually("Stop in the place of Solve", async () => (await stop.count()) > 0);
    const tree = editor.page.locator(".codelens-decoration a", { hasText: "Show Search Tree" }).first();
    await eventually("a way to the search tree", async () => (await tree.count()) > 0);
    await tree.click();
    const view = await searchView();
    await eventually(
      "candidates in the search view",
      async () => (await view.locator("[role=treeitem]").count()) > 2,
      240_000,
    );
    await eventually("the solution", async () => (await textOf(uri)).includes("rstar:end"), 240_000);
    expect(await textOf(uri)).toMatch(/\*\*Final answer:\*\*/u);
    await eventually("the lenses of a solved problem", async () => (await lenses(uri)).includes("Search On"));
    const searchOn = editor.page.locator(".codelens-decoration a", { hasText: "Search On" });
    await eventually("these lenses in the place of Stop", async () => (await searchOn.count()) > 0);
  });

  it("has a search view with the tree and rendered math, without serious faults of accessibility", async () => {
    const frame = await searchView();
    expect(await frame.locator("[role=treeitem]").count()).toBeGreaterThan(1);
    expect(await frame.locator(".katex .katex-html").count()).toBeGreaterThan(0);
    expect(await seriousFaults(frame)).toEqual([]);
    await shoot("search-done-light");
  });

  it("takes its solution out with one undo and back with one redo", async () => {
    const solved = await textOf(uri);
    await show("word-problems.md");
    await editor.run(async (api) => {
      await api.commands.executeCommand("undo");
    });
    expect(await textOf(uri)).not.toContain("rstar:");
    await editor.run(async (api) => {
      await api.commands.executeCommand("redo");
    });
    expect(await textOf(uri)).toBe(solved);
  });

  it("tells Q, visits and what ran when its step is hovered", async () => {
    await editor.run(async (api) => {
      await api.commands.executeCommand("workbench.action.closeEditorsInOtherGroups");
      await api.commands.executeCommand("workbench.action.focusFirstEditorGroup");
    });
    await editor.run(async (api) => {
      const shown = api.window.activeTextEditor;
      if (shown === undefined) throw new Error("no editor is active");
      const at = shown.document.positionAt(shown.document.getText().indexOf("**Step 1.**") + 4);
      shown.selection = new api.Selection(at, at);
      shown.revealRange(new api.Range(at, at), api.TextEditorRevealType.InCenter);
      await api.commands.executeCommand("editor.action.showHover");
    });
    const hover = editor.page.locator(".monaco-hover:not(.hidden) .hover-contents");
    await eventually("the hover", async () => /Q/u.test((await hover.allInnerTexts()).join("\n")));
    const text = (await hover.allInnerTexts()).join("\n");
    expect(text).toMatch(/Q\D{0,4}[-−+]?\d\.\d\d/u);
    expect(text).toMatch(/visit/u);
    await theme("Default Dark Modern");
    await eventually("the hover in another theme", async () => (await hover.count()) > 0);
    await shoot("hover-dark");
    await theme("Default High Contrast");
    const mark = editor.page.locator(".glyph-margin-widgets .cgmr");
    await eventually("marks in the new theme", async () => (await mark.count()) > 0);
    await theme("Default Dark Modern");
  });

  it("is stale in words once its text changed", async () => {
    await editor.run(async (api, file) => {
      const edit = new api.WorkspaceEdit();
      const document = await api.workspace.openTextDocument(api.Uri.parse(file));
      const at = document.positionAt(document.getText().indexOf("4$ notebooks"));
      edit.replace(document.uri, new api.Range(at, at.translate(0, 1)), "5");
      await api.workspace.applyEdit(edit);
    }, uri);
    const lens = editor.page.locator(".codelens-decoration a", { hasText: /Stale/u });
    await eventually("the word in the lens", async () => (await lens.count()) > 0);
  });
});

describe("a search", () => {
  beforeAll(async () => {
    await editor.run(async (api) => {
      // It would else end by itself once its answers agree.
      await api.workspace.getConfiguration("rstarMath.search").update("settleConfidence", 1, true);
    });
  });

  it("stops when it is told to, leaves the document alone, and can be gone on with", async () => {
    place.write("stop.md", PROBLEM);
    const uri = await show("stop.md");
    const before = await textOf(uri);
    await begin("rstarMath.solveProblem", { ...firstProblem(uri), overrides: LONG });
    await eventually("a running search", async () =>
      (await lenses(uri)).some((title) => title.startsWith("Stop")),
    );
    await begin("rstarMath.stop", undefined);
    await eventually(
      "an end",
      async () => !(await lenses(uri)).some((title) => title.startsWith("Stop")),
      20_000,
    );
    expect(await textOf(uri)).toBe(before);
    await eventually("the way to go on", async () => (await lenses(uri)).includes("Resume"));
  });

  it("whose server is killed costs nothing: the server comes back, and Resume with it", async () => {
    // A text of its own: what another search of the same problem left behind can be gone on with too.
    place.write("crash.md", PROBLEM.replace("Maya", "Nora"));
    const uri = await show("crash.md");
    const before = await textOf(uri);
    const host = await hostPid();
    await begin("rstarMath.solveProblem", { ...firstProblem(uri), overrides: LONG });
    await eventually("first candidates", async () =>
      (await lenses(uri)).some((title) => title.startsWith("Stop (best")),
    );
    const [pid] = serverProcesses(host);
    if (pid === undefined) throw new Error("there is no server to kill");
    process.kill(pid, "SIGKILL");
    await eventually("another server", () => serverProcesses(host).some((other) => other !== pid));
    const told = editor.page.getByText(/ended unexpectedly and was started again/u);
    await eventually("a message", async () => (await told.count()) > 0);
    expect(await textOf(uri)).toBe(before);
    await eventually("the way to go on", async () => (await lenses(uri)).includes("Resume"));
    await editor.run(async (api) => {
      await api.commands.executeCommand("notifications.clearAll");
    });
  });
});

describe("other programs", () => {
  it("can have a step checked", async () => {
    const answer = await editor.run(async (api) => {
      const result = await api.lm.invokeTool("verify_math_step", {
        input: { earlier: ["x = 6 * 7"], step: "assert x == 42\nprint(x)" },
        toolInvocationToken: undefined,
      });
      return result.content.map((part) => (part as { value?: string }).value ?? "").join("");
    });
    expect(answer).toMatch(/42/u);
    expect(answer).toMatch(/assertion/u);
  });

  it("are told why when their input is wrong", async () => {
    const answer = await editor.run(async (api) => {
      const result = await api.lm.invokeTool("verify_math_step", {
        input: { step: "" },
        toolInvocationToken: undefined,
      });
      return result.content.map((part) => (part as { value?: string }).value ?? "").join("");
    });
    expect(answer).toMatch(/wrong shape/u);
  });
});

describe("models", () => {
  it("are shown with what they take before anything is fetched", async () => {
    await begin("rstarMath.selectModel", undefined);
    const rows = editor.page.locator(".quick-input-list .monaco-list-row");
    await eventually("the list", async () => (await rows.count()) > 2);
    const text = (await rows.allInnerTexts()).join("\n");
    expect(text).toMatch(/Qwen2\.5-Coder 0\.5B/u);
    expect(text).toMatch(/needs about [\d.]+ [MG]B of memory/u);
    expect(text).toMatch(/to download|on this machine/u);
    await editor.page.keyboard.press("Escape");
  });
});
