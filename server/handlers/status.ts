/** What the server is doing, for the status item: told when it changes, and once a second while it works. */
import type { ServerStatus } from "../protocol/models.ts";
import { namedPpm, type Settings } from "../protocol/settings.ts";
import type { Session } from "./session.ts";

const BEAT_MS = 1000;

export class StatusReporter {
  readonly #session: Session;
  readonly #send: (status: ServerStatus) => void;
  #timer: NodeJS.Timeout | null = null;
  #message: string | null = null;
  #tokens = 0;
  #at = 0;
  #rate = 0;

  constructor(session: Session, send: (status: ServerStatus) => void) {
    this.#session = session;
    this.#send = send;
  }

  /** What the person should know now. */
  say(message: string | null): void {
    this.#message = message;
    this.update();
  }

  /** Something changed: tells it, and goes on telling while there is work. */
  update(): void {
    this.#send(this.status());
    if (this.#timer !== null || !this.#isBusy()) return;
    this.#timer = setInterval(() => {
      this.#measure();
      const busy = this.#isBusy();
      if (!busy && this.#timer !== null) {
        clearInterval(this.#timer);
        this.#timer = null;
        this.#message = null;
      }
      this.#send(this.status());
    }, BEAT_MS);
  }

  status(): ServerStatus {
    const { runtime, searches, settings } = this.#session;
    const { kind, why, policy, ppm } = runtime.state;
    const queued = searches.all.filter((entry) => entry.state === "queued").length;
    return {
      state: kind,
      model: policy ?? namedPolicy(settings),
      ppm: ppm ?? (settings.model.ppm === "" ? null : namedPpm(settings.model.ppm)),
      backend: why,
      searching: searches.all.length - queued,
      queued,
      memoryBytes: process.memoryUsage.rss(),
      tokensPerSecond: this.#isBusy() ? this.#rate : 0,
      message: this.#message,
    };
  }

  dispose(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #isBusy(): boolean {
    return this.#session.searches.all.length > 0 || this.#session.runtime.state.kind === "loading";
  }

  #measure(): void {
    const tokens = this.#session.runtime.generatedTokens;
    const now = performance.now();
    this.#rate =
      this.#at === 0 ? 0 : (1000 * Math.max(0, tokens - this.#tokens)) / Math.max(1, now - this.#at);
    this.#tokens = tokens;
    this.#at = now;
  }
}

/** The policy that the settings name. */
function namedPolicy({ endpoint, model }: Settings): string {
  if (endpoint.url !== "") return endpoint.model === "" ? endpoint.url : endpoint.model;
  return model.policy === "" ? "default" : model.policy;
}
