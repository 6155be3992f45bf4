/** Reads the lines between the markers of a stored solution, and tells ours from a person's. */
import { lineContent, type Containers } from "./containers.ts";
import { readAnswer } from "./final-answer.ts";
import { readCodeSpan, unescapeInline, unescapeUnshown } from "./inline.ts";
import { closesFence } from "./segments.ts";
import { EVIDENCE_KINDS, type Evidence, type SolutionAnswer } from "./solution-model.ts";
import type { Range, TextLines } from "./text-lines.ts";

/** A step as far as it has been read. */
export interface StepDraft {
  readonly number: number;
  readonly reason: string;
  readonly reasonRange: Range;
  code: string;
  codeRange: Range | null;
  output: string | undefined;
  value: string | null;
  q: number | undefined;
  visits: number | undefined;
  ppm: number | null;
  evidence: readonly Evidence[];
  end: number;
}

/** What the lines hold. */
export interface SolutionBody {
  answer: SolutionAnswer | null | undefined;
  readonly answerEvidence: Evidence[];
  readonly steps: StepDraft[];
  /** Whole lines that no rendering of ours can have written. */
  readonly foreign: Range[];
  /** The last line that was read as ours. */
  provenLine: number | null;
}

/** Reads the lines from `first` to `last`; with `stopAtForeign`, up to the first that is not ours. */
export function readBody(
  lines: TextLines,
  first: number,
  last: number,
  containers: Containers,
  stopAtForeign = false,
): SolutionBody {
  return new BodyReader(lines, last, containers).read(first, stopAtForeign);
}

