/** What a package says of the works of others in it. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  bundledPackages,
  collectNotices,
  formatNotices,
  isLicence,
  noticeOfPackage,
  noticeOfWheel,
  packagesBelow,
  type Notice,
} from "../../../scripts/notices.mjs";

/** A folder with these files, which is gone after the test. */
function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-notices-"));
  onTestFinished(() => {
    fs.rmSync(folder, { recursive: true });
  });
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

/** A zip archive, with the sums left out that readers may do without; short texts are stored, others deflated. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  for (const [name, text] of Object.entries(files)) {
    const deflated = text.length > 20;
    const packed = deflated ? deflateRawSync(text) : Buffer.from(text);
    const [local, entry] = [Buffer.alloc(30), Buffer.alloc(46)];
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28); // An extra field, which the directory does not have.
    entry.writeUInt16LE(deflated ? 8 : 0, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(Buffer.concat(locals).length, 42);
    locals.push(local, Buffer.from(name), Buffer.alloc(4), packed);
    directory.push(entry, Buffer.from(name));
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(locals).length, 16);
  return Buffer.concat([...locals, ...directory, end]);
}

const manifestOf = (fields: object): string => JSON.stringify({ name: "left", version: "1.0.0", ...fields });

describe("the notice of an npm package", () => {
  it("has the licence, the home page and the texts of all licence files", () => {
    const folder = folderOf({
      "package.json": manifestOf({ license: "MIT", homepage: "https://left.example" }),
      "LICENSE-MIT.txt": "Do as you like.",
      "thirdpartynotices.txt": "And right.",
      "license.js": "code",
    });
    expect(noticeOfPackage(folder)).toEqual({
      ...{ name: "left", version: "1.0.0", license: "MIT", home: "https://left.example" },
      texts: [
        { file: "LICENSE-MIT.txt", text: "Do as you like." },
        { file: "thirdpartynotices.txt", text: "And right." },
      ],
    });
  });

  it.each([
    ["MIT", { license: "MIT" }],
    ["MIT", { license: { type: "MIT" } }],
    ["MIT OR ISC", { licenses: [{ type: "MIT" }, { type: "ISC" }] }],
  ])("names %s of %j", (license, fields) => {
    expect(noticeOfPackage(folderOf({ "package.json": manifestOf(fields) }))).toMatchObject({ license });
  });

  it.each([
    ["https://github.com/a/b", { repository: "a/b" }],
    ["https://github.com/a/b", { repository: { url: "git+https://github.com/a/b.git" } }],
    ["https://github.com/a/b", { repository: { url: "git://github.com/a/b.git" } }],
    ["https://github.com/a/b", { repository: { url: "git@github.com:a/b" } }],
    ["https://github.com/a/b", { repository: { url: "git+ssh://git@github.com/a/b.git" } }],
    ["https://github.com/a/b", { homepage: "https://github.com/a/b#readme", repository: "c/d" }],
    ["https://www.npmjs.com/package/left", {}],
  ])("finds its home %s in %j", (home, fields) => {
    const folder = folderOf({ "package.json": manifestOf({ license: "MIT", ...fields }) });
    expect(noticeOfPackage(folder).home).toBe(home);
  });

  it("takes a licence file for an answer, and nothing for none", () => {
    const [manifest, license] = [manifestOf({}), "Do as you like."];
    expect(noticeOfPackage(folderOf({ "package.json": manifest, license })).license).toBe("see below");
    expect(() => noticeOfPackage(folderOf({ "package.json": manifest }))).toThrow("left 1.0.0");
  });
});

describe("the notice of a Python wheel", () => {
  const metadata = "Name: left\r\nVersion: 1.0\r\nLicense: MIT\r\n";

  it("comes from its metadata and licence files", () => {
    const wheel = zipOf({
      "left/LICENSE": "of something else",
      "left-1.0.dist-info/METADATA": `${metadata}Project-URL: Homepage, https://left.example\r\n\r\nLicense: none`,
      "left-1.0.dist-info/licenses/LICENCE": "Do as you like.",
    });
    expect(noticeOfWheel(wheel)).toEqual({
      ...{ name: "left", version: "1.0", license: "MIT", home: "https://left.example" },
      texts: [{ file: "LICENCE", text: "Do as you like." }],
    });
  });

  it("needs a licence above the description", () => {
    const file = "left-1.0.dist-info/METADATA";
    expect(noticeOfWheel(zipOf({ [file]: metadata })).home).toBe("https://pypi.org/project/left/");
    const nameless = "Name: left\nVersion: 1.0\n\nLicense: MIT\n";
    expect(() => noticeOfWheel(zipOf({ [file]: nameless }))).toThrow("left 1.0");
  });
});

describe("what is in a package", () => {
  it("is told by the sources that were bundled", () => {
    const sources = [
      ...[
        "server/main.ts",
        "node_modules/b/index.js",
        "node_modules/@a/b/lib/c.js",
        "node_modules/b/other.js",
      ],
      ...["node_modules/b/node_modules/c/index.js", "../shared/node_modules/d/index.js"],
    ];
    expect(bundledPackages(sources)).toEqual([
      ...["../shared/node_modules/d", "node_modules/@a/b", "node_modules/b", "node_modules/b/node_modules/c"],
    ]);
  });

  it("is told by the packages that were copied", () => {
    const files = ["b", "@a/c", "b/node_modules/d", "b/esm"].map((place) => [`${place}/package.json`, "{}"]);
    const folder = folderOf(Object.fromEntries(files) as Record<string, string>);
    const places = packagesBelow(folder).map((place) =>
      path.relative(folder, place).replaceAll(path.sep, "/"),
    );
    expect(places.sort()).toEqual(["@a/c", "b", "b/node_modules/d"]);
  });
});

/** A project, and the folder of its package, of which one thing was left out. */
function project(without?: string): { root: string; folder: string } {
  const adapters = [{ kind: "bundled" }];
  const models = [
    { id: "tuned", base: "base", adapter: { sources: adapters } },
    {
      ...{ id: "base", name: "Base 1B", license: "Apache-2.0" },
      sources: [{ kind: "huggingface", uri: "hf:Maker/Base-GGUF/base.gguf" }],
    },
    { id: "other", name: "Other", license: "MIT", sources: [] },
  ];
  const npm = (name: string): [string, string] => [
    `node_modules/${name}/package.json`,
    JSON.stringify({ name, version: "2.0.0", ...(name === without ? {} : { license: "ISC" }) }),
  ];
  const inlined = ["internmap", "delaunator", "robust-predicates"];
  const root = folderOf(Object.fromEntries(["katex", ...inlined].map(npm)));
  const copied = ["node-llama-cpp", "pyodide", "@mathjax/mathjax-newcm-font"].map(npm);
  const folder = folderOf({
    ...Object.fromEntries(copied.map(([file, content]) => [`dist/${file}`, content])),
    "dist/node_modules/node-llama-cpp/llama/llama.cpp.info.json":
      '{"tag": "b1", "llamaCppGithubRepo": "ggml-org/llama.cpp"}',
    "dist/node_modules/pyodide/pyodide-lock.json": '{"info": {"python": "3.14.2"}}',
    "dist/converter/LICENSE": "llama.cpp's",
    "dist/converter/vendor/one/LICENSE": "of one that it uses",
    "dist/wheels/left.whl": zipOf({ "left.dist-info/METADATA": "Name: wheel\nVersion: 3\nLicense: MIT\n" }),
    "models/manifest.json": JSON.stringify({ models }),
  });
  return { root, folder };
}

