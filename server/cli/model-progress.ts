/** Shows how far a model's download is: a bar on a terminal, a plain line every 5% elsewhere. */
import cliProgress from "cli-progress";
import type { ModelProgress } from "../models/outcomes.ts";
import { formatBytes } from "../protocol/text.ts";

const LINE_EVERY_PERCENT = 5;

/** Takes the reports of one `resolve`. */
export interface ModelProgressView {
  readonly onProgress: (progress: ModelProgress) => void;
  /** Ends the bar's line. To be called however the download ended. */
  stop(): void;
}

/** A view on `stream`, normally `process.stderr`, so that results on standard output stay clean. */
export function modelProgressView(stream: NodeJS.WriteStream): ModelProgressView {
  return stream.isTTY ? barView(stream) : lineView(stream);
}

function barView(stream: NodeJS.WriteStream): ModelProgressView {
  let bar: cliProgress.SingleBar | null = null;
  let title = "";
  const stop = () => {
    bar?.stop();
    bar = null;
  };
  return {
    stop,
    onProgress(progress) {
      const payload = { title: titleOf(progress), amount: amountOf(progress) };
      if (bar === null || payload.title !== title) {
        stop();
        title = payload.title;
        bar = new cliProgress.SingleBar({
          stream,
          hideCursor: true,
          gracefulExit: false,
          barsize: 24,
          format: progress.phase === "waiting" ? "{title}" : "{title} [{bar}] {percentage}% {amount}",
        });
        bar.start(progress.totalBytes, progress.bytes, payload);
      }
      bar.update(progress.bytes, payload);
    },
  };
}

function lineView(stream: Pick<NodeJS.WriteStream, "write">): ModelProgressView {
  let title = "";
  let shown = -1;
  return {
    stop: () => undefined,
    onProgress(progress) {
      if (titleOf(progress) !== title) {
        title = titleOf(progress);
        shown = -1;
      }
      const percent = Math.floor((100 * progress.bytes) / progress.totalBytes);
      // Waiting and checking are short or have no end in sight: one line says enough.
      const step = progress.phase === "downloading" ? percent - (percent % LINE_EVERY_PERCENT) : 0;
      if (step <= shown) return;
      shown = step;
      stream.write(
        progress.phase === "downloading" ? `${title}: ${percent}% ${amountOf(progress)}\n` : `${title}\n`,
      );
    },
  };
}

function titleOf(progress: ModelProgress): string {
  switch (progress.phase) {
    case "waiting":
      return `Waiting: another process is fetching ${progress.file}`;
    case "downloading":
      return `Fetching ${progress.file} from ${progress.source ?? "its source"}`;
    case "checking":
      return `Checking ${progress.file}`;
    default:
      return progress.phase satisfies never;
  }
}

function amountOf(progress: ModelProgress): string {
  const speed = progress.bytesPerSecond > 0 ? `, ${formatBytes(progress.bytesPerSecond)}/s` : "";
  return `(${formatBytes(progress.bytes)} of ${formatBytes(progress.totalBytes)}${speed})`;
}
