/** Tables, figures and notices as reports write them. Pure. */
import type { Session } from "./settings.ts";

/** A table; all columns but the first are aligned to the right. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...body.map(line)].join(
    "\n",
  );
}

/** The ends of an interval of shares, in percent. */
export function interval([low, high]: readonly [number, number]): string {
  return `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`;
}

/** A difference of shares in points, with its sign. */
export function points(share: number): string {
  const value = (100 * share).toFixed(1);
  return value === "0.0" || value === "-0.0" ? "0.0" : share > 0 ? `+${value}` : value.replace("-", "−");
}

/** A p-value. */
export function chance(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
}

/** A word of a command as a shell reads it back. */
export function quote(word: string): string {
  return /^[\w./:=,@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What computed: sessions that differ in it differ in speed and rounding. */
export function machineOf({ machine, engine }: Session): string {
  return `${machine} ${engine}`;
}

/** What a reader must know before the table where sessions of different programs or machines made the rows. */
export function mixedNotice(sessions: readonly Session[]): string[] {
  const programs = new Set(sessions.map(({ version, commit }) => `${version} ${commit ?? ""}`)).size;
  const machines = new Set(sessions.map(machineOf)).size;
  const mixed = [
    ...(programs > 1 ? [`${programs} commits of the program`] : []),
    ...(machines > 1 ? [`${machines} machines`] : []),
  ];
  if (mixed.length === 0) return [];
  return [
    `**Mixed:** ${mixed.join(" and ")} took part, one after another; they are listed below. Processors of different kinds round differently, which changes some searches: rows and seeds that were searched on different ones differ by that too.`,
  ];
}