class BodyReader {
  readonly #lines: TextLines;
  readonly #last: number;
  readonly #containers: Containers;
  readonly #body: SolutionBody = {
    answer: undefined,
    answerEvidence: [],
    steps: [],
    foreign: [],
    provenLine: null,
  };
  /** Within the fold of a long program. */
  #folded = false;

  constructor(lines: TextLines, last: number, containers: Containers) {
    this.#lines = lines;
    this.#last = last;
    this.#containers = containers;
  }

  read(first: number, stopAtForeign: boolean): SolutionBody {
    const [lines, body] = [this.#lines, this.#body];
    for (let at = first; at <= this.#last;) {
      const text = this.#textAt(at);
      if (text.trim() === "") {
        at += 1;
        continue;
      }
      const next = this.#element(at, text);
      if (next !== null) {
        body.provenLine = next - 1;
        const step = body.steps.at(-1);
        if (step !== undefined) step.end = lines.at(next - 1).end;
        at = next;
        continue;
      }
      if (stopAtForeign) return body;
      const end = this.#foreignEnd(at, text);
      body.foreign.push({ start: lines.at(at).start, end: lines.at(end - 1).end });
      at = end;
    }
    return body;
  }

  /** Reads the element that begins at this line; the line after it, or null when it is not ours. */
  #element(at: number, text: string): number | null {
    const step = this.#body.steps.at(-1);
    const head = /^\*\*Step (-?\d\S*|NaN|-?Infinity)\.\*\*(?: (.*))?$/s.exec(text);
    if (head !== null) return this.#stepHead(at, Number(head[1]), head[2] ?? "");
    if (/^<sub>Found by .*<\/sub>$/s.test(text)) return at + 1;
    if (step === undefined) return this.#answerPart(at, text);
    if (/^<details><summary>Python, \d+ lines<\/summary>$/.test(text) && step.code === "" && !this.#folded) {
      this.#folded = true;
      return at + 1;
    }
    if (text === "</details>" && this.#folded) {
      this.#folded = false;
      return at + 1;
    }
    const code = /^(`{3,})python( escaped)?$/.exec(text);
    if (code !== null) return this.#code(step, at, code[1] ?? "", code[2] !== undefined);
    const label = /^(Printed|Output|Value)( \(escaped\))?:(?: (`.*))?$/s.exec(text);
    if (label !== null) {
      return this.#output(step, at, label[1] ?? "", label[2] !== undefined, label[3]);
    }
    return readNumbers(step, text) ? at + 1 : null;
  }

  #answerPart(at: number, text: string): number | null {
    const answer = /^\*\*Final answer:\*\* (.*)$/s.exec(text)?.[1];
    if (answer !== undefined && this.#body.answer === undefined) {
      const read = readAnswer(answer);
      if (read === undefined) return null;
      this.#body.answer = read;
      return at + 1;
    }
    const evidence = text.startsWith("- ") ? readEvidence(text.slice(2)) : null;
    if (evidence === null || this.#body.answer === undefined) return null;
    this.#body.answerEvidence.push(evidence);
    return at + 1;
  }

  #stepHead(at: number, number: number, firstLine: string): number {
    let read = unescapeInline(firstLine);
    let reason = read.text;
    let next = at + 1;
    while (read.continues && next <= this.#last) {
      read = unescapeInline(this.#textAt(next));
      reason += `\n${read.text}`;
      next += 1;
    }
    const line = this.#lines.at(at);
    this.#body.steps.push({
      number,
      reason,
      reasonRange: {
        start: lineContent(this.#lines, line, this.#containers).offset,
        end: this.#lines.at(next - 1).end,
      },
      code: "",
      codeRange: null,
      output: undefined,
      value: null,
      q: undefined,
      visits: undefined,
      ppm: null,
      evidence: [],
      end: line.end,
    });
    this.#folded = false;
    return next;
  }

  #code(step: StepDraft, at: number, marks: string, escaped: boolean): number | null {
    const close = this.#ownFenceEnd(at, marks);
    if (close === null || step.codeRange !== null) return null;
    step.code = this.#fenced(at, close, escaped);
    step.codeRange = {
      start: this.#lines.at(at).next,
      end: Math.max(this.#lines.at(at).next, this.#lines.at(close - 1).end),
    };
    return close + 1;
  }

  #output(
    step: StepDraft,
    at: number,
    label: string,
    escaped: boolean,
    inline: string | undefined,
  ): number | null {
    if (label === "Value" ? step.value !== null : step.output !== undefined) return null;
    let content: string;
    let next: number;
    if (inline !== undefined) {
      const span = readCodeSpan(inline);
      if (span === null || span.length !== inline.length) return null;
      content = span.text;
      next = at + 1;
    } else {
      let open = at + 1;
      while (open <= this.#last && this.#textAt(open).trim() === "") open += 1;
      const marks = /^(`{3,})text$/.exec(this.#textAt(open))?.[1];
      const close = marks === undefined ? null : this.#ownFenceEnd(open, marks);
      if (close === null) return null;
      content = this.#fenced(open, close, escaped);
      next = close + 1;
    }
    if (label === "Value") step.value = content;
    else step.output = label === "Printed" ? `${content}\n` : content;
    return next;
  }

  #textAt(number: number): string {
    return number > this.#last ? "" : lineContent(this.#lines, this.#lines.at(number), this.#containers).text;
  }

  /** The line that closes a fence, or null when none does. */
  #fenceEnd(at: number, marks: string): number | null {
    for (let number = at + 1; number <= this.#last; number++)
      if (closesFence(this.#textAt(number), marks)) return number;
    return null;
  }

  /**
   * The same for a fence of ours, which is longer than any run of its mark inside. One that is not lost its closing
   * line, and runs on over whatever stands between it and the next fence.
   */
  #ownFenceEnd(at: number, marks: string): number | null {
    const close = this.#fenceEnd(at, marks);
    if (close === null) return null;
    for (let number = at + 1; number < close; number++) if (this.#textAt(number).includes(marks)) return null;
    return close;
  }

  #fenced(open: number, close: number, escaped: boolean): string {
    const content: string[] = [];
    for (let number = open + 1; number < close; number++) content.push(this.#textAt(number));
    return escaped ? unescapeUnshown(content.join("\n")) : content.join("\n");
  }

  /** A person's text runs to the next blank line, and over blank lines inside a fence. */
  #foreignEnd(at: number, text: string): number {
    const marks = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1];
    const close = marks === undefined ? null : this.#fenceEnd(at, marks);
    if (close !== null) return close + 1;
    let end = at + 1;
    while (end <= this.#last && this.#textAt(end).trim() !== "") end += 1;
    return end;
  }
}

function readNumbers(step: StepDraft, text: string): boolean {
  const inner = /^<sub>Q (.*)<\/sub>$/s.exec(text)?.[1];
  if (inner === undefined || step.q !== undefined) return false;
  const [q = "", visits = "", ...rest] = inner.split(" · ");
  const count = /^(\S+) visits?$/.exec(visits)?.[1];
  const ppm = /^PPM (\S+)$/.exec(rest[0] ?? "")?.[1];
  const evidence = (ppm === undefined ? rest : rest.slice(1)).map(readEvidence);
  if (count === undefined || evidence.includes(null)) return false;
  step.q = Number(q);
  step.visits = Number(count);
  step.ppm = ppm === undefined ? null : Number(ppm);
  step.evidence = evidence.filter((each) => each !== null);
  return true;
}

const EVIDENCE = new RegExp(`^(?:(against|neutral), )?(${EVIDENCE_KINDS.join("|")})(?:: (.*))?$`, "s");

function readEvidence(text: string): Evidence | null {
  const match = EVIDENCE.exec(text);
  const kind = EVIDENCE_KINDS.find((each) => each === match?.[2]);
  if (match === null || kind === undefined) return null;
  const holds = match[1] === "neutral" ? null : match[1] === undefined;
  return { kind, holds, text: unescapeInline(match[3] ?? "").text };
}
