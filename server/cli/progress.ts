/** Progress of running searches: bars on a terminal, plain lines elsewhere. */
import cliProgress from "cli-progress";
import type { SearchEvent, SearchProgress } from "../protocol/events.ts";
import { printable } from "./printable.ts";

/** What `createProgress` gives. */
export interface ProgressView {
  /** Takes a search's events. `index` is the problem's number in the file. */
  show(index: number, event: SearchEvent): void;
  /** Prints results to standard output without tearing the bars. */
  print(text: string): void;
  close(): void;
}

/** Bars when `stream` is a terminal; otherwise a line when a problem starts and when it ends. */
export function createProgress(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function lines(stream: NodeJS.WriteStream): ProgressView {
  return {
    show(index, event) {
      if (event.kind === "started")
        stream.write(`Problem ${index}: searching (${event.strategy}, up to ${event.budget} tokens)\n`);
      if (event.kind === "finished") stream.write(`Problem ${index}: ${describe(event.progress)}\n`);
    },
    print: (text) => void process.stdout.write(text),
    close: () => undefined,
  };
}

function bars(stream: NodeJS.WriteStream): ProgressView {
  const multi = new cliProgress.MultiBar({
    stream,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    format: " {name} [{bar}] {value}/{total} tokens  {state}",
  });
  const live = new Map<number, cliProgress.SingleBar>();
  return {
    show(index, event) {
      switch (event.kind) {
        case "started":
          live.set(index, multi.create(event.budget, 0, { name: `Problem ${index}`.padEnd(11), state: "" }));
          break;
        case "progress":
          live.get(index)?.update(Math.min(event.progress.generatedTokens, event.progress.budget), {
            state: describe(event.progress),
          });
          break;
        case "finished": {
          const bar = live.get(index);
          if (bar !== undefined) multi.remove(bar);
          live.delete(index);
          break;
        }
        case "candidate":
        case "draft":
          break;
        default:
          event satisfies never;
      }
    },
    print(text) {
      // Results and bars share the terminal when both streams are one: let the bars' owner write the lines.
      if (process.stdout.isTTY) multi.log(text);
      else process.stdout.write(text);
    },
    close() {
      // What was logged since the last redraw is written by the next one, which there would not be.
      multi.update();
      multi.stop();
    },
  };
}

function describe(progress: SearchProgress): string {
  const tried = `${progress.candidates} tried, ${progress.rejected} rejected`;
  return progress.best === null
    ? `${tried}, no answer yet`
    : `${tried}, best ${printable(progress.best.answer.slice(0, 24))} (${progress.best.support} of ${progress.trajectories})`;
}
