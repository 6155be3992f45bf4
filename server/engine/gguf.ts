/** Reads what a GGUF file says about itself, and whether all of it is there, without loading the model. */
import { open } from "node:fs/promises";
import type { GgufFileInfo, GgufTensorInfo } from "node-llama-cpp";
import { messageOf } from "../errors.ts";

/** What a GGUF file's header says. */
export interface GgufFacts {
  /** llama.cpp's name of the architecture: `qwen2`, `llama`, … */
  readonly architecture: string;
  readonly name: string | null;
  readonly license: string | null;
  /** How most weights are stored, as llama.cpp names it: `Q4_K_M`. Null where the file does not say. */
  readonly quantisation: string | null;
  /** Tokens. */
  readonly contextLength: number;
  /** Weights that take part in computing one token: a lookup table beside an output matrix of its own is left out. */
  readonly parameters: number;
  /** Size of the file. */
  readonly bytes: number;
}

/** The facts, or why the file cannot be used as a language model. `detail` is a sentence for people. */
export type GgufReading =
  | { readonly kind: "gguf"; readonly facts: GgufFacts }
  | {
      readonly kind:
        "not-gguf" | "truncated" | "damaged" | "unknown-architecture" | "not-a-language-model" | "split";
      readonly detail: string;
    };

/** A header is some megabytes; a reader that takes longer is following nonsense. */
const READ_LIMIT_MS = 20_000;
/** Magic, version, number of tensors, number of key-value pairs. The library reads on past a file's end, so that the
 * numbers are held against the file's size before it is asked. */
const HEADER_BYTES = 24;
const SMALLEST_TENSOR = 24n;
const SMALLEST_PAIR = 13n;

/**
 * Reads the header of a GGUF file on this machine.
 * @throws the signal's reason when it is aborted, and errors of the file system (`ENOENT`, `EACCES`, `EISDIR`, …).
 */
export async function readGguf(file: string, signal: AbortSignal): Promise<GgufReading> {
  signal.throwIfAborted();
  const { start, size } = await begin(file);
  if (start.toString("latin1", 0, 4) !== "GGUF")
    return { kind: "not-gguf", detail: "it does not begin with GGUF: it is not a model in GGUF form" };

  if (start.length < HEADER_BYTES)
    return { kind: "truncated", detail: "the file ends too early: its header is not whole" };
  const tensors = start.readBigUInt64LE(8);
  const pairs = start.readBigUInt64LE(16);
  if (tensors * SMALLEST_TENSOR + pairs * SMALLEST_PAIR > BigInt(size))
    return { kind: "damaged", detail: "its header announces more than the file can hold" };

  let info: GgufFileInfo;
  try {
    info = await readHeader(file, signal);
  } catch (error) {
    signal.throwIfAborted();
    const detail = messageOf(error);
    return { kind: "damaged", detail: `its header cannot be read (${detail})` };
  }
  const missing = missingBytes(info, size);
  if (missing !== null) return { kind: "truncated", detail: `the file ends too early: ${missing}` };

  // The library's types promise more than a file of unknown origin keeps.
  const metadata = info.metadata as unknown as Record<string, Record<string, unknown> | undefined>;
  const general = metadata["general"] ?? {};
  const architecture = general["architecture"];
  if (typeof architecture !== "string")
    return { kind: "damaged", detail: "its header names no architecture" };
  if (Number((metadata["split"] ?? {})["count"] ?? 1) > 1)
    return {
      kind: "split",
      detail: "it is one part of a split model; join the parts with llama-gguf-split --merge",
    };
  // Declared as a const enum, which TypeScript does not let one list; at run time it is an object.
  const { GgufArchitectureType: known, GgufFileType: fileTypes } =
    (await import("node-llama-cpp")) as unknown as {
      GgufArchitectureType: Record<string, string>;
      GgufFileType: Record<number, string>;
    };
  if (!Object.values(known).includes(architecture))
    return {
      kind: "unknown-architecture",
      detail: `its architecture "${architecture}" is not known to this version of llama.cpp`,
    };
  const contextLength = Number((metadata[architecture] ?? {})["context_length"]);
  if (!Number.isSafeInteger(contextLength) || contextLength <= 0 || general["type"] === "adapter")
    return {
      kind: "not-a-language-model",
      detail: `it is a GGUF file of the architecture "${architecture}" but not a language model`,
    };
  return {
    kind: "gguf",
    facts: {
      architecture,
      name: textOf(general["name"]),
      license: textOf(general["license"]),
      quantisation: (fileTypes[Number(general["file_type"])] ?? "").replace(/^MOSTLY_/u, "") || null,
      contextLength,
      parameters: parametersOf(info),
      bytes: size,
    },
  };
}

