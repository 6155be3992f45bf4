/**
 * The tests' hands in the editor: VS Code starts `run` in its extension host as it would a test suite; it connects to
 * the test process (port in RSTAR_TEST_DRIVER) and runs the functions that come from there, until that closes.
 */
import net from "node:net";
import process from "node:process";
import * as vscode from "vscode";

/** One message a line. In: `{id, source, argument}`; out: `{id, value}` or `{id, error}`. */
export function run() {
  const socket = net.connect(Number(process.env.RSTAR_TEST_DRIVER), "127.0.0.1");
  socket.setEncoding("utf8");
  const perform = async (line) => {
    const { id, source, argument } = JSON.parse(line);
    const answer = (message) => socket.write(`${JSON.stringify({ id, ...message })}\n`);
    try {
      const work = (0, eval)(`(${source})`);
      answer({ value: (await work(vscode, argument)) ?? null });
    } catch (error) {
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  };
  let rest = "";
  socket.on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) void perform(line);
  });
  return new Promise((resolve, reject) => {
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

export function activate() {
  // Nothing: the editor starts `run`.
}
