/** What running a step came to: its output, or why it is rejected. */
import type { Rejection } from "../protocol/trace.ts";
import type { RunResult } from "../services.ts";
import { printedBy } from "./pieces.ts";
import { pathOf, type SearchNode } from "./tree.ts";

/** Everything that the program up to this node printed. */
export function printed(node: SearchNode): string {
  return printedBy(pathOf(node));
}

/** A rejection that has no line. */
export function reject(kind: Rejection["kind"], message: string): Rejection {
  return { kind, message, line: null };
}

/** Why a step whose run did not end well is rejected. */
export function rejectionOf(result: Exclude<RunResult, { kind: "ok" }>): Rejection {
  switch (result.kind) {
    case "error":
      return {
        kind: "error",
        message: `${result.error.type}: ${result.error.message}`,
        line: result.error.line,
      };
    case "timeout":
      return reject("timeout", `Still running after ${result.limitMs / 1000} s.`);
    case "memory":
      return reject("memory", `Asked for more than ${result.limitMB} MB of memory.`);
    case "crash":
      return reject("crash", `The interpreter died: ${result.reason}`);
    default:
      return result satisfies never;
  }
}
