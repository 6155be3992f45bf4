/** The one-way rule of ARCHITECTURE.md: which room may import which, and which package belongs to which room. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What each room may import of the others. `OPEN` is open to all of `server/`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "server/protocol": [],
  "server/document": [],
  // How an answer is cut out of a text is pure and belongs to grading.
  "server/search": ["server/grading/extract.ts"],
  "server/grading": ["server/sandbox"],
  "server/sandbox": [],
  "server/engine": [],
  "server/models": ["server/engine"],
  "server/traces": [],
  // The statement's hash names a problem in its seeds, as in `rstar solve`.
  "server/evaluation": ["server/search", "server/document/hash.ts"],
  "server/evolution": [
    "server/search",
    "server/grading/fast.ts",
    "server/traces",
    "server/models",
    // One comparison and one line of a problem file, whoever reads them.
    "server/evaluation/problem-line.ts",
    "server/evaluation/statistics.ts",
  ],
  "server/tools": [
    "server/document",
    "server/search",
    "server/solutions.ts",
    "server/compose.ts",
    "server/version.ts",
  ],
  // What is opened late comes through `compose.ts` and `setup-report.ts`, imported when it is needed.
  "server/handlers": [
    "server/document",
    "server/search",
    "server/traces",
    "server/models",
    "server/evolution/run-folder.ts",
    "server/evolution/runs.ts",
    "server/evolution/training-space.ts",
    "server/evolution/words.ts",
    // Whether a stored answer is the given one, which is looked at with every keystroke.
    "server/grading/fast.ts",
    "server/tools",
    "server/solutions.ts",
    "server/verify.ts",
    "server/compose.ts",
    "server/setup-report.ts",
  ],
};
const OPEN = [
  "server/services.ts",
  "server/protocol",
  "server/turns.ts",
  "server/lock.ts",
  "server/errors.ts",
  "server/json.ts",
  "server/json-lines.ts",
  "server/replace-file.ts",
  "server/usable-memory.ts",
];

/** Packages that only these rooms may import. */
const OWNED: Record<string, string | readonly string[]> = {
  "node-llama-cpp": "server/engine",
  pyodide: "server/sandbox",
  vscode: "src",
  katex: "media",
  "d3-hierarchy": "media",
  // The same charts in the dashboard and in the reports of an evaluation.
  "@observablehq/plot": ["media", "server/evaluation"],
  "@mathjax/src": "server/handlers",
  "@modelcontextprotocol/sdk": "server",
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function sources(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => posix.join(folder, file.split(sep).join("/")));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8");
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => ({
    from: file,
    to: fileName.startsWith(".")
      ? relative(root, join(root, dirname(file), fileName))
          .split(sep)
          .join("/")
      : fileName,
  }));
}

const inRoom = (file: string, room: string): boolean => file === room || file.startsWith(`${room}/`);
const all = ["server", "src", "media"].flatMap(sources).flatMap(importsOf);

describe("imports go one way", () => {
  it.each(Object.entries(MAY_IMPORT))("from %s", (room, allowed) => {
    const wrong = all.filter(
      ({ from, to }) =>
        inRoom(from, room) &&
        (to.startsWith("server/") || to.startsWith("src/") || to.startsWith("media/")) &&
        ![room, ...OPEN, ...allowed].some((open) => inRoom(to, open)),
    );
    expect(wrong).toEqual([]);
  });

  it("from the editor's side, only to the protocol", () => {
    const wrong = all.filter(
      ({ from, to }) =>
        /^(?:src|media)\//u.test(from) && to.startsWith("server/") && !inRoom(to, "server/protocol"),
    );
    expect(wrong).toEqual([]);
  });

  it("from the extension, of the views only their page; from the views, nothing of the extension", () => {
    const wrong = all.filter(
      ({ from, to }) =>
        (inRoom(from, "src") && to.startsWith("media/") && to !== "media/page.ts") ||
        (inRoom(from, "media") && to.startsWith("src/")),
    );
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(OWNED))("package %s only in %s", (name, room) => {
    const wrong = all.filter(
      ({ from, to }) =>
        (to === name || to.startsWith(`${name}/`)) && ![room].flat().some((one) => inRoom(from, one)),
    );
    expect(wrong).toEqual([]);
  });

  it("the search reads no file, clock or random number of its own", () => {
    const impure = sources("server/search").filter((file) =>
      /Math\.random|Date\.now|new Date\(|performance\.|node:fs|node:process|\bprocess\./u.test(
        readFileSync(join(root, file), "utf8"),
      ),
    );
    expect(impure).toEqual([]);
  });
});
