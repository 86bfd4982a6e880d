/**
 * A program on a pseudo-terminal, which Node itself cannot make: Python's module pty does.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";

export interface TerminalRun {
  readonly code: number | null;
  /** Everything the terminal was given, both streams together. */
  readonly screen: string;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
}

/** Starts argv on a new terminal of the given size, copies what it writes, and ends with its exit code. */
const HOST = `
import fcntl, os, pty, struct, sys, termios
columns, rows, *argv = sys.argv[1:]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
    os.execvp(argv[0], argv)
while True:
    try:
        data = os.read(master, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

export function hasTerminals(): boolean {
  return spawnSync("python3", ["-c", "import os, pty; os.waitstatus_to_exitcode; os.close(pty.openpty()[0])"]).status === 0;
}

export async function runOnTerminal(argv: readonly string[], options: TerminalOptions): Promise<TerminalRun> {
  const { cwd, env, columns, rows } = options;
  const child = spawn("python3", ["-c", HOST, String(columns), String(rows), ...argv], {
    ...{ cwd, env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.pipe(process.stderr, { end: false });
  let screen = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text: string) => (screen += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  // The terminal adds the carriage returns.
  return { code, screen: screen.replaceAll("\r\n", "\n") };
}
