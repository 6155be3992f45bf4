/**
 * Copies of models whose Q5_0 weights are stored as Q8_0: the very same numbers, in the form that some processors
 * multiply faster. llama.cpp has AMX kernels for Q8_0, Q4_K, Q6_K and others, and none for Q5_0, of which the default
 * model is mostly made; with AVX2 alone it takes Q5_0 apart anew for every two columns of a batch.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open, readdir, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import type { GgufTensorInfo } from "node-llama-cpp";
import { readHeader, tensorBytes } from "./gguf.ts";
import { moveTo } from "../replace-file.ts";

/** llama.cpp's numbers of the two types (ggml.h); both store 32 weights a block. */
const Q5_0 = 6;
const Q8_0 = 8;
const Q5_0_BLOCK = 22;
const Q8_0_BLOCK = 34;
const WEIGHTS = 32;
/** Copied at a time: a megabyte or so. */
const BLOCKS_AT_ONCE = 1 << 15;
/** Below this share of Q5_0 a copy gains less than it takes. */
const WORTHWHILE = 0.25;
/** Bytes of the disk that stay free. */
const RESERVE_BYTES = 1e9;

/**
 * Why a copy pays, in a few words; null where it does not. A copy takes room on the disk, so that a few percent are not
 * enough (the figures are in ARCHITECTURE.md, "The engine").
 * @param systemInfo What llama.cpp says of the processor and of its own build: `AVX2 = 1 | AVX512 = 1 | …`.
 * @param fullBatches Whether long work on many problems is ahead, not a person's few.
 */
export function whyWiden(systemInfo: string, fullBatches: boolean): string | null {
  const has = (feature: string): boolean => new RegExp(`\\b${feature} = 1\\b`, "u").test(systemInfo);
  if (has("AMX_INT8")) return "with AMX, Q5_0 weights stored as Q8_0";
  if (fullBatches && has("AVX2") && !has("AVX512"))
    return "with AVX2 and full batches, Q5_0 weights stored as Q8_0";
  return null;
}

/**
 * Where the copy of a model file lies: beside it, under a name with the file's size and time, so that the copy of a file
 * that was replaced is not taken for its own. @throws the file system's errors
 */
export async function widenedPath(file: string): Promise<string> {
  const { size, mtimeMs } = await stat(file);
  return `${file}.${size.toString(16)}-${Math.round(mtimeMs).toString(16)}.widened`;
}

/** All copies of a model file: its own, those of what it replaced, and those of earlier versions, which had no time. */
export async function widenedCopies(file: string): Promise<string[]> {
  const folder = path.dirname(file);
  const base = path.basename(file);
  const names = await readdir(folder).catch(() => []);
  return names
    .filter(
      (name) => name.startsWith(base) && /^(?:\.[\da-f]+-[\da-f]+)?\.widened$/u.test(name.slice(base.length)),
    )
    .map((name) => path.join(folder, name));
}

/** Deletes the copies of a model file, but for the one to `keep`. @throws the file system's errors */
export async function removeWidened(file: string, keep?: string): Promise<void> {
  for (const copy of await widenedCopies(file)) if (copy !== keep) await rm(copy, { force: true });
}

/**
 * The file to load instead of `file`: its widened copy, made now if there is none; `file` itself when there is nothing
 * to gain, no room, or when the copy cannot be written. Takes some seconds the first time. Copies that are not of this
 * file any more are deleted.
 */
export async function widened(file: string): Promise<string> {
  const copy = await widenedPath(file);
  // Where somebody has one open, some systems do not delete it: the next time will.
  await removeWidened(file, copy).catch(() => undefined);
  if (existsSync(copy)) return copy;
  // Of this process alone: another may make the same copy, and the one that is renamed last stays. One that was left
  // behind goes with the model, as its other partial files do.
  const unfinished = `${copy}.${String(process.pid)}.partial`;
  try {
    const layout = await layoutOf(file);
    const all = total(layout.tensors);
    if (total(layout.tensors.filter(isNarrow)) < WORTHWHILE * all) return file;
    const { bavail, bsize } = await statfs(path.dirname(copy));
    if (bavail * bsize < 2 * all + RESERVE_BYTES) return file;
    await write(file, unfinished, layout);
    await moveTo(unfinished, copy);
    return copy;
  } catch {
    // The model works without.
    await rm(unfinished, { force: true }).catch(() => undefined);
    return file;
  }
}

interface Layout {
  /** As they lie in the file. */
  readonly tensors: readonly GgufTensorInfo[];
  /** What every offset is a multiple of: 32 bytes unless the file says else. */
  readonly alignment: number;
  /** The tensors' entries in the header begin here or later. */
  readonly entries: number;
}

