/**
 * Where a person reads what a process says. What to do next has other names in an editor, which has commands and
 * settings, than in a terminal: an extension that was installed brings no `rstar` on the path.
 */

/** Who reads it. */
export type Surface = "editor" | "terminal";

/** Processes that a process starts have its surface, so it is told by the environment. */
const VARIABLE = "RSTAR_SURFACE";

/** The surface of this process. */
export function surface(environment: NodeJS.ProcessEnv = process.env): Surface {
  return environment[VARIABLE] === "editor" ? "editor" : "terminal";
}

/** Makes the editor the surface of this process and of those that it starts. */
export function speakToEditor(environment: NodeJS.ProcessEnv = process.env): void {
  environment[VARIABLE] = "editor";
}

/** The names of what a person can do; the editor's are titles of its commands, and settings. */
const NAMES = {
  terminal: {
    addFile: "rstar models add PATH",
    fetch: "rstar models fetch",
    fetchAgain: "rstar models fetch",
    useBase: "rstar adapters use none",
    rollBack: "rstar adapters rollback",
    train: "`rstar finetune`",
    resumeTraining: "`--resume` (with `--micro-batch-size 1` it needs less memory)",
    chooseSearcher: "--bootstrap",
    setup: "`rstar doctor`",
    otherName: "another name with --id",
    dataFolder: "the environment variable RSTAR_HOME",
    proxy: "the environment variable HTTPS_PROXY (from Node 24 on with NODE_USE_ENV_PROXY=1)",
    python: "the environment variable RSTAR_PYTHON",
    torchIndex: "the environment variable RSTAR_TORCH_INDEX",
    takeIn: "rstar traces opt-out FILE --undo",
    leaveOut: "rstar traces opt-out FILE",
  },
  editor: {
    addFile: "Use a Model File of Your Own…",
    fetch: "Download Model…",
    fetchAgain: "Remove Model…, then Download Model…",
    useBase: "Select Model…",
    rollBack: "Roll Back Model…",
    train: "Fine-Tune on Collected Traces…",
    resumeTraining: "Resume Evolution",
    chooseSearcher: "Select Model…",
    setup: "Show Setup Information",
    otherName: "another name",
    dataFolder: "the setting rstarMath.model.dataFolder",
    proxy: "the setting http.proxy, which takes effect with Restart Server",
    python: "the setting rstarMath.training.pythonPath",
    torchIndex: "the setting rstarMath.training.torchIndex",
    takeIn: "Manage Collected Traces…",
    leaveOut: "Manage Collected Traces…",
  },
} as const satisfies Record<Surface, Readonly<Record<string, string>>>;

/** What a person can do, by its name where they are. */
export type Names = Readonly<Record<keyof (typeof NAMES)[Surface], string>>;

/** The names of a surface, by default of this process's. */
export function namesOn(where: Surface = surface()): Names {
  return NAMES[where];
}
