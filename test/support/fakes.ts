/** Scripted stand-ins for models, Python and grader: what they say is written in the test, and the same every time. */
import type {
  Candidate,
  Grader,
  PolicyModel,
  PreferenceModel,
  ProposeRequest,
  ProposeResult,
  RunResult,
  Sandbox,
} from "../../server/services.ts";
import type { SearchServices } from "../../server/search/services.ts";
import { profile, type SearchConfig } from "../../server/search/config.ts";

const HASH = "0".repeat(64);

/** What a scripted policy answers: a candidate for one seed of a request. Return text up to and without the stop. */
export type Script = (
  request: ProposeRequest,
  seed: number,
  prompt: string,
) => { text: string; stop: string | null };

/** A policy that answers by script, with one token per word. */
export function scriptedPolicy(script: Script): PolicyModel & { readonly requests: ProposeRequest[] } {
  const requests: ProposeRequest[] = [];
  return {
    requests,
    identity: { id: "scripted", sha256: HASH },
    propose(batch, signal) {
      signal.throwIfAborted();
      requests.push(...batch);
      return Promise.resolve(
        batch.map((request): ProposeResult => {
          const prompt = request.prefix.join("");
          const candidates = request.seeds.map((seed, index): Candidate => {
            const { text, stop } = script(request, seed, prompt);
            request.onText?.(index, text);
            return {
              text,
              tokens: text.split(/\s+/u).length + 1,
              logProb: { mean: -0.2, min: -1 },
              finish: stop === null ? { kind: "length" } : { kind: "stop", stop },
            };
          });
          return { kind: "candidates", candidates, evaluatedTokens: 10, reusedTokens: 5 };
        }),
      );
    },
  };
}

/** A sandbox for one-line programs: `print(words)` prints the words, `raise` fails, anything else runs silently. */
export function wordSandbox(): Sandbox & { readonly runs: string[] } {
  const runs: string[] = [];
  return {
    runs,
    run(state, step, signal): Promise<RunResult> {
      signal.throwIfAborted();
      runs.push(step);
      if (step.includes("raise"))
        return Promise.resolve({
          kind: "error",
          code: step,
          output: "",
          error: { type: "ValueError", message: "scripted", line: 2 },
          ms: 1,
        });
      const output = [...step.matchAll(/print\((.*)\)/gu)].map((match) => `${match[1] ?? ""}\n`).join("");
      return Promise.resolve({
        kind: "ok",
        code: step,
        output,
        truncated: false,
        value: null,
        assertions: step.includes("assert") ? 1 : 0,
        ms: 1,
        state: { program: [...state.program, step] },
      });
    },
  };
}

/** Answers are equal when their text is. */
export const textGrader: Grader = {
  equivalent: (a, b) => Promise.resolve({ kind: a === b ? "equal" : "different", how: "text" }),
};

/** A PPM that reads its scores from a function of the whole prefix. */
export function tablePpm(score: (prefix: string) => number): PreferenceModel {
  return {
    identity: { id: "table", sha256: HASH },
    score: (prefixes) =>
      Promise.resolve(
        prefixes.map((prefix) => ({
          kind: "score" as const,
          value: score(prefix.join("")),
          evaluatedTokens: 7,
          reusedTokens: 0,
        })),
      ),
  };
}

/** Services around a scripted policy; the clock stands still. */
export function fakeServices(policy: PolicyModel, ppm: PreferenceModel | null = null): SearchServices {
  return { policy, promptFormat: "bare", ppm, sandbox: wordSandbox(), grader: textGrader, clock: () => 0 };
}

/** The default profile with changes. */
export function configOf(changes: Partial<SearchConfig>): SearchConfig {
  return { ...profile("default"), ...changes };
}

/** A stamp that never changes. */
export const STAMP = { id: "trace-1", createdAt: "2026-01-01T00:00:00.000Z", source: null };
