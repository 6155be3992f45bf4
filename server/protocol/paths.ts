/** Paths as people write them in settings, which no shell expands. */
import { homedir } from "node:os";
import path from "node:path";

/** The path with a `~` at its beginning as the person's home folder; any other path as it is. */
export function expandHome(written: string, home: string = homedir()): string {
  return /^~(?:$|[/\\])/u.test(written) ? path.join(home, written.slice(1)) : written;
}

/** Whether two paths name the same place, as far as their texts say: Windows does not tell case apart. */
export function isSamePath(
  one: string,
  other: string,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const [a, b] = [path.resolve(one), path.resolve(other)];
  return platform === "win32" ? a.toLowerCase() === b.toLowerCase() : a === b;
}