async function layoutOf(file: string): Promise<Layout> {
  const info = await readHeader(file, new AbortController().signal);
  const { alignment } = info.metadata.general as { readonly alignment?: number };
  return {
    tensors: [...(info.tensorInfo ?? [])].sort((a, b) => Number(a.offset) - Number(b.offset)),
    alignment: alignment ?? 32,
    entries: info.totalMetadataSize,
  };
}

/** Writes the copy: header and tensors in their order, those in Q5_0 as Q8_0. */
async function write(file: string, copy: string, { tensors, alignment, entries }: Layout): Promise<void> {
  const [first] = tensors;
  if (first === undefined) throw new Error("no tensors");
  const dataStart = Number(first.fileOffset) - Number(first.offset);
  const from = await open(file, "r");
  try {
    const to = await open(copy, "w");
    try {
      const header = Buffer.alloc(dataStart);
      await from.read(header, 0, dataStart, 0);
      let end = 0;
      for (const tensor of tensors) {
        const type = isNarrow(tensor) ? Q8_0 : tensor.ggmlType;
        const entry = entryOf(tensor, tensor.ggmlType, tensor.offset);
        const at = header.indexOf(entry, entries);
        if (at < 0) throw new Error(`the entry of ${tensor.name} is not where it should be`);
        entryOf(tensor, type, end).copy(header, at);
        await copyTensor(from, to, tensor, dataStart + end);
        end = Math.ceil((end + sizeIn(tensor, type)) / alignment) * alignment;
      }
      await to.truncate(dataStart + end);
      await to.write(header, 0, dataStart, 0);
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function copyTensor(
  from: FileHandle,
  to: FileHandle,
  tensor: GgufTensorInfo,
  target: number,
): Promise<void> {
  const size = sizeIn(tensor);
  const chunk = Buffer.alloc(BLOCKS_AT_ONCE * Q5_0_BLOCK);
  let written = target;
  for (let done = 0; done < size; done += chunk.length) {
    const length = Math.min(chunk.length, size - done);
    const { bytesRead } = await from.read(chunk, 0, length, Number(tensor.fileOffset) + done);
    if (bytesRead < length) throw new Error(`${tensor.name} is not whole`);
    const out = isNarrow(tensor) ? widenBlocks(chunk.subarray(0, length)) : chunk.subarray(0, length);
    await to.write(out, 0, out.length, written);
    written += out.length;
  }
}

/**
 * Q5_0 blocks as Q8_0 blocks. A Q5_0 block is a 16-bit scale d, 32 fifth bits and 16 bytes with two low halves each, and
 * stands for d (q - 16), q from 0 to 31; a Q8_0 block is d and 32 signed bytes, and stands for d q: with the same d and
 * q - 16 nothing is rounded.
 */
export function widenBlocks(blocks: Uint8Array): Buffer {
  const count = blocks.length / Q5_0_BLOCK;
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.byteLength);
  const wide = Buffer.alloc(count * Q8_0_BLOCK);
  for (let block = 0; block < count; block++) {
    const source = block * Q5_0_BLOCK;
    const target = block * Q8_0_BLOCK;
    wide[target] = blocks[source] ?? 0;
    wide[target + 1] = blocks[source + 1] ?? 0;
    const fifths = view.getUint32(source + 2, true);
    for (let i = 0; i < WEIGHTS / 2; i++) {
      const halves = blocks[source + 6 + i] ?? 0;
      wide[target + 2 + i] = ((halves & 15) | (((fifths >>> i) & 1) << 4)) - 16;
      wide[target + 18 + i] = ((halves >> 4) | (((fifths >>> (i + 16)) & 1) << 4)) - 16;
    }
  }
  return wide;
}

function isNarrow(tensor: GgufTensorInfo): boolean {
  const type: number = tensor.ggmlType;
  return type === Q5_0;
}

/** @throws for a type that is not known here: where such a tensor ends nobody can say. */
function sizeIn(tensor: GgufTensorInfo, type?: number): number {
  const size = tensorBytes(tensor, type);
  if (size === null) throw new Error(`${tensor.name} is stored in an unknown type`);
  return size;
}

function total(tensors: readonly GgufTensorInfo[]): number {
  return tensors.reduce((sum, tensor) => sum + sizeIn(tensor), 0);
}

/** A tensor's entry in the header: name, dimensions, type, offset (the GGUF specification). */
function entryOf(tensor: GgufTensorInfo, type: number, offset: number | bigint): Buffer {
  const name = Buffer.from(tensor.name, "utf8");
  const entry = Buffer.alloc(8 + name.length + 4 + 8 * tensor.dimensions.length + 4 + 8);
  entry.writeBigUInt64LE(BigInt(name.length), 0);
  name.copy(entry, 8);
  let at = entry.writeUInt32LE(tensor.dimensions.length, 8 + name.length);
  for (const size of tensor.dimensions) at = entry.writeBigUInt64LE(BigInt(size), at);
  at = entry.writeUInt32LE(type, at);
  entry.writeBigUInt64LE(BigInt(offset), at);
  return entry;
}
