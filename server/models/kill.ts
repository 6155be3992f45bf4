/** Ending a program at once, with what it started where the system can. */
import { spawn, type ChildProcess } from "node:child_process";

/** Kills a program; on Windows, and elsewhere where it leads a group of its own (`detached`), with all its children. */
export function killProgram(child: ChildProcess, isGroup = false): void {
  const { pid } = child;
  if (process.platform === "win32" && pid !== undefined)
    spawn("taskkill", ["/pid", String(pid), "/T", "/F"], { stdio: "ignore", windowsHide: true });
  else if (!isGroup || pid === undefined) child.kill("SIGKILL");
  else
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It ended by itself in this moment.
    }
}
