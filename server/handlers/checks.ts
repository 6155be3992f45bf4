/** What came of running stored steps again, for as long as the solution's text stays as it was. */
import type { SolutionCheck } from "../verify.ts";

export class Checks {
  readonly #checks = new Map<string, SolutionCheck>();

  /** `source` is the solution block's text. */
  set(uri: string, source: string, check: SolutionCheck): void {
    this.#checks.set(`${uri}\n${source}`, check);
  }

  get(uri: string, source: string): SolutionCheck | undefined {
    return this.#checks.get(`${uri}\n${source}`);
  }

  forget(uri: string): void {
    for (const key of this.#checks.keys()) if (key.startsWith(`${uri}\n`)) this.#checks.delete(key);
  }
}