describe("the notices of a package", () => {
  const sources = ["server/main.ts", "node_modules/katex/katex.mjs"];

  it("name all that is in it, in order, and nothing else", () => {
    const { root, folder } = project();
    const text = formatNotices(collectNotices(folder, sources, root));
    const titles = text.split(`${"=".repeat(80)}\n\n`).map((section) => section.split("\n", 1)[0]);
    expect(titles).toEqual([
      "Third-party notices",
      "@mathjax/mathjax-newcm-font 2.0.0",
      "Base 1B, base of the adapters",
      "CPython, in Pyodide 3.14.2",
      "KaTeX fonts 2.0.0",
      "New Computer Modern, as MathJax's mathjax-newcm 2.0.0",
      "delaunator 2.0.0",
      "internmap 2.0.0",
      "katex 2.0.0",
      "llama.cpp b1",
      "node-llama-cpp 2.0.0",
      "pyodide 2.0.0",
      "robust-predicates 2.0.0",
      "wheel 3",
    ]);
    expect(text).toContain("Home: https://huggingface.co/Maker/Base-GGUF\n");
    expect(text).toContain("[LICENSE]\n\nllama.cpp's\n\n[vendor/one/LICENSE]\n\nof one that it uses");
    expect(text).toContain("https://docs.python.org/3.14/license.html");
  });

  it.each(["katex", "pyodide", "internmap"])("are refused where nothing is known of %s", (name) => {
    const { root, folder } = project(name);
    expect(() => collectNotices(folder, sources, root)).toThrow(`${name} 2.0.0`);
  });

  it("are the same whatever the order in which they were found, and name a work once", () => {
    const notice = (name: string, license: string, ...texts: string[]): Notice => ({
      ...{ name, version: "1", license, home: "https://example.org" },
      texts: texts.map((text) => ({ file: "LICENSE", text })),
    });
    const all = [
      notice("b", "Apache-2.0"),
      notice("a", "MIT", "Do as\r\nyou like.\n\n"),
      notice("c", "MPL-2.0"),
    ];
    const text = formatNotices(all);
    expect(formatNotices([...all, ...all].reverse())).toBe(text);
    const [, ...sections] = text.trimEnd().split(`\n\n${"=".repeat(80)}\n\n`);
    expect(sections).toEqual([
      "a 1\nLicence: MIT\nHome: https://example.org\n\nDo as\nyou like.",
      "b 1\nLicence: Apache-2.0\nHome: https://example.org\n\n" +
        "It comes without a licence file; the text of this licence is in LICENSE.txt.",
      "c 1\nLicence: MPL-2.0\nHome: https://example.org\n\n" +
        "It comes without a licence file; the text of this licence is at https://spdx.org/licenses/MPL-2.0.html",
    ]);
  });
});

it("a licence file is known by its name", () => {
  const names = ["LICENSE", "a/licence.md", "UNLICENSE", "NOTICE.txt", "COPYING", "ThirdPartyNotices.txt"];
  expect(names.filter(isLicence)).toEqual(names);
  expect(["license.js", "a/license.d.ts", "notices.mjs", "readme.md", "noticed/x"].filter(isLicence)).toEqual(
    [],
  );
});
