/** Paths as people write them in settings, which no shell expands. */
import { homedir } from "node:os";
import path from "node:path";

/** The path with a `~` at its beginning as the person's home folder; any other path as it is. */
export function expandHome(written: string, home: string = homedir()): string {
  return /^~(?:$|[/\\])/u.test(written) ? path.join(home, written.slice(1)) : written;
}
