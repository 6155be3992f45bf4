/** Bars on a terminal, and the results that are printed between them. */
import { PassThrough } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { createProgress } from "../../../server/cli/progress.ts";
import type { SearchEvent } from "../../../server/protocol/events.ts";

const { isTTY } = process.stdout;
afterEach(() => {
  process.stdout.isTTY = isTTY;
  vi.restoreAllMocks();
});

/** As much of a terminal as bars ask for, and all that was written to it. */
function terminal(): { readonly stream: NodeJS.WriteStream; readonly text: () => string } {
  let text = "";
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const nothing = (): boolean => true;
  Object.assign(stream, {
    cursorTo: nothing,
    moveCursor: nothing,
    clearLine: nothing,
    clearScreenDown: nothing,
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

it("shows a terminal the last result too, and its cursor again", () => {
  process.stdout.isTTY = true;
  const { stream, text } = terminal();
  const progress = createProgress(stream);
  const event: Pick<Extract<SearchEvent, { kind: "started" }>, "kind" | "budget"> = {
    kind: "started",
    budget: 9,
  };
  progress.show(1, event as SearchEvent);
  progress.show(1, { kind: "finished" } as SearchEvent);
  progress.print("Answer 42\n");
  progress.close();
  expect(text()).toContain("Answer 42\n");
  expect(text().lastIndexOf("\u001b[?25h")).toBeGreaterThan(text().lastIndexOf("\u001b[?25l"));
});
