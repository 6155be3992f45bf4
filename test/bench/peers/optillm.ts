/** OptiLLM, a proxy that puts search in front of any chat server: its program, its approaches and their settings. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { freePort } from "../../support/free-port.ts";
import { isAlive } from "../support/alive.ts";
import { postJson } from "../support/post-json.ts";
import { benchPython } from "../support/python-environment.ts";
import { chatAnswer, CHAT_INSTRUCTION, type Contestant } from "./contestant.ts";
import { metered } from "./metered.ts";
import { chatTexts } from "./sampling.ts";

/** The version compared with. */
export const OPTILLM = "optillm==0.4.0";

/**
 * What the proxy and the approaches below import: 370 MB. The package itself also asks for PyTorch, transformers, spaCy,
 * gradio and others (gigabytes), which its local inference and other plugins need; those plugins are then not there.
 */
const REQUIREMENTS = [
  "flask==3.1.3",
  "openai==3.54.0",
  "cerebras_cloud_sdk==1.91.0",
  "aiohttp==3.14.5",
  "networkx==3.6.1",
  "numpy==2.4.6",
  "z3-solver==4.15.4.0",
  "sympy==1.14.0",
  "math-verify==0.9.0",
  "pyyaml==6.0.3",
  "requests==2.34.2",
];

/**
 * OptiLLM's own names, with the settings that its documentation gives as defaults. CePO and MARS, by which its README
 * reports results of large models, write dozens of answers for a problem, and are left out.
 */
const APPROACHES = {
  mcts: "2 simulations, exploration 0.2, depth 1 (README, table of parameters); 3 actions a node, temperature 1 (optillm/mcts.py)",
  rstar:
    "5 rollouts, depth 3, c 1.4 (README, table of parameters); temperature 0.2 (optillm/rstar.py). Its final answer is a whole number by construction",
  bon: "3 samples (README, table of parameters), temperature 1, rated by the same model (optillm/bon.py)",
  self_consistency:
    "5 samples, temperature 1, grouped by the likeness of their texts (optillm/self_consistency.py)",
  majority_voting: "8 candidates, temperature 0.6 (optillm/plugins/majority_voting_plugin.py)",
} as const;
export type Approach = keyof typeof APPROACHES;

/** The approaches that can be compared. */
export const APPROACH_NAMES = Object.keys(APPROACHES) as Approach[];

/** The proxy before a llama-server. */
export class OptiLlm {
  readonly #serverUrl: string;
  #child: ChildProcess | null = null;
  #url = "";
  #folder = "";

  constructor(serverUrl: string) {
    this.#serverUrl = serverUrl;
  }

  /** However this process ends, the program must not stay behind. */
  readonly #kill = (): void => void this.#child?.kill("SIGKILL");

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the program unless it runs. @throws with what it said, when it does not start. */
  async start(): Promise<void> {
    if (this.#child !== null && isAlive(this.#child)) return;
    const python = benchPython({
      name: "optillm",
      variable: "RSTAR_OPTILLM_PYTHON",
      requirements: REQUIREMENTS,
      alone: [OPTILLM],
    });
    const port = await freePort();
    this.#folder = mkdtempSync(path.join(os.tmpdir(), "rstar-optillm-"));
    const child = spawn(
      python,
      [
        ...["-c", "import optillm; optillm.main()"],
        ...["--base-url", `${this.#serverUrl}/v1`, "--port", String(port), "--log", "warning"],
      ],
      {
        // Plugins are also looked for in the working folder; the key is any text.
        cwd: this.#folder,
        env: { ...process.env, OPENAI_API_KEY: "none", NO_PROXY: "127.0.0.1", PYTHONUNBUFFERED: "1" },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const log: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log.push(text);
      log.splice(0, log.length - 50);
    });
    this.#child = child;
    process.once("exit", this.#kill);
    this.#url = `http://127.0.0.1:${port}`;
    for (let attempt = 0; ; attempt++) {
      if (!isAlive(child) || attempt > 600) {
        await this.stop();
        throw new Error(`OptiLLM did not start:\n${log.join("").slice(-2000)}`);
      }
      const health = await fetch(`${this.#url}/health`).catch(() => null);
      if (health?.ok === true) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child !== null && isAlive(child)) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    process.off("exit", this.#kill);
    if (this.#folder !== "") rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One of its approaches as a contestant. */
  contestant(approach: Approach, maxTokens: number, processes: () => readonly number[]): Contestant {
    return {
      name: `OptiLLM ${approach}`,
      side: "rival",
      settings: `${APPROACHES[approach]}. At most ${maxTokens} tokens an answer (request; without it 4096, which costs a small model that does not stop time only); top-p, top-k and min-p are llama-server's, the same as ours. ${asksItself(approach) ? "The problem as it stands: the approach asks for the form of its own answer." : `The problem in one user message after "${CHAT_INSTRUCTION.replaceAll("\n", " ")}", as the project's own evaluation scripts ask for \\boxed{}.`}`,
      processes,
      ready: () => this.start(),
      solve: (problem, signal) =>
        metered(
          this.#serverUrl,
          async () => {
            const answer = await postJson(
              `${this.#url}/v1/chat/completions`,
              {
                ...{ model: "local", optillm_approach: approach, max_tokens: maxTokens },
                messages: [
                  {
                    role: "user",
                    content: asksItself(approach) ? problem.text : `${CHAT_INSTRUCTION}\n\n${problem.text}`,
                  },
                ],
              },
              signal,
            );
            const [text = ""] = chatTexts(answer);
            return { answer: chatAnswer(text), raw: text };
          },
          signal,
          // It goes on with a request whose client has gone.
          { reset: () => this.stop() },
        ),
    };
  }
}

/** Its rstar asks for "The final answer is" and is less sure of an answer in another form. */
function asksItself(approach: Approach): boolean {
  return approach === "rstar";
}
