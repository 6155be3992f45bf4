/**
 * Collects the texts that people see into `l10n/bundle.l10n.json`, which a translation (`bundle.l10n.de.json`) starts
 * from: `npm run l10n`. The texts of the manifest are in `package.nls.json`.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const BUNDLE = "l10n/bundle.l10n.json";

/** `vscode.l10n.t("…")` of the extension and `t("…")` of the views. */
function isTranslation(callee) {
  if (ts.isPropertyAccessExpression(callee))
    return callee.name.text === "t" && callee.expression.getText().endsWith("l10n");
  return ts.isIdentifier(callee) && callee.text === "t";
}

function textsOf(file) {
  const source = ts.createSourceFile(file, fs.readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && isTranslation(node.expression)) {
      const [text] = node.arguments;
      if (text !== undefined && ts.isStringLiteralLike(text)) found.push(text.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The bundle's text as it should be. */
export function collectTexts(root = ROOT) {
  const files = ["src", "media"].flatMap((room) =>
    fs
      .readdirSync(path.join(root, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => path.join(root, room, file)),
  );
  const texts = [...new Set(files.flatMap(textsOf))].sort();
  return `${JSON.stringify(Object.fromEntries(texts.map((text) => [text, text])), null, 2)}\n`;
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  fs.writeFileSync(path.join(ROOT, BUNDLE), collectTexts());
