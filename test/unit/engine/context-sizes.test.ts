/** How many sequences fit, for models of different sizes on machines with more and less memory. */
import { expect, it } from "vitest";
import { contextSizes, type KvState } from "../../../server/engine/context-sizes.ts";
import { OpenError } from "../../../server/engine/model-files.ts";

/** Bytes a token of Qwen2.5 0.5B, of 14B, and of a 7B whose heads do not share keys. */
const SMALL: KvState = { id: "0.5b", bytesPerToken: 12_288, longest: 32_768 };
const LARGE: KvState = { id: "14b", bytesPerToken: 196_608, longest: 32_768 };
const UNSHARED: KvState = { id: "7b", bytesPerToken: 491_520, longest: 4096 };
const OPTIONS = { lanes: 32, contextLength: 2048, kvBytes: 1e9 };
const memory = (gigabytes: number) => ({ free: gigabytes * 1e9, most: (gigabytes / 2) * 1e9 });

it("lanes come first, and what the budget holds beyond them caches", () => {
  expect(contextSizes(SMALL, OPTIONS, memory(8), 1)).toEqual({
    ...{ contextSize: 2048, lanes: 32, sequences: 39 },
    kvBytes: 39 * 2048 * 12_288,
  });
  expect(contextSizes(SMALL, OPTIONS, memory(0.3), 1)).toMatchObject({ lanes: 5, sequences: 5 });
  expect(contextSizes(SMALL, { ...OPTIONS, kvBytes: Infinity }, memory(80), 1).sequences).toBe(256);
  expect(contextSizes({ ...SMALL, longest: 700 }, OPTIONS, memory(8), 1).contextSize).toBe(768);
});

it("a model whose context takes more than the budget of the caches has it where there is memory", () => {
  expect(contextSizes(UNSHARED, OPTIONS, memory(24), 1)).toMatchObject({ lanes: 1, sequences: 1 });
  const reader = { lanes: 1, contextLength: 1024, kvBytes: 2e8 };
  expect(contextSizes(LARGE, reader, memory(24), 1)).toMatchObject({ lanes: 1, sequences: 1 });
});

it("is refused where not even one sequence fits", () => {
  expect(() => contextSizes(UNSHARED, OPTIONS, memory(1.5), 1)).toThrow(OpenError);
  expect(() => contextSizes(UNSHARED, OPTIONS, memory(1.5), 1)).toThrow(
    /7b needs 1007 MB for a context of 2048 tokens; 1500 MB are free/u,
  );
});

it("lanes come in whole groups, and no fewer than one where there is memory, so that batches can be filled up", () => {
  expect(contextSizes(LARGE, OPTIONS, memory(24), 4)).toMatchObject({ lanes: 4, sequences: 4 });
  expect(contextSizes(SMALL, OPTIONS, memory(0.3), 4)).toMatchObject({ lanes: 4, sequences: 5 });
});
