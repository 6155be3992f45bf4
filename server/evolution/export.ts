/** A trained adapter as GGUF, written by the converter of the very llama.cpp in use. */
import { access, mkdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../errors.ts";
import { sha256OfFile } from "../models/checked-files.ts";
import { packageRoot } from "../models/manifest.ts";
import { wordsOf } from "./environment-words.ts";
import { trainerHome } from "./environment.ts";
import { type ProgramEnd, runProgram } from "../models/program.ts";
import { moveTo } from "../replace-file.ts";

/** The source of llama.cpp: a git bundle and its release. */
export interface ConverterSource {
  readonly bundle: string;
  readonly release: string;
}

/** What is exported with what. */
export interface ExportRequest {
  /** The data folder, in which the converter is kept. */
  readonly home: string;
  readonly source: ConverterSource;
  /** The training environment's interpreter. */
  readonly python: string;
  /** The prepared base: config and tokenizer. */
  readonly base: string;
  /** The adapter in PEFT's format. */
  readonly peft: string;
  /** The GGUF file to write. */
  readonly out: string;
}

/** An exported adapter, or why there is none; the PEFT folder is untouched in either case. */
export type Export =
  | { readonly kind: "exported"; readonly path: string; readonly sha256: string; readonly bytes: number }
  | { readonly kind: "failed"; readonly message: string; readonly log: string };

/**
 * Sixteen-bit weights: half the size of what was trained, and smaller than the steps of the base's own quantisation.
 * (`q8_0` saves another 1.5 MB of 17.6, because only one of the two matrices has rows long enough for it.)
 */
const OUTPUT_TYPE = "f16";

/** The parts of llama.cpp that the converter is made of. */
const CONVERTER = ["convert_lora_to_gguf.py", "conversion", "gguf-py"];

/**
 * Converts an adapter. The file appears whole or not at all.
 * @throws the signal's reason when it is aborted.
 */
export async function exportAdapter(request: ExportRequest, signal: AbortSignal): Promise<Export> {
  const retry = `The trained adapter is kept in ${request.peft}. Resuming the run exports it; nothing is trained twice.`;
  const failed = (what: string, log: string): Export => ({
    kind: "failed",
    message: `${what} ${retry}`,
    log,
  });
  const converter = await converterFolder(request, signal);
  if (converter.kind === "failed") return failed(converter.message, converter.log);
  const partial = `${request.out}.partial`;
  try {
    const end = await runProgram(
      [
        ...[request.python, path.join(converter.folder, "convert_lora_to_gguf.py")],
        ...["--base", request.base, "--outtype", OUTPUT_TYPE, "--outfile", partial, request.peft],
      ],
      signal,
      { environment: { HF_HUB_OFFLINE: "1", TRANSFORMERS_VERBOSITY: "error" } },
    );
    if (end.kind !== "ended" || end.code !== 0)
      return failed(`The adapter could not be converted to GGUF: ${wordsOf(end)}.`, wordsOf(end));
    const { size } = await stat(partial);
    await moveTo(partial, request.out);
    return {
      kind: "exported",
      path: request.out,
      sha256: await sha256OfFile(request.out, signal),
      bytes: size,
    };
  } catch (error) {
    signal.throwIfAborted();
    const reason = messageOf(error);
    return failed(`The adapter's GGUF file could not be written: ${reason}.`, reason);
  } finally {
    await rm(partial, { force: true });
  }
}

type Converter =
  | { readonly kind: "ready"; readonly folder: string }
  | { readonly kind: "failed"; readonly message: string; readonly log: string };

/** The converter that an installed extension carries; else it is unpacked, once for each release. */
async function converterFolder({ home, source }: ExportRequest, signal: AbortSignal): Promise<Converter> {
  const shipped = path.join(packageRoot(), "dist", "converter");
  if (await exists(path.join(shipped, "convert_lora_to_gguf.py"))) return { kind: "ready", folder: shipped };
  const folder = path.join(trainerHome(home), `llama.cpp-${source.release}`);
  if (await exists(path.join(folder, "convert_lora_to_gguf.py"))) return { kind: "ready", folder };
  const partial = `${folder}.${process.pid}`;
  const failed = (end: ProgramEnd): Converter => ({
    kind: "failed",
    message: `llama.cpp's converter could not be unpacked: ${wordsOf(end)}. It takes git; install it if it is missing.`,
    log: wordsOf(end),
  });
  try {
    await mkdir(path.dirname(folder), { recursive: true });
    const commands = [
      ["git", "clone", "--quiet", "--no-checkout", source.bundle, partial],
      ["git", "-C", partial, "checkout", "--quiet", "HEAD", "--", ...CONVERTER],
    ];
    for (const command of commands) {
      const end = await runProgram(command, signal);
      if (end.kind !== "ended" || end.code !== 0) return failed(end);
    }
    await rm(path.join(partial, ".git"), { recursive: true, force: true });
    await moveTo(partial, folder).catch(async (error: unknown) => {
      // Another process was faster.
      if (!(await exists(path.join(folder, "convert_lora_to_gguf.py")))) throw error;
    });
    return { kind: "ready", folder };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
