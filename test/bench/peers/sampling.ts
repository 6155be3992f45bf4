/** Plain parallel sampling on llama-server, as a short script would do it: n chat answers at once and a majority vote. */
import * as z from "zod";
import { extractAnswer, lastBoxed } from "../../../server/grading/extract.ts";
import { answerKey, prepare } from "../../../server/grading/fast.ts";
import { profile } from "../../../server/search/config.ts";
import { plainValue } from "../../../server/search/final-answer.ts";
import { printedBy } from "../../../server/search/pieces.ts";
import { EMPTY_STATE, type Sandbox } from "../../../server/services.ts";
import { postJson } from "../support/post-json.ts";
import { chatAnswer, CHAT_INSTRUCTION, PROGRAM_INSTRUCTION, type Contestant } from "./contestant.ts";
import { metered } from "./metered.ts";

/** Where the samples come from. */
export interface SamplingPlace {
  readonly serverUrl: string;
  readonly processes: () => readonly number[];
  readonly samples: number;
  readonly maxTokens: number;
  readonly seed: number;
}

const ChatAnswer = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullish() }) })).min(1),
});

/** The texts of an OpenAI-style answer. @throws when it is none. */
export function chatTexts(answer: unknown): string[] {
  return ChatAnswer.parse(answer).choices.map(({ message }) => message.content ?? "");
}

/** Majority vote over answers written out in words. */
export function chatSampling(place: SamplingPlace): Contestant {
  return contestant("llama-server, majority vote", place, CHAT_INSTRUCTION, "", (text) =>
    Promise.resolve(chatAnswer(text)),
  );
}

/** Majority vote over what programs print. */
export function programSampling(place: SamplingPlace, sandbox: Sandbox): Contestant {
  return contestant(
    "llama-server, majority vote with code",
    place,
    PROGRAM_INSTRUCTION,
    " Each answer's program is run in our sandbox and its last printed line votes, or the value of its last line where it printed nothing (imports that it forgot are put in; all as for ours); an answer without a program votes with its \\boxed{} if it has one, a program that fails does not vote.",
    async (text, signal) => {
      const program = lastProgram(text);
      if (program === null) return lastBoxed(text);
      const result = await sandbox.run(EMPTY_STATE, program, signal, { completeImports: true });
      return result.kind === "ok" ? printedAnswer(printedBy([result])) : null;
    },
  );
}

function contestant(
  name: string,
  place: SamplingPlace,
  instruction: string,
  more: string,
  read: (text: string, signal: AbortSignal) => Promise<string | null>,
): Contestant {
  const { temperature, topP, topK, minP } = profile("default");
  const { serverUrl, processes, samples, maxTokens, seed } = place;
  return {
    name,
    side: "rival",
    settings: `${samples} samples in one request (n), temperature ${temperature}, top-p ${topP}, top-k ${topK}, min-p ${minP} (ours, and llama-server's defaults), at most ${maxTokens} tokens each, answers counted together where they are the same number or text; the model's own chat template, asked: "${instruction.replaceAll("\n", " ")}".${more}`,
    processes,
    solve: (problem, signal) =>
      metered(
        serverUrl,
        async () => {
          const answer = await postJson(
            `${serverUrl}/v1/chat/completions`,
            {
              messages: [{ role: "user", content: `${instruction}\n\n${problem.text}` }],
              ...{
                n: samples,
                seed,
                temperature,
                top_p: topP,
                top_k: topK,
                min_p: minP,
                max_tokens: maxTokens,
              },
            },
            signal,
          );
          const texts = chatTexts(answer);
          const answers = await Promise.all(texts.map((text) => read(text, signal)));
          return {
            answer: majority(answers),
            raw: texts.map((text, index) => ({ text, answer: answers[index] ?? null })),
          };
        },
        signal,
      ),
  };
}

/**
 * The commonest answer, the earliest of equals; answers are the same when they are the same numbers or, as the graders
 * write them out, texts, whatever the unit or the words around a number.
 */
export function majority(answers: readonly (string | null)[]): string | null {
  const votes = new Map<string, { readonly answer: string; count: number }>();
  for (const answer of answers) {
    if (answer === null) continue;
    const value = prepare(answer, "lenient");
    const key = answerKey(value) ?? value.replaceAll(/\s/gu, "");
    const group = votes.get(key) ?? { answer, count: 0 };
    group.count++;
    votes.set(key, group);
  }
  let best: { readonly answer: string; readonly count: number } | null = null;
  for (const group of votes.values()) if (best === null || group.count > best.count) best = group;
  return best?.answer ?? null;
}

/**
 * The last fenced block of Python, one that was cut off included; without one the last block that names no language.
 * Null where there is neither.
 */
export function lastProgram(text: string): string | null {
  const blocks = [...text.matchAll(/```([^\n`]*)\n(.*?)(?:```|$)/gsu)].map(([, name = "", code = ""]) => ({
    name: name.trim().toLowerCase(),
    code,
  }));
  const named = blocks.filter(({ name }) => /^(?:python3?|py)\b/u.test(name));
  const program = (named.at(-1) ?? blocks.findLast(({ name }) => name === ""))?.code ?? "";
  return program.trim() === "" ? null : program;
}

/** The last line that a program printed, tidied as ours are. */
export function printedAnswer(output: string): string | null {
  const line = extractAnswer(output);
  return line === null ? null : (plainValue(line) ?? line);
}
