/** Which processes still run. @module */
import { readFileSync } from "node:fs";

/** A zombie has ended: it only waits for its parent's attention. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3) !== "Z";
  } catch (error) {
    // Without /proc the signal alone has to tell.
    return (error as NodeJS.ErrnoException).syscall === "open" && process.platform !== "linux";
  }
}

/** Waits, half a minute at most, until none of them runs any more. */
export async function allEnded(pids: readonly number[]): Promise<boolean> {
  const deadline = Date.now() + 30_000;
  while (pids.some(isRunning)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
