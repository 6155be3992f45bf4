/** What the host and an interpreter process say to each other: one JSON object a line, over stdin and stdout. */
import type { GradingMode } from "../services.ts";

/** How an interpreter process is started; handed over as its only argument, in JSON. */
export interface WorkerConfig {
  /** `candidate` runs model-written code; `grader` compares answers and never runs any. */
  readonly role: "candidate" | "grader";
  /** Folder with the pinned wheels. */
  readonly wheelsDir: string;
  /** Folder that may hold a memory snapshot made at set-up; null to start without one. */
  readonly snapshotDir: string | null;
  /** The most the interpreter's linear memory may grow to, in MB (2^20 bytes). */
  readonly memoryMB: number;
  /** How many program states are kept. */
  readonly cachedStates: number;
}

/** Host to interpreter. `watchdogMs` is when the process ends itself should the host have died meanwhile. */
export type Request =
  | {
      readonly op: "run";
      readonly program: readonly string[];
      readonly step: string;
      /** Whether well-known imports that the step forgot are put in before it runs. */
      readonly completeImports: boolean;
      /** In bytes of UTF-8. */
      readonly outputLimit: number;
      readonly watchdogMs: number;
    }
  | {
      readonly op: "grade";
      readonly a: string;
      readonly b: string;
      readonly mode: GradingMode;
      readonly watchdogMs: number;
    };

/**
 * What ends a request. `taint` says why the interpreter must be replaced; empty when it need not be. `ms` is the time
 * of the step's own code.
 */
export type Answer =
  | {
      readonly kind: "ok";
      readonly value: string | null;
      readonly assertions: number;
      readonly truncated: boolean;
      readonly taint: string;
      readonly ms: number;
    }
  | {
      readonly kind: "error";
      readonly type: string;
      readonly message: string;
      readonly line: number | null;
      readonly taint: string;
      readonly ms: number;
    }
  | { readonly kind: "memory"; readonly taint: string; readonly ms: number }
  | { readonly kind: "equal" | "different" | "undecided"; readonly how: string };

/** Interpreter to host. */
export type Message =
  | {
      readonly op: "ready";
      /** Whether the snapshot was used, and how long the start took, in ms. */
      readonly snapshot: boolean;
      readonly ms: number;
      /** Whether Node's permission model guards the process. */
      readonly permission: boolean;
    }
  /** The prefix is in place and the step itself starts. `taint` as in Answer, known before anything runs; what runs is `code`. */
  | { readonly op: "step"; readonly taint: string; readonly origin: string; readonly code: string }
  /** Some of what the step printed. */
  | { readonly op: "output"; readonly text: string }
  | { readonly op: "answer"; readonly answer: Answer; readonly heapMB: number }
  /** The interpreter cannot go on; the process ends after this. */
  | { readonly op: "fatal"; readonly reason: string; readonly outOfMemory: boolean };
