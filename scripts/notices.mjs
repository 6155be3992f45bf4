/**
 * What a package says of the works of others in it: `THIRD-PARTY-NOTICES.txt`, with each one's name, version, licence,
 * home page and the text of its licence.
 */
import fs from "node:fs";
import path from "node:path";
import { readZip } from "./zip.mjs";

export const NOTICES = "THIRD-PARTY-NOTICES.txt";

/**
 * Packages whose code lies in what their users publish, so that the bundler does not see it: those of d3-array and
 * d3-delaunay.
 */
const INLINED = ["internmap", "delaunator", "robust-predicates"].map((name) => `node_modules/${name}`);

/** Fonts have other makers and licences than the packages that they come in; the texts are from their name tables. */
const FONTS = [
  {
    name: "KaTeX fonts",
    license: "OFL-1.1",
    home: "https://github.com/KaTeX/katex-fonts",
    from: "katex",
    text: "Copyright (c) 2009-2010, Design Science, Inc. (<www.mathjax.org>)\nCopyright (c) 2014-2018 Khan Academy (<www.khanacademy.org>),\nwith each font's name, such as KaTeX_Main, as Reserved Font Name.\n\nThis Font Software is licensed under the SIL Open Font License, Version 1.1.\nThis license is available with a FAQ at:\nhttp://scripts.sil.org/OFL",
  },
  {
    name: "New Computer Modern, as MathJax's mathjax-newcm",
    license: "GUST Font License (LPPL-1.3c or later)",
    home: "https://ctan.org/pkg/newcomputermodern",
    from: "@mathjax/mathjax-newcm-font",
    text: "(C) 2019-2021 Antonis Tsolomitis.\nThis work is released under the GUST Font License -- see http://tug.org/fonts/licenses/GUST-FONT-LICENSE.txt for details.",
  },
];

/** Of wheels without a licence file: what the headers of their sources say, as the metadata names no one licence. */
const SAID_IN_SOURCES = {
  "antlr4-python3-runtime": {
    license: "BSD-3-Clause",
    text: "Copyright (c) 2012-2017 The ANTLR Project. All rights reserved.\nUse of this file is governed by the BSD 3-clause license that\ncan be found in the LICENSE.txt file in the project root.",
  },
};

/** Whether a file of this name holds a licence or notices; code that is called so does not. */
export function isLicence(file) {
  const name = path.posix.basename(file.replaceAll("\\", "/"));
  return (
    /^(?:un)?licen[cs]e|^copying|notices?(?:\.\w+)?$/iu.test(name) && !/\.(?:[cm]?[jt]s|map|py)$/iu.test(name)
  );
}

