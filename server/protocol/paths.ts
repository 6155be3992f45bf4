/** Paths as people write them in settings, which no shell expands. */
import { homedir } from "node:os";
import path from "node:path";

/** The path with a `~` at its beginning as the person's home folder; any other path as it is. */
export function expandHome(written: string, home: string = homedir()): string {
  return /^~(?:$|[/\\])/u.test(written) ? path.join(home, written.slice(1)) : written;
}

/** Whether two paths name the same place, as far as their texts say. */
export function isSamePath(
  one: string,
  other: string,
  platform: NodeJS.Platform = process.platform,
): boolean {
  return isSameName(path.resolve(one), path.resolve(other), platform);
}

/**
 * Whether two names are one: Windows and macOS do not tell case apart (macOS can be set up to), and macOS not whether an
 * accent is part of its letter, as an editor writes it, or stands after it, as a shell completes it.
 */
export function isSameName(
  one: string,
  other: string,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const [a, b] = [one, other].map((name) => {
    if (platform === "win32") return name.toLowerCase();
    return platform === "darwin" ? name.normalize("NFC").toLowerCase() : name;
  });
  return a === b;
}
