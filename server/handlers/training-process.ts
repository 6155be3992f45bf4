/**
 * `rstar finetune` and `rstar evolve` as processes of their own: whatever a training does to its memory, the language
 * server lives on. They stop by a message and when this process ends.
 */
import { fork } from "node:child_process";
import path from "node:path";
import { jsonBy } from "../json.ts";
import { packageRoot } from "../models/manifest.ts";
import { onLines } from "../protocol/lines.ts";
import { RunLine, STOP_MESSAGE } from "../protocol/run-output.ts";

/** How a process ended. `errors` is what it last wrote to its standard error. */
export interface TrainingEnd {
  readonly code: number | null;
  readonly errors: string;
}

/** One command under way. */
export interface TrainingProcess {
  /** Asks it to stop and keep what it has; it takes some seconds for a checkpoint. */
  stop(): void;
  /** After its last line. */
  readonly ended: Promise<TrainingEnd>;
}

/** Hears a process. */
export interface TrainingListener {
  line(line: RunLine): void;
  /** What it writes for a person to its standard error. */
  say(text: string): void;
}

/** Starts the command line with these arguments and on top of this environment. */
export type StartTraining = (
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  listener: TrainingListener,
) => Promise<TrainingProcess>;

const KEPT_CHARACTERS = 4000;

/** The real one: the `rstar` command of this installation on the Node that runs this server. */
export const startTraining: StartTraining = (args, environment, listener) => {
  const child = fork(path.join(packageRoot(), "dist", "cli.cjs"), [...args], {
    env: { ...process.env, ...environment },
    // A debugger of this process is not one of the child's.
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let errors = "";
  const hear = (text: string): void => {
    errors = `${errors}${text}\n`.slice(-KEPT_CHARACTERS);
    listener.say(text);
  };
  const { stdout, stderr } = child;
  if (stdout !== null)
    onLines(stdout, (text) => {
      const line = jsonBy(text, RunLine);
      if (line === null) hear(text);
      else listener.line(line);
    });
  // A program's last words may lack a line feed.
  if (stderr !== null) onLines(stderr, hear, hear);
  return Promise.resolve({
    stop: () => {
      if (child.connected) child.send(STOP_MESSAGE);
    },
    ended: new Promise((resolve) => {
      child.on("error", (error) => hear(error.message));
      child.on("close", (code) => resolve({ code, errors: errors.trim() }));
    }),
  });
};
