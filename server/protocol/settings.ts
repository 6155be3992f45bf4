/**
 * The settings of the editor, once for extension and server: names (below `rstarMath.`), units and defaults. The
 * extension's manifest repeats them for VS Code, and a test compares the two.
 */
import path from "node:path";
import * as z from "zod";
import { expandHome } from "./paths.ts";
import { PROFILES, STRATEGIES } from "./strategies.ts";

/** The section that all settings are in. */
export const SETTINGS_SECTION = "rstarMath";

const Search = z.object({
  /** A named set of settings that the ones below adjust. */
  profile: z.enum(PROFILES).default("default"),
  /** `profile`: the profile's own. */
  strategy: z.enum([...STRATEGIES, "profile"]).default("profile"),
  /** Tokens the policy may generate for one problem; null: the profile's. */
  budgetTokens: z.int().min(50).max(1_000_000).nullable().default(null),
  /** Candidates drawn together; null: the profile's. */
  candidates: z.int().min(1).max(64).nullable().default(null),
  /** Stop once the leading answer is the commoner one with this probability, 0.5 to 1; null: the profile's. */
  settleConfidence: z.number().min(0.5).max(1).nullable().default(null),
  /** The same seed gives the same search, but for rounding that depends on what is computed beside it. */
  seed: z.int().nonnegative().default(1),
  /** Problems searched side by side; more wait. */
  concurrentProblems: z.int().min(1).max(16).default(4),
});

/** A path in which `~` is the person's home folder. A relative one would depend on where an editor starts the server. */
const place = z.string().transform((written) => expandHome(written));

/** A program: a name on the path, or a whole path. */
const program = place.refine((expanded) => !/[/\\]/u.test(expanded) || path.isAbsolute(expanded), {
  error: "a name on the path is needed, a whole path, or one that begins with ~/",
});

const folder = place.refine((expanded) => expanded === "" || path.isAbsolute(expanded), {
  error: "a whole path is needed, or one that begins with ~/",
});

const Model = z.object({
  /** Id of the policy; empty: the default. */
  policy: z.string().default(""),
  /** Id of the process preference model; empty: the one in use, if there is one; `none`: none. */
  ppm: z.string().default(""),
  /** What computes. */
  gpu: z.enum(["auto", "cuda", "vulkan", "metal", "off"]).default("auto"),
  /** Threads for what the GPU does not do; 0: one for each physical core. */
  threads: z.int().min(0).max(256).default(0),
  /** Minutes without use after which a model leaves memory. */
  idleUnloadMinutes: z.number().min(0.1).max(1440).default(10),
  /** Folder for models and traces; empty: the platform's place. */
  dataFolder: folder.default(""),
});

const Training = z.object({
  /** The Python from which the environment for training is made; empty: the first on the path that is new enough. */
  pythonPath: program.default(""),
  /** Package index from which the environment has PyTorch; empty: pip's own. */
  torchIndex: z.string().default(""),
  /** Adopt an adapter when the paired comparison on held-out problems is at most this likely by chance. */
  level: z.number().min(0).max(1).default(0.05),
});

const Endpoint = z.object({
  /** Address of an OpenAI-compatible server that has the policy; empty: a model of this machine. */
  url: z.string().default(""),
  /** The server's name for the model; empty: the only one it has. */
  model: z.string().default(""),
  /** `bare` for a model that was trained on the step grammar. */
  promptFormat: z.enum(["two-shot", "bare"]).default("two-shot"),
  /** Requests under way at once. */
  concurrentRequests: z.int().min(1).max(64).default(8),
  /** Seconds for which the server may say nothing. */
  timeoutSeconds: z.number().min(1).max(300).default(120),
});

const Verifier = z.object({
  /** When stored steps are run again: only when asked, or also when a file is opened or saved. */
  recheck: z.enum(["onDemand", "onOpen", "onSave"]).default("onDemand"),
  /** Seconds that one step may run. */
  stepTimeoutSeconds: z.number().min(0.5).max(120).default(5),
  /** Memory of one step in MB. */
  memoryMB: z.int().min(128).max(4096).default(512),
});

const Display = z.object({
  /** Lenses above problems. */
  codeLens: z.boolean().default(true),
  /** Scores beside the steps. */
  inlayHints: z.boolean().default(true),
  /** Where a solution goes: below its problem, or only into the trace store, to be shown by lens and search view. */
  solutionPlacement: z.enum(["document", "store"]).default("document"),
});

const Document = z.object({
  /** Words that begin a problem's heading; a plural in -s makes each list item below it a problem. */
  headings: z.array(z.string().min(1)).default(["Problem", "Exercise", "Question"]),
  /** Words that begin an answer line. */
  answers: z.array(z.string().min(1)).default(["Answer"]),
  /** Words that begin the heading, bold label or summary of a written solution. */
  solutions: z.array(z.string().min(1)).default(["Solution", "Answer", "Proof", "Hint"]),
  /** Info strings of problem fences. */
  fences: z.array(z.string().min(1)).default(["problem"]),
});

/** All settings, in groups as they are named. */
export const Settings = z.object({
  search: Search.prefault({}),
  model: Model.prefault({}),
  training: Training.prefault({}),
  endpoint: Endpoint.prefault({}),
  verifier: Verifier.prefault({}),
  display: Display.prefault({}),
  document: Document.prefault({}),
});
export type Settings = z.infer<typeof Settings>;

/** The settings of somebody who changed none. */
export const DEFAULT_SETTINGS: Settings = Settings.parse({});

/** Settings as read, and the ones that were not usable: their defaults are used instead. */
export interface ReadSettings {
  readonly settings: Settings;
  /** One sentence for each unusable setting. */
  readonly problems: readonly string[];
}

/** Reads the section's value as a client sends it. A bad value costs that setting only, and is told. */
export function readSettings(value: unknown): ReadSettings {
  const given = structuredClone(isRecord(value) ? value : {});
  const problems: string[] = [];
  for (;;) {
    const parsed = Settings.safeParse(given);
    if (parsed.success) return { settings: parsed.data, problems };
    for (const issue of parsed.error.issues) {
      const [group = "", name = ""] = issue.path.map(String);
      const holder = given[group];
      if (name !== "" && isRecord(holder)) Reflect.deleteProperty(holder, name);
      else Reflect.deleteProperty(given, group);
      problems.push(
        `The setting ${[SETTINGS_SECTION, group, name].filter((part) => part !== "").join(".")} is not usable (${issue.message}); its default is used.`,
      );
    }
  }
}

/** The PPM that a setting or an option names; null is none. */
export function namedPpm(name: string): string | null {
  return name === "none" ? null : name;
}

/** Whether a value is an object with fields, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
