/** A command as it is shown for the terminal. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { commandText } from "../../../server/cli/evolve.ts";

it("is what a shell reads back as the same words, without what the editor adds", () => {
  const words = ["evolve", "--problems", "/my notes/it's.jsonl", "--rounds", "2", "--base", "a$b", "--json"];
  const text = commandText(words);
  expect(text).toMatch(/^rstar evolve --problems '/u);
  expect(commandText(["evolve", "--rounds", "2"])).toBe("rstar evolve --rounds 2");
  if (process.platform === "win32") return;
  const shell = spawnSync("sh", ["-c", text.replace(/^rstar/u, "printf '%s\\n'")], { encoding: "utf8" });
  expect(shell.stdout.trimEnd().split("\n")).toEqual(words.slice(0, -1));
});
