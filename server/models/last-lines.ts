/** The last lines of what a program said, for a message. */
export function lastLines(text: string, count = 3): string {
  const lines = text.split(/\r?\n/u).filter((line) => line.trim() !== "");
  return lines.slice(-count).join(" ").slice(0, 600) || "it gave no reason";
}
