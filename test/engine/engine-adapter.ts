/** Writes a LoRA adapter for the test model as a GGUF file: random, but an adapter like any other. */
import { writeFileSync } from "node:fs";

/** The test model's width: its query matrices are square. */
const WIDTH = 576;
const RANK = 4;

/** GGUF value types. */
const STRING = 8;
const FLOAT32 = 6;

/** Adapts the query matrix of the first layers, strongly enough that texts and scores change. */
export function writeAdapter(file: string, layers = 4): void {
  const names = Array.from({ length: layers }, (_, layer) => `blk.${layer}.attn_q.weight`);
  const tensors = names.flatMap((name, index) => [
    { name: `${name}.lora_a`, shape: [WIDTH, RANK], seed: 2 * index + 1 },
    { name: `${name}.lora_b`, shape: [RANK, WIDTH], seed: 2 * index + 2 },
  ]);
  const bytes = 4 * WIDTH * RANK; // A multiple of the alignment, 32.
  const head = Buffer.concat([
    Buffer.from("GGUF"),
    uint32(3),
    uint64(tensors.length),
    uint64(4),
    ...[string("general.architecture"), uint32(STRING), string("llama")],
    ...[string("general.type"), uint32(STRING), string("adapter")],
    ...[string("adapter.type"), uint32(STRING), string("lora")],
    ...[string("adapter.lora.alpha"), uint32(FLOAT32), float32(2 * RANK)],
    ...tensors.flatMap(({ name, shape }, index) => [
      string(name),
      uint32(shape.length),
      ...shape.map(uint64),
      uint32(0), // 32-bit floats
      uint64(index * bytes),
    ]),
  ]);
  const padding = Buffer.alloc((32 - (head.length % 32)) % 32);
  writeFileSync(file, Buffer.concat([head, padding, ...tensors.map(({ seed }) => noise(seed))]));
}

function noise(seed: number): Buffer {
  let state = seed * 0x9e3779b1;
  const values = Float32Array.from({ length: WIDTH * RANK }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 0.4 * (state / 2 ** 32 - 0.5);
  });
  return Buffer.from(values.buffer);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

function float32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer;
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint64(bytes.length), bytes]);
}
