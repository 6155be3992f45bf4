/** The problem and the scripted policy of the server's tests. */
import { afterEach } from "vitest";
import type { PolicyModel } from "../../server/services.ts";
import { MARK } from "../../server/search/grammar.ts";
import { fakeServices, scriptedPolicy, type Script } from "../support/fakes.ts";
import { TestClient, type ClientOptions } from "./client.ts";

export const URI = "file:///notes/a.md";
export const TEXT = `# Notes

## Problem 1

What is 6 times 7?

## Problem 2

What is 6 times 8?

Some words at the end.
`;
export const ANSWER = "**Final answer:** $42$";
export const FIRST = { uri: URI, problem: { kind: "index" as const, index: 1 } };
export const SECOND = { uri: URI, problem: { kind: "index" as const, index: 2 } };

/** Two-step programs: the first step and so the answer follow from the seed; 42 is the commonest. Some steps fail. */
export const multiply: Script = (_request, seed, prompt) => {
  const factor = prompt.includes("times 8") ? 8 : 7;
  const set = /a = (\d+)/u.exec(prompt)?.[1];
  const a = set ?? String(seed % 4 === 0 ? 5 : 6);
  const last = `# Step 2: Multiply by $${factor}$ and print.\nprint(${Number(a) * factor})`;
  if (set === undefined && seed % 9 === 1) return { text: "# Step 1: Fail.\nraise", stop: MARK.endOfCode };
  return {
    text: set === undefined ? `# Step 1: Set the first factor.\na = ${a}\n${MARK.endOfStep}\n${last}` : last,
    stop: MARK.endOfCode,
  };
};

/** Makes editors whose server is given `multiply`; those of a test are stopped after it. Call it once in a test file. */
export function scriptedClients(): (options?: Partial<ClientOptions>) => Promise<TestClient> {
  const clients: TestClient[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((each) => each.stop()));
  });
  return async (options = {}) => {
    const services = fakeServices(scriptedPolicy(multiply));
    const made = await new TestClient({ services, ...options }).start();
    clients.push(made);
    return made;
  };
}

/** A policy that waits at each call until it is let go; the first `free` calls pass. */
export function gated(
  script: Script,
  free = 0,
): {
  readonly policy: PolicyModel;
  readonly waiting: () => number;
  readonly release: () => void;
} {
  const inner = scriptedPolicy(script);
  const held: (() => void)[] = [];
  let open = false;
  let calls = 0;
  return {
    waiting: () => held.length,
    release: () => {
      open = true;
      for (const go of held.splice(0)) go();
    },
    policy: {
      ...inner,
      propose: async (requests, signal) => {
        if (!open && ++calls > free)
          await new Promise<void>((resolve, reject) => {
            held.push(resolve);
            signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
          });
        return inner.propose(requests, signal);
      },
    },
  };
}

/** Waits for what has to come to pass. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("it did not come to pass within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
