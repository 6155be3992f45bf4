/**
 * The package as people install it: which files are in it and how large it is, and that an editor with nothing else
 * solves a problem with it.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildRelease } from "../../scripts/build.mjs";
import { bundledPackages, NOTICES } from "../../scripts/notices.mjs";
import { packageExtension } from "../../scripts/package.mjs";
import { readZip } from "../../scripts/zip.mjs";
import { hasSoftwareDevice, SOFTWARE_DEVICE } from "../support/vulkan.ts";
import { openEditor, ROOT } from "./host/editor.ts";
import { ensureModel, testFolder } from "./host/probe.ts";

const MB = 1_000_000;
const TARGET = `${process.platform}-${process.arch}`;

/** Prints names and compressed sizes of an archive's files. */
const LISTING =
  "import json, sys, zipfile; print(json.dumps([(i.filename, i.compress_size) for i in zipfile.ZipFile(sys.argv[1]).infolist()]))";

let scratch: string;
let vsix: string;
/** Bytes that each file takes in the package. */
let packed: ReadonlyMap<string, number>;
let files: string[];

beforeAll(async () => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), "rstar-package-"));
  vsix = await packageExtension(TARGET, path.join(scratch, "extension.vsix"));
  const listing = spawnSync("python3", ["-c", LISTING, vsix], { encoding: "utf8", maxBuffer: 1 << 26 });
  const entries = JSON.parse(listing.stdout) as [name: string, bytes: number][];
  packed = new Map(
    entries.flatMap(([name, bytes]) =>
      name.startsWith("extension/") ? [[name.slice("extension/".length), bytes]] : [],
    ),
  );
  files = [...packed.keys()];
});

