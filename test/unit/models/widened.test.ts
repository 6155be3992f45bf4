/** Widened copies hold the very weights of the original, and are made only where they can be. */
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { readGgufFileInfo } from "node-llama-cpp";
import { describe, expect, test } from "vitest";
import { readGguf } from "../../../server/engine/gguf.ts";
import {
  removeWidened,
  whyWiden,
  widenBlocks,
  widened,
  widenedCopies,
  widenedPath,
} from "../../../server/engine/widened.ts";
import { ggufOf, never, type TinyTensor } from "./helpers.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** The weights of Q5_0 blocks in units of each block's scale, as the format defines them, and the scales. */
function readQ5(blocks: Buffer): { scales: number[]; weights: number[] } {
  const scales: number[] = [];
  const weights: number[] = [];
  for (let at = 0; at < blocks.length; at += 22) {
    scales.push(blocks.readUInt16LE(at));
    const fifths = blocks.readUInt32LE(at + 2);
    const low = [...blocks.subarray(at + 6, at + 22)].map((byte) => byte % 16);
    const high = [...blocks.subarray(at + 6, at + 22)].map((byte) => Math.floor(byte / 16));
    weights.push(...[...low, ...high].map((bits, i) => bits + 16 * (Math.floor(fifths / 2 ** i) % 2) - 16));
  }
  return { scales, weights };
}

function readQ8(blocks: Buffer): { scales: number[]; weights: number[] } {
  const scales: number[] = [];
  const weights: number[] = [];
  for (let at = 0; at < blocks.length; at += 34) {
    scales.push(blocks.readUInt16LE(at));
    for (let i = 0; i < 32; i++) weights.push(blocks.readInt8(at + 2 + i));
  }
  return { scales, weights };
}

/** Bytes that look random, the same each time. */
function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 2654435761) >>> 13));
}

const QUANTISED: readonly TinyTensor[] = [
  { name: "token_embd.weight", dimensions: [8, 4], type: 0, data: noise(128) },
  { name: "blk.0.ffn_up.weight", dimensions: [64, 3], type: 6, data: noise(6 * 22) },
  { name: "blk.0.attn_v.weight", dimensions: [32, 1], type: 8, data: noise(34) },
  { name: "blk.0.ffn_gate.weight", dimensions: [32, 5], type: 6, data: noise(5 * 22) },
  { name: "output_norm.weight", dimensions: [9], type: 0, data: noise(36) },
];

function fileOf(content: Buffer): string {
  const file = path.join(temporaryFolder(), "model.gguf");
  writeFileSync(file, content);
  return file;
}

test("a widened block has the same scale and the same 32 numbers", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 22, maxLength: 22 * 5 }), (bytes) => {
      const blocks = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 22)));
      expect(readQ8(widenBlocks(blocks))).toEqual(readQ5(blocks));
    }),
  );
});

