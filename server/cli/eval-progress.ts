/** Progress of an evaluation: a bar on a terminal, a line for every percent elsewhere. */
import cliProgress from "cli-progress";
import type { SearchOutcome } from "../evaluation/records.ts";
import { formatSeconds } from "../protocol/text.ts";
import { printable } from "./printable.ts";

/** What `createEvalProgress` gives. */
export interface EvalProgress {
  /** `done` of the `total` searches were there already. */
  begin(total: number, done: number): void;
  show(outcome: SearchOutcome): void;
  end(): void;
}

/** The time left is told by the pace of this many searches: the first of a run, or after a resume, come late. */
const PACE = 200;
/** From so many on: searches that share their draws end many at once. */
const ENOUGH = 40;

/** A view on `stream`, normally `process.stderr`. */
export function createEvalProgress(stream: NodeJS.WriteStream): EvalProgress {
  let total = 0;
  let before = 0;
  let done = 0;
  let right = 0;
  let shown = -1;
  const ends: number[] = [];
  let bar: cliProgress.SingleBar | null = null;
  const state = (outcome: SearchOutcome): string => {
    const took = (ends.at(-1) ?? 0) - (ends[0] ?? 0);
    const secondsLeft = ((took / (ends.length - 1)) * (total - done)) / 1000;
    const left = ends.length < ENOUGH ? "" : `about ${formatSeconds(secondsLeft)} left, `;
    return `${right} of ${done - before} right, ${left}last: ${outcome.method}${outcome.budget === null ? "" : ` ${outcome.budget}`}, ${printable(outcome.problem)}`;
  };
  return {
    begin(all, already) {
      [total, before, done] = [all, already, already];
      const known = already === 0 ? "" : `, ${already} of them done before`;
      stream.write(`${all} searches${known}\n`);
      if (!stream.isTTY) return;
      bar = new cliProgress.SingleBar({
        stream,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
        format: " [{bar}] {value}/{total}  {state}",
      });
      bar.start(total, done, { state: "" });
    },
    show(outcome) {
      done++;
      ends.push(Date.now());
      if (ends.length > PACE) ends.shift();
      if (outcome.grading.strict === "equal") right++;
      bar?.update(done, { state: state(outcome) });
      const percent = Math.floor((100 * done) / Math.max(1, total));
      if (bar !== null || percent === shown) return;
      shown = percent;
      stream.write(`${percent}% (${done}/${total}): ${state(outcome)}\n`);
    },
    end: () => bar?.stop(),
  };
}
