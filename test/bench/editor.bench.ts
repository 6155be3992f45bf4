/** How long the editor waits: requests on a file of 5,000 lines with 100 problems, over a real connection in memory. */
import { afterAll, beforeAll, bench, describe } from "vitest";
import { fakeServices, scriptedPolicy } from "../support/fakes.ts";
import { TestClient } from "../server/client.ts";
import { multiply } from "../server/scripts.ts";
import { largeFile } from "./large-file.ts";

const URI = "file:///large.md";
const textDocument = { uri: URI };
const text = largeFile(5000, 100);
const lines = text.split("\n").length;
const whole = { start: { line: 0, character: 0 }, end: { line: lines, character: 0 } };
const visible = { start: { line: 2000, character: 0 }, end: { line: 2060, character: 0 } };
let editor: TestClient;

const ask = (method: string, params: object): Promise<unknown> =>
  editor.connection.sendRequest(method, params);
/** A letter in the middle of the file. */
const type = (): Promise<void> => editor.type(URI, text.length >> 1, text.length >> 1, "x");

beforeAll(async () => {
  editor = await new TestClient({ services: fakeServices(scriptedPolicy(multiply)) }).start();
  await editor.open(URI, text);
  await ask("textDocument/codeLens", { textDocument });
});
afterAll(() => editor.stop());

describe("5,000 lines, 100 problems: must stay under 30 ms", () => {
  const options = { time: 1000 };
  bench("lenses", async () => void (await ask("textDocument/codeLens", { textDocument })), options);
  bench(
    "hints of a screen",
    async () => void (await ask("textDocument/inlayHint", { textDocument, range: visible })),
    options,
  );
  bench(
    "hints of the file",
    async () => void (await ask("textDocument/inlayHint", { textDocument, range: whole })),
    options,
  );
  bench(
    "a letter, then lenses",
    async () => {
      await type();
      await ask("textDocument/codeLens", { textDocument });
    },
    options,
  );
  bench(
    "a letter, then lenses, hints, symbols and folds",
    async () => {
      await type();
      await Promise.all([
        ask("textDocument/codeLens", { textDocument }),
        ask("textDocument/inlayHint", { textDocument, range: visible }),
        ask("textDocument/documentSymbol", { textDocument }),
        ask("textDocument/foldingRange", { textDocument }),
      ]);
    },
    options,
  );
});
