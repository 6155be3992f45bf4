/** What the client hears of searches that do not end as they should. */
import { expect, test } from "vitest";
import { Searches } from "../../../server/handlers/searches.ts";
import type { SearchNews } from "../../../server/protocol/solving.ts";

test("a search that broke off is told as ended, and one that told of its end is not told twice", async () => {
  const heard: SearchNews[] = [];
  const searches = new Searches(
    () => 1,
    { news: (news) => heard.push(news), changed: () => undefined },
    () => 0,
  );
  const run = (traceId: string, then: () => void) =>
    searches.run(
      { traceId, uri: "file:///a.md", problemHash: "p" },
      new AbortController().signal,
      (entry) => {
        searches.tell(entry, { kind: "started", problemId: "p", strategy: "mcts", budget: 9 });
        then();
        const progress = {
          ...{ generatedTokens: 1, budget: 9, candidates: 1, rejected: 0, trajectories: 0 },
          ...{ started: 1, planned: 1, best: null },
        };
        searches.tell(entry, { kind: "finished", problemId: "p", progress });
        return Promise.resolve();
      },
    );
  const crash = run("broken", () => {
    throw new Error("a bug");
  });
  await expect(crash).rejects.toThrow("a bug");
  expect(heard.at(-1)).toMatchObject({ traceId: "broken", events: [], ended: true });
  await run("whole", () => undefined);
  expect(heard.at(-1)).toMatchObject({
    traceId: "whole",
    events: [{ kind: "started" }, { kind: "finished" }],
  });
  expect(heard.at(-1)).not.toHaveProperty("ended");
});
