/** A folder that is not trusted: what is stored can be read, nothing runs. */
import path from "node:path";
import { expect, it } from "vitest";
import { statementHash } from "../../server/document/problems.ts";
import { renderSolution } from "../../server/document/solution.ts";
import { solve } from "../../server/search/solve.ts";
import { MARK } from "../../server/search/grammar.ts";
import { toSolution } from "../../server/solutions.ts";
import { createTraceStore } from "../../server/traces/store.ts";
import { configOf, fakeServices, scriptedPolicy, STAMP } from "../support/fakes.ts";
import { openEditor, type Editor } from "./host/editor.ts";
import { eventually, testFolder, type TestFolder } from "./host/probe.ts";
import { frameWith } from "./host/webview.ts";

/** A window on a folder that nobody trusts. */
async function openUntrusted({ folder, home }: TestFolder): Promise<Editor> {
  return await openEditor({
    folder,
    extension: { kind: "development" },
    environment: { RSTAR_HOME: home },
    asksForTrust: true,
  });
}

it("reads problems and refuses to solve, with a message", async () => {
  using place = testFolder({ models: false });
  const text = "## Problem\n\nWhat is 2 + 2?\n";
  place.write("sum.md", text);
  await using editor = await openUntrusted(place);
  const seen = await editor.run(async (api) => {
    const [file] = await api.workspace.findFiles("sum.md");
    if (file === undefined) throw new Error("the file is missing");
    const document = await api.workspace.openTextDocument(file);
    await api.window.showTextDocument(document);
    const argument = { uri: file.toString(), problem: { kind: "index", index: 1 } };
    const outcome = await api.commands.executeCommand("rstarMath.solveProblem", argument);
    return { trusted: api.workspace.isTrusted, outcome, text: document.getText() };
  });
  expect(seen).toMatchObject({ trusted: false, outcome: { kind: "not-started", reason: "untrusted" }, text });
  const offer = editor.page.getByText("Manage Workspace Trust");
  await eventually("the way to trust the folder", async () => (await offer.count()) > 0);
});

it("explains a stored solution and shows its search, and runs none of its steps again", async () => {
  using place = testFolder({ models: false });
  const [statement, problem] = ["What is 2 + 2?", "## Problem\n\nWhat is 2 + 2?\n"];
  const trace = await solve(
    { id: statementHash(statement), text: statement, reference: null },
    configOf({ strategy: "self-consistency", budgetTokens: 60 }),
    fakeServices(scriptedPolicy(() => ({ text: "# Step 1: Add.\nprint(4)", stop: MARK.endOfCode }))),
    { ...STAMP, id: "stored" },
    new AbortController().signal,
  );
  await createTraceStore(path.join(place.home, "traces", "traces.jsonl")).append(trace);
  place.write("sum.md", `${problem}\n${renderSolution(toSolution(trace, trace.problem.id))}`);
  await using editor = await openUntrusted(place);
  const seen = await editor.run(async (api) => {
    const [file] = await api.workspace.findFiles("sum.md");
    if (file === undefined) throw new Error("the file is missing");
    const document = await api.workspace.openTextDocument(file);
    await api.window.showTextDocument(document);
    const at = document.positionAt(document.getText().indexOf("**Step 1.**") + 4);
    await api.commands.executeCommand("rstarMath.showSearchTree", { traceId: "stored" });
    const hovers = await api.commands.executeCommand<{ contents: { value: string }[] }[]>(
      "vscode.executeHoverProvider",
      file,
      at,
    );
    return {
      trusted: api.workspace.isTrusted,
      hover: hovers.flatMap(({ contents }) => contents.map(({ value }) => value)).join("\n"),
    };
  });
  expect(seen.trusted).toBe(false);
  expect(seen.hover).toMatch(/Q.{0,3}\d\.\d\d · \d+ visits?/u);
  const view = await frameWith(editor.page, "#view [role=treeitem]", 2);
  await view.locator("[role=treeitem].step").first().click();
  await eventually("the inspector", async () => (await view.getByText("print(4)").count()) > 0);
  for (const name of ["Pin", "Reject", "Edit…", "Resume"])
    expect(await view.getByRole("button", { name, exact: true }).count(), name).toBe(0);
  const refused = editor.page.getByText(/not trusted/u);
  await editor.run((api) => {
    void api.commands.executeCommand("rstarMath.verifyStep");
  });
  await eventually("the refusal", async () => (await refused.count()) > 0);
});
