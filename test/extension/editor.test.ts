import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { it, expect } from "vitest";
import { openEditor, ROOT } from "./host/editor.ts";

it("opens", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ext-"));
  fs.copyFileSync(path.join(ROOT, "examples/algebra.md"), path.join(folder, "algebra.md"));
  await using editor = await openEditor({ folder, extension: { kind: "development" } });
  const found = await editor.run(async (vscode) => {
    const [uri] = await vscode.workspace.findFiles("*.md");
    if (!uri) throw new Error("no file");
    await vscode.window.showTextDocument(uri);
    return (
      vscode.version +
      " " +
      process.env["RSTAR_TEST_DRIVER"] +
      " " +
      process.version +
      JSON.stringify(vscode.extensions.all.map((e) => e.id).filter((i) => /rstar|math/i.test(i)))
    );
  });
  console.log(found);
  await editor.page.screenshot({ path: "/tmp/ext-1.png" });
  expect(found).toContain("1.100");
});