describe("a widened copy", () => {
  test("is a whole model with the same tensors, those in Q5_0 stored as Q8_0", async () => {
    const file = fileOf(ggufOf({ tensors: QUANTISED }));
    const copy = await widened(file);
    expect(copy).toBe(await widenedPath(file));
    expect(await readGguf(copy, never())).toMatchObject({ kind: "gguf", facts: { architecture: "llama" } });

    const content = readFileSync(copy);
    const { tensorInfo = [] } = await readGgufFileInfo(copy, { sourceType: "filesystem" });
    const found = tensorInfo.map(({ name, ggmlType, fileOffset }) => ({ name, ggmlType, fileOffset }));
    for (const [index, tensor] of QUANTISED.entries()) {
      const { name, ggmlType, fileOffset } = found[index] ?? {};
      const stored = content.subarray(Number(fileOffset));
      expect(name).toBe(tensor.name);
      expect(ggmlType).toBe(tensor.type === 6 ? 8 : tensor.type);
      if (tensor.type === 6)
        expect(readQ8(stored.subarray(0, (tensor.data.length / 22) * 34))).toEqual(readQ5(tensor.data));
      else expect(stored.subarray(0, tensor.data.length)).toEqual(tensor.data);
    }
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf", path.basename(copy)]);
  });

  test("is made once", async () => {
    const file = fileOf(ggufOf({ tensors: QUANTISED }));
    const copy = await widenedPath(file);
    writeFileSync(copy, "made before");
    expect(await widened(file)).toBe(copy);
    expect(readFileSync(copy, "utf8")).toBe("made before");
  });

  test("is made anew of a model that was replaced, and the old one is deleted", async () => {
    const file = fileOf(ggufOf({ tensors: QUANTISED }));
    const old = await widened(file);
    writeFileSync(file, ggufOf({ tensors: QUANTISED, contextLength: 1024 }));
    // The size is the same, and a file may be put in place with a time of long ago.
    utimesSync(file, new Date(), new Date("2020-01-01"));
    const copy = await widened(file);
    expect(copy).not.toBe(old);
    expect(await readGguf(copy, never())).toMatchObject({ facts: { contextLength: 1024 } });
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf", path.basename(copy)]);
  });

  test("of an earlier version, which does not say of what file it is, is not trusted and not left", async () => {
    const file = fileOf(ggufOf());
    writeFileSync(`${file}.widened`, "of another file, perhaps");
    expect(await widened(file)).toBe(file);
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf"]);
  });

  test("is told from those of other models with a name that begins alike", async () => {
    const file = fileOf(ggufOf());
    const copies = [`${file}.widened`, `${file}.1f-2e.widened`];
    const others = [`${file}.v2.gguf`, `${file}.v2.gguf.1f-2e.widened`, `${file}.1f-2e.widened.7.partial`];
    for (const each of [...copies, ...others]) writeFileSync(each, "");
    expect((await widenedCopies(file)).sort()).toEqual([...copies].sort());
    await removeWidened(file, copies[1]);
    expect(await widenedCopies(file)).toEqual([copies[1]]);
  });

  test("is not made of a model without Q5_0", async () => {
    const file = fileOf(ggufOf());
    expect(await widened(file)).toBe(file);
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf"]);
  });

  test("is not made of a model with a tensor of a type that is not known here", async () => {
    const strange = { name: "blk.0.attn_q.weight", dimensions: [32, 1], type: 99, data: noise(40) };
    const file = fileOf(ggufOf({ tensors: [...QUANTISED, strange] }));
    expect(await widened(file)).toBe(file);
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf"]);
  });

  test.each([
    ["is cut off", ggufOf({ tensors: QUANTISED }).subarray(0, -150)],
    ["is no model", Buffer.from("<html>not found</html>")],
  ])("is not made of a file that %s, which is loaded as it is to say so", async (_, content) => {
    const file = fileOf(content);
    expect(await widened(file)).toBe(file);
    expect(readdirSync(path.dirname(file))).toEqual(["model.gguf"]);
  });
});

describe("a copy pays", () => {
  const alone = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | F16C = 1 | FMA = 1 | LLAMAFILE = 1 | REPACK = 1 | ";
  const wide = `${alone}AVX512 = 1 | AVX512_VNNI = 1 | `;
  test.each([
    ["with AMX, for one problem", `${wide}AMX_INT8 = 1 | `, false, "with AMX"],
    ["with AMX, for many", `${wide}AMX_INT8 = 1 | `, true, "with AMX"],
    ["with AVX2 alone, for many", alone, true, "with AVX2"],
    ["with AVX2 alone, for one problem", alone, false, null],
    ["with AVX-512 and no AMX", wide, true, null],
    ["with AMX switched off", `${wide}AMX_INT8 = 0 | `, true, null],
    ["on ARM", "CPU : NEON = 1 | ARM_FMA = 1 | DOTPROD = 1 | REPACK = 1 | ", true, null],
  ])("%s", (_, systemInfo, fullBatches, expected) => {
    const why = whyWiden(systemInfo, fullBatches);
    if (expected === null) expect(why).toBeNull();
    else expect(why).toContain(expected);
  });
});