/** The header as the library reads it, without the tokenizer's lists: most of it, and nobody here needs them. */
export async function readHeader(file: string, signal: AbortSignal): Promise<GgufFileInfo> {
  const { readGgufFileInfo } = await import("node-llama-cpp");
  return await readGgufFileInfo(file, {
    sourceType: "filesystem",
    spliceSplitFiles: false,
    logWarnings: false,
    ignoreKeys: ["tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"],
    signal: AbortSignal.any([signal, AbortSignal.timeout(READ_LIMIT_MS)]),
  });
}

async function begin(file: string): Promise<{ start: Buffer; size: number }> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return { start: buffer.subarray(0, bytesRead), size: (await handle.stat()).size };
  } finally {
    await handle.close();
  }
}

/** What lies past the end of the file, in words; null when all is there. */
function missingBytes(info: GgufFileInfo, size: number): string | null {
  if ((info.infoEndOffset ?? 0) > size) return "its header is not whole";
  for (const tensor of info.tensorInfo ?? []) {
    // Of a type that is not in the table at least a byte must be there.
    const end = Number(tensor.fileOffset) + (tensorBytes(tensor) ?? 1);
    if (end > size) return `${tensor.name} should end at byte ${end}, the file has ${size}`;
  }
  return null;
}

/** Bytes per block and weights per block of llama.cpp's tensor types, by number (ggml-common.h). */
const BLOCKS: Readonly<Record<number, readonly [bytes: number, weights: number]>> = {
  ...{ 0: [4, 1], 1: [2, 1], 2: [18, 32], 3: [20, 32], 6: [22, 32], 7: [24, 32], 8: [34, 32], 9: [36, 32] },
  ...{ 10: [84, 256], 11: [110, 256], 12: [144, 256], 13: [176, 256], 14: [210, 256], 15: [292, 256] },
  ...{ 16: [66, 256], 17: [74, 256], 18: [98, 256], 19: [50, 256], 20: [18, 32], 21: [110, 256] },
  ...{ 22: [82, 256], 23: [136, 256], 24: [1, 1], 25: [2, 1], 26: [4, 1], 27: [8, 1], 28: [8, 1] },
  ...{ 29: [56, 256], 30: [2, 1], 34: [54, 256], 35: [66, 256], 39: [17, 32] },
};

/** Size of a tensor's data, stored as it is or as another of llama.cpp's types; null for a type that is not known here. */
export function tensorBytes(tensor: GgufTensorInfo, type: number = tensor.ggmlType): number | null {
  const block = BLOCKS[type];
  return block === undefined ? null : Math.ceil(elementsOf(tensor) / block[1]) * block[0];
}

function elementsOf({ dimensions }: GgufTensorInfo): number {
  return dimensions.reduce<number>((product, n) => product * Number(n), 1);
}

function parametersOf(info: GgufFileInfo): number {
  const tensors = info.tensorInfo ?? [];
  const untied = tensors.some((tensor) => tensor.name === "output.weight");
  return tensors
    .filter((tensor) => !(untied && tensor.name === "token_embd.weight"))
    .reduce((sum, tensor) => sum + elementsOf(tensor), 0);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