afterAll(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

describe("the package", () => {
  it("is under 80 MB without the models in it", () => {
    const { size } = fs.statSync(vsix);
    const models = [...packed].filter(([name]) => name.startsWith("models/adapters/"));
    expect(size - models.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(80 * MB);
    // Something is wrong with a package that lost its engine or its Python.
    expect(size).toBeGreaterThan(30 * MB);
  });

  it("holds these files and no others", () => {
    const own = files.filter((name) => !name.startsWith("dist/node_modules/"));
    const shape = [
      ...new Set(own.map((name) => name.replace(/[0-9a-f]{16}|-[A-Z0-9]{8}(?=\.)/gu, "*"))),
    ].sort();
    const chunks = shape.filter((name) => name.startsWith("dist/server-"));
    const fonts = shape.filter((name) => name.startsWith("dist/media/fonts/"));
    const converter = shape.filter((name) => name.startsWith("dist/converter/"));
    const trainer = shape.filter((name) => name.startsWith("server/evolution/trainer/rstar_trainer/"));
    expect(chunks.length).toBeGreaterThan(0);
    expect(fonts.length).toBeGreaterThan(0);
    expect(chunks.filter((name) => !name.endsWith(".mjs"))).toEqual([]);
    expect(fonts.filter((name) => !/KaTeX_[\w-]+\.woff2$/u.test(name))).toEqual([]);
    expect(converter).toContain("dist/converter/convert_lora_to_gguf.py");
    expect(converter.some((name) => name.startsWith("dist/converter/gguf-py/gguf/"))).toBe(true);
    expect(trainer).toContain("server/evolution/trainer/rstar_trainer/__main__.py");
    expect(trainer.filter((name) => !name.endsWith(".py"))).toEqual([]);
    const grouped = new Set([...chunks, ...fonts, ...converter, ...trainer]);
    const rest = shape.filter((name) => !grouped.has(name));
    expect(rest).toEqual(EXPECTED);
  });

  it("holds the binaries of this platform's processor only", () => {
    const engines = new Set(
      files.flatMap((name) => /^dist\/node_modules\/@node-llama-cpp\/([^/]+)\//u.exec(name)?.[1] ?? []),
    );
    expect([...engines]).toEqual([
      TARGET.replace("darwin-arm64", "mac-arm64-metal").replace("darwin", "mac").replace("win32", "win"),
    ]);
    expect(files.filter((name) => /gitRelease\.bundle|^dist\/.*\.gguf$|\.map$|\.ts$/u.test(name))).toEqual(
      [],
    );
  });

  it("names every work of others in it, with its licence", async () => {
    const texts = readZip(fs.readFileSync(vsix), (name) => /\/(?:package\.json|[A-Z-]+\.txt)$/u.test(name));
    const sections = (texts.get(`extension/${NOTICES}`) ?? "").split(`\n\n${"=".repeat(80)}\n\n`).slice(1);
    const titles = sections.map((section) => section.split("\n", 1)[0]);
    const copied = [...texts]
      .filter(([name]) => /\/node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json$/u.test(name))
      .map(([, text]) => text);
    const bundled = bundledPackages(await buildRelease(path.join(scratch, "bundles"))).map((folder) =>
      fs.readFileSync(path.join(ROOT, folder, "package.json"), "utf8"),
    );
    expect(Math.min(copied.length, bundled.length)).toBeGreaterThan(50);
    const packages = [...copied, ...bundled].map((text) => {
      const { name, version } = JSON.parse(text) as { name: string; version: string };
      return `${name} ${version}`;
    });
    const wheels = files.flatMap(
      (name) => /^dist\/wheels\/([^-]+)-([^-]+)/u.exec(name)?.slice(1, 3).join(" ") ?? [],
    );
    const named = titles.map((title) => title?.replace(/^(\S+)/u, (name) => name.replaceAll("-", "_")));
    expect(packages.filter((title) => !titles.includes(title))).toEqual([]);
    expect(wheels.filter((title) => !named.includes(title))).toEqual([]);
    for (const begin of ["CPython", "KaTeX fonts", "New Computer Modern", "llama.cpp", "Qwen2.5-Coder 0.5B"])
      expect(titles.filter((title) => title?.startsWith(begin) === true)).toHaveLength(1);
    expect(sections.filter((text) => !/^.+\nLicence: .+\nHome: https?:.+\n\n[^]+$/u.test(text))).toEqual([]);
  });
});

describe("installed in an editor that has nothing else", () => {
  it("solves a problem", async () => {
    await ensureModel();
    using place = testFolder({ models: true });
    place.write("sum.md", "## Problem\n\nAnn has 3 apples and buys 4 more. How many apples has she?\n");
    await using editor = await openEditor({
      folder: place.folder,
      extension: { kind: "package", vsix },
      environment: { RSTAR_HOME: place.home },
      settings: { "rstarMath.search.budgetTokens": 400 },
    });
    const seen = await editor.run(async (api) => {
      const extension = api.extensions.getExtension("rstar-math.rstar-math");
      const [file] = await api.workspace.findFiles("sum.md");
      if (extension === undefined || file === undefined)
        throw new Error("the extension or the file is missing");
      const document = await api.workspace.openTextDocument(file);
      await api.window.showTextDocument(document);
      const argument = { uri: file.toString(), problem: { kind: "index", index: 1 } };
      const outcome = await api.commands.executeCommand("rstarMath.solveProblem", argument);
      return { from: extension.extensionPath, outcome, text: document.getText() };
    });
    expect(seen.from.startsWith(ROOT)).toBe(false);
    expect(seen.outcome).toMatchObject({ kind: "solved", inserted: true });
    expect(seen.text).toContain("rstar:end");
  });
});

describe.skipIf(!hasSoftwareDevice)("GPU support", () => {
  it("is fetched on request, found outside of the package, used, and removed", () => {
    const unpacked = path.join(scratch, "unpacked");
    expect(spawnSync("python3", ["-m", "zipfile", "-e", vsix, unpacked]).status).toBe(0);
    const rstar = (...args: string[]): string => {
      const run = spawnSync(process.execPath, [path.join(unpacked, "extension/dist/cli.cjs"), ...args], {
        encoding: "utf8",
        cwd: scratch,
        env: { ...process.env, ...SOFTWARE_DEVICE, RSTAR_HOME: path.join(scratch, "gpu-home") },
      });
      expect(run.status, run.stderr).toBe(0);
      return run.stdout;
    };
    expect(rstar("doctor")).toMatch(/Engine: .*CPU: there is a driver for vulkan.*rstar gpu fetch vulkan/u);
    expect(rstar("gpu", "fetch", "vulkan")).toMatch(/vulkan are here/u);
    expect(rstar("gpu")).toMatch(/^vulkan .* fetched$/mu);
    expect(rstar("doctor")).toMatch(/Engine: .*vulkan: the best that this machine.*llvmpipe/u);
    expect(rstar("gpu", "remove", "vulkan")).toMatch(/free again/u);
    expect(rstar("gpu")).toMatch(/^vulkan .* not fetched$/mu);
  });
});

/** Everything but the server's chunks, the fonts, the trainer's Python, llama.cpp's converter and the libraries. */
const EXPECTED = [
  "LICENSE.txt",
  NOTICES,
  "changelog.md",
  "dist/cli.cjs",
  "dist/cli.mjs",
  "dist/extension.cjs",
  "dist/language-client.cjs",
  "dist/media/dashboard.css",
  "dist/media/dashboard.js",
  "dist/media/search.css",
  "dist/media/search.js",
  "dist/python-*.snapshot",
  "dist/sandbox-worker.mjs",
  "dist/server.mjs",
  "dist/wheels/antlr4_python3_runtime-4.13.2-py3-none-any.whl",
  "dist/wheels/latex2sympy2_extended-1.11.0-py3-none-any.whl",
  "dist/wheels/math_verify-0.9.0-py3-none-any.whl",
  "dist/wheels/mpmath-1.3.0-py3-none-any.whl",
  "dist/wheels/sympy-1.14.0-py3-none-any.whl",
  "examples/algebra.md",
  "examples/competition.md",
  "examples/traces.jsonl",
  "examples/word-problems.md",
  "l10n/bundle.l10n.json",
  "media/icon.png",
  "media/walkthrough/evidence.md",
  "media/walkthrough/model.md",
  "media/walkthrough/solve.md",
  "media/walkthrough/train.md",
  "media/walkthrough/tree.md",
  "models/adapters/rstar-coder-0.5b-20261128-ppm.gguf",
  "models/adapters/rstar-coder-0.5b-20261128-ppm.md",
  "models/adapters/rstar-coder-0.5b-r1-policy.gguf",
  "models/adapters/rstar-coder-0.5b-r1-policy.md",
  "models/manifest.json",
  "package.json",
  "package.nls.json",
  "readme.md",
  "server/evolution/trainer/configs/ddp.yaml",
  "server/evolution/trainer/configs/deepspeed-zero2.yaml",
  "server/evolution/trainer/configs/deepspeed-zero3.yaml",
  "server/evolution/trainer/configs/fsdp.yaml",
  "server/evolution/trainer/requirements-torch-windows.txt",
  "server/evolution/trainer/requirements-torch.txt",
  "server/evolution/trainer/requirements.txt",
];
