// A stand-in for the interpreter process: speaks its messages, and does what the step's text says.
import fs from "node:fs";
import readline from "node:readline";
import { setInterval } from "node:timers";

const config = JSON.parse(process.argv[2]);
const send = (message) => fs.writeSync(1, JSON.stringify(message) + "\n");
const plan = config.wheelsDir;

if (plan === "never starts" || fs.existsSync(plan)) process.exit(3);
if (plan === "starts without a snapshot only" && config.snapshotDir !== null) {
  send({ op: "fatal", reason: "the snapshot does not fit", outOfMemory: false });
  process.exit(1);
}
send({
  op: "ready",
  snapshot: config.snapshotDir !== null,
  ms: 1,
  permission: process.permission !== undefined,
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { program, step } = JSON.parse(line);
  const answer = (fields, heapMB = 90) => {
    send({
      op: "answer",
      heapMB,
      answer: { kind: "ok", ms: 1, value: null, assertions: 0, truncated: false, taint: "", ...fields },
    });
  };
  if (step !== "slow prefix")
    send({ op: "step", taint: step === "suspicious" ? "why" : "", origin: "fresh", code: step });
  if (step === "die") process.exit(9);
  if (step === "die while writing") {
    fs.writeSync(1, '{"op":"answer","ans');
    process.exit(9);
  }
  if (step === "nonsense") fs.writeSync(1, "nonsense\n");
  if (step === "fatal") send({ op: "fatal", reason: "it broke", outOfMemory: false });
  else if (step === "out of memory") send({ op: "fatal", reason: "no more", outOfMemory: true });
  else if (step === "hang") send({ op: "output", text: "so far" });
  else if (step === "grow") answer({}, 500);
  else if (step === "extend") {
    // Pretends again and again that the step has only just begun.
    setInterval(() => send({ op: "step", taint: "", origin: "forged", code: "forged" }), 20);
  } else if (step !== "slow prefix" && step !== "nonsense")
    answer({ value: `${process.pid} ${program.length}` });
});
