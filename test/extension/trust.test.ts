/** A folder that is not trusted: what is stored can be read, nothing runs. */
import { expect, it } from "vitest";
import { openEditor } from "./host/editor.ts";
import { eventually, testFolder } from "./host/probe.ts";

it("reads problems and refuses to solve, with a message", async () => {
  using place = testFolder({ models: false });
  const text = "## Problem\n\nWhat is 2 + 2?\n";
  place.write("sum.md", text);
  await using editor = await openEditor({
    folder: place.folder,
    extension: { kind: "development" },
    environment: { RSTAR_HOME: place.home },
    asksForTrust: true,
  });
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