/** What a `repository` or `homepage` of a manifest names, as an address that a browser opens. */
function asAddress(place) {
  const text = typeof place === "object" ? place?.url : place;
  if (text === undefined) return undefined;
  if (/^[\w.-]+\/[\w.-]+$/u.test(text)) return `https://github.com/${text}`;
  return text
    .replace(/^git\+/u, "")
    .replace(/^(?:git|ssh):\/\/(?:git@)?/u, "https://")
    .replace(/^git@([^:]+):/u, "https://$1/")
    .replace(/\.git$|#readme$/u, "");
}

/** A manifest's licence: an identifier, or one of the older forms. */
function licenseOf({ license, licenses }) {
  const named = [license ?? licenses].flat().map((each) => each?.type ?? each);
  return named.filter(Boolean).join(" OR ") || undefined;
}

/** The licence files below a folder, as their names from there and their texts, sorted. */
function textsBelow(folder, recursive = false) {
  const names = fs
    .readdirSync(folder, { recursive, encoding: "utf8" })
    .filter((name) => isLicence(name) && fs.statSync(path.join(folder, name)).isFile())
    .map((name) => name.replaceAll(path.sep, "/"));
  return names.sort().map((file) => ({ file, text: fs.readFileSync(path.join(folder, file), "utf8") }));
}

/** A notice that names a licence or holds one; a package whose licence nobody knows must not be given away. */
function licensed({ license, ...rest }) {
  if (license === undefined && rest.texts.length === 0)
    throw new Error(`nothing says under which licence ${titleOf(rest)} is: neither a file nor its metadata`);
  return { ...rest, license: license ?? "see below" };
}

/**
 * The notice of an npm package in a folder.
 * @throws Error when nothing there says under which licence it is.
 */
export function noticeOfPackage(folder) {
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const { name, version, homepage, repository } = manifest;
  const home = asAddress(homepage) ?? asAddress(repository) ?? `https://www.npmjs.com/package/${name}`;
  return licensed({ name, version, license: licenseOf(manifest), home, texts: textsBelow(folder) });
}

/**
 * The notice of a Python wheel.
 * @throws Error when nothing in it says under which licence it is.
 */
export function noticeOfWheel(archive) {
  const files = [...readZip(archive, (file) => /^[^/]+\.dist-info\//u.test(file))];
  const metadata = files.find(([file]) => file.endsWith("/METADATA"))?.[1] ?? "";
  // What follows the first empty line is the description, which may say anything.
  const [head] = metadata.split(/\r?\n\r?\n/u, 1);
  const field = (label) => new RegExp(`^${label}[ \\t]*(.+?)\\s*$`, "imu").exec(head)?.[1];
  const [name, version] = [field("Name:"), field("Version:")];
  const said = SAID_IN_SOURCES[name];
  const home =
    field("Home-page:") ??
    field("Project-URL: (?:Homepage|Repository|Source),") ??
    `https://pypi.org/project/${name}/`;
  const texts = files
    .filter(([file]) => isLicence(file))
    .map(([file, text]) => ({ file: path.posix.basename(file), text }));
  return licensed({
    ...{ name, version, home },
    license: said?.license ?? field("License-Expression:") ?? field("License:"),
    texts: said === undefined ? texts : [{ file: "headers of the sources", text: said.text }, ...texts],
  });
}

/** The folders of the npm packages that bundled sources are of, from the root, sorted. */
export function bundledPackages(sources) {
  const folders = sources.flatMap(
    (source) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/u.exec(source)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

/** The folders of all packages in a folder `node_modules`, at any depth. */
export function packagesBelow(modules) {
  if (!fs.existsSync(modules)) return [];
  return fs.readdirSync(modules).flatMap((name) => {
    const folder = path.join(modules, name);
    if (name.startsWith("@")) return packagesBelow(folder);
    return fs.existsSync(path.join(folder, "package.json"))
      ? [folder, ...packagesBelow(path.join(folder, "node_modules"))]
      : [];
  });
}

/** The models that adapters in the package were trained on: an adapter is of use only with them. */
function noticesOfBases({ models }) {
  const isBundled = ({ adapter }) => adapter?.sources.some(({ kind }) => kind === "bundled") ?? false;
  const bases = new Set(models.filter(isBundled).map(({ base }) => base));
  return models
    .filter(({ id }) => bases.has(id))
    .map(({ name, license, sources }) => {
      const { uri } = sources.find(({ kind }) => kind === "huggingface");
      const home = uri.replace(/^hf:([^/]+\/[^/]+).*/u, "https://huggingface.co/$1");
      return licensed({ name: `${name}, base of the adapters`, license, home, texts: [] });
    });
}

function noticesOfFonts(packages) {
  return FONTS.map(({ from, text, ...font }) => ({
    ...font,
    version: packages.find(({ name }) => name === from)?.version,
    texts: [{ file: "name table", text }],
  }));
}

/** llama.cpp is compiled into the engine's binaries, and parts of its Python are the converter. */
function noticeOfLlamaCpp(modules, converter) {
  const info = JSON.parse(
    fs.readFileSync(path.join(modules, "node-llama-cpp/llama/llama.cpp.info.json"), "utf8"),
  );
  const home = `https://github.com/${info.llamaCppGithubRepo}`;
  return { name: "llama.cpp", version: info.tag, license: "MIT", home, texts: textsBelow(converter, true) };
}

/** Python itself is in Pyodide's WebAssembly, which is under another licence. */
function noticeOfPython(modules) {
  const { info } = JSON.parse(fs.readFileSync(path.join(modules, "pyodide/pyodide-lock.json"), "utf8"));
  const home = `https://docs.python.org/${info.python.split(".", 2).join(".")}/license.html`;
  return { name: "CPython, in Pyodide", version: info.python, license: "PSF-2.0", home, texts: [] };
}

/**
 * The notices of a package that was put together in `folder` from a project: of what `sources` brought into the
 * bundles, and of what was copied.
 * @throws Error when something in it has no licence.
 */
export function collectNotices(folder, sources, root) {
  const modules = path.join(folder, "dist/node_modules");
  const wheels = path.join(folder, "dist/wheels");
  const bundled = [...bundledPackages(sources), ...INLINED].map((place) => path.join(root, place));
  const packages = [...bundled, ...packagesBelow(modules)].map(noticeOfPackage);
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, "models/manifest.json"), "utf8"));
  return [
    ...packages,
    ...noticesOfFonts(packages),
    ...fs.readdirSync(wheels).map((file) => noticeOfWheel(fs.readFileSync(path.join(wheels, file)))),
    noticeOfPython(modules),
    noticeOfLlamaCpp(modules, path.join(folder, "dist/converter")),
    ...noticesOfBases(manifest),
  ];
}

const titleOf = ({ name, version }) => (version === undefined ? name : `${name} ${version}`);

/** Where the text of a licence is that no file came with. */
function elsewhere(license) {
  return license === "Apache-2.0"
    ? "It comes without a licence file; the text of this licence is in LICENSE.txt."
    : `It comes without a licence file; the text of this licence is at https://spdx.org/licenses/${license}.html`;
}

function sectionOf(notice) {
  const { license, home, texts } = notice;
  const body =
    texts.length === 0
      ? [elsewhere(license)]
      : texts.map(({ file, text }) => {
          const shown = text.replaceAll("\r\n", "\n").replaceAll("\f", "").trim();
          return texts.length === 1 ? shown : `[${file}]\n\n${shown}`;
        });
  return [`${titleOf(notice)}\nLicence: ${license}\nHome: ${home}`, ...body].join("\n\n");
}

const HEADER = `Third-party notices

rStar Math is under the licence in LICENSE.txt. The works of others that are in it are named below, each with its
licence.`;

/** The file's text: each work once, in the order of their names. */
export function formatNotices(notices) {
  const sections = new Map(notices.map((notice) => [titleOf(notice), sectionOf(notice)]));
  const ordered = [...sections].sort(([one], [other]) => (one < other ? -1 : 1));
  return `${[HEADER, ...ordered.map(([, section]) => section)].join(`\n\n${"=".repeat(80)}\n\n`)}\n`;
}
