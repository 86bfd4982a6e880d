/**
 * Python environments for the steps of local runs: one per interpreter and set of packages, made once below the home and reused.
 *
 * ```
 * HOME/environments/KEY/           what `python3 -m venv` (or `uv venv`) made, packages installed
 * HOME/environments/KEY/complete   written last: without it the environment is made anew
 * ```
 *
 * Steps of one run that need the same environment wait for the one that makes it. Between processes the home's lock stands.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, HostError } from "../../core/errors.ts";
import { CANCELLED_MESSAGE } from "../engine/cancellation.ts";
import { namedPackages } from "./python-bootstrap.ts";
import { exists } from "../../node/files/path-kind.ts";
import { noteGroup } from "../../node/processes/started-groups.ts";

/** Where environments are kept, and what making one may use. */
export interface PythonEnvironmentsOptions {
  /** Absolute: HOME/environments. */
  readonly folder: string;
  /** Of the host, with the PATH that python3 and uv are looked up in. */
  readonly environment: Readonly<Record<string, string>>;
  /** Told once per environment that has to be made: it may take minutes. */
  readonly onNotice: (text: string) => void;
  /** Aborted when the run is to stop; whoever asks then is an exit task. */
  readonly signal: AbortSignal;
  /** Environments that are being made right now, by folder: one map for all runs of a process that use the same home. */
  readonly making?: Map<string, Promise<string>>;
}

interface Interpreter {
  readonly executable: string;
  readonly version: string;
}

interface Making {
  readonly identity: string;
  readonly installs: readonly string[];
  readonly interpreter: Interpreter;
  readonly signal: AbortSignal;
}

const COMPLETE = "complete";
/** Everything that installs is killed after so long. */
const INSTALL_TIMEOUT_MS = 30 * 60_000;
const QUESTION_TIMEOUT_MS = 60_000;

/** Virtual environments of Python, one for each set of packages, made once and used by all steps and runs of a home. */
export class PythonEnvironments {
  readonly #options: PythonEnvironmentsOptions;
  readonly #made = new Map<string, Promise<unknown>>();

  constructor(options: PythonEnvironmentsOptions) {
    this.#options = options;
  }

  /**
   * The folder of an environment in which these install lines have run.
   *
   * @param installs `pip install` lines for a shell, in their order.
   * @param signal Of the step that asks: an exit task may ask when the run is to stop already.
   * @throws {HostError} PYTHON_UNAVAILABLE when there is no python3, it cannot make environments, or the packages cannot be installed;
   *   INTERRUPTED when the step is stopped meanwhile: what was killed says nothing about this machine.
   */
  async provide(installs: readonly string[], signal: AbortSignal): Promise<string> {
    const isLast = this.#options.signal.aborted;
    try {
      const interpreter = await this.#once("interpreter", signal, () => this.#findInterpreter(signal));
      const identity = JSON.stringify([interpreter.executable, interpreter.version, ...installs]);
      const key = createHash("sha256").update(identity).digest("hex").slice(0, 24);
      const folder = join(this.#options.folder, key);
      const make = (): Promise<string> => this.#make(folder, { identity, installs, interpreter, signal });
      return await this.#once(key, signal, () => this.#makeAlone(folder, signal, make));
    } catch (error) {
      if (!isLast || !isInterrupted(error)) throw error;
      throw new HostError(
        "INTERRUPTED",
        `${CANCELLED_MESSAGE}: its Python environment was not ready in the time that exit tasks have`,
      );
    }
  }

  /** Made for the first one that asks, for all of them; when that one is stopped, the next one makes it. */
  async #once<Result>(key: string, signal: AbortSignal, make: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const known = this.#made.get(key) as Promise<Result> | undefined;
      const made = known ?? make();
      if (known === undefined) {
        this.#made.set(key, made);
        made.catch((error: unknown) => {
          if (isInterrupted(error)) this.#made.delete(key);
        });
      }
      try {
        return await made;
      } catch (error) {
        if (signal.aborted || !isInterrupted(error)) throw error;
      }
    }
  }

  /** Waits for another run that makes the same environment, and makes it itself when that run was stopped. */
  async #makeAlone(folder: string, signal: AbortSignal, make: () => Promise<string>): Promise<string> {
    const { making } = this.#options;
    if (making === undefined) return make();
    for (let others = making.get(folder); others !== undefined; others = making.get(folder)) {
      try {
        return await others;
      } catch (error) {
        if (signal.aborted || !isInterrupted(error)) throw error;
      }
    }
    const own = make().finally(() => making.delete(folder));
    making.set(folder, own);
    return own;
  }

  async #findInterpreter(signal: AbortSignal): Promise<Interpreter> {
    const program = "import json, sys; print(json.dumps([sys.executable, sys.version]))";
    const answer = await this.#run("python3", ["-c", program], { signal, timeoutMs: QUESTION_TIMEOUT_MS });
    if (answer.exitCode !== 0) {
      const reason = answer.started ? problemOf(answer, lastLine) : "it is not on the PATH";
      throw unavailable(`Cannot run Python components: python3 does not work (${reason}); install Python 3.9 or newer`);
    }
    const [executable, version] = JSON.parse(answer.output) as [string, string];
    return { executable, version };
  }

  async #make(folder: string, { identity, installs, interpreter, signal }: Making): Promise<string> {
    if ((await readFile(join(folder, COMPLETE), "utf8").catch(() => undefined)) === identity) return folder;
    const packages = namedPackages(installs).join(", ");
    this.#options.onNotice(`making a Python environment with ${packages}; later runs reuse it`);
    await rm(folder, { recursive: true, force: true });
    try {
      await this.#makeEmpty(folder, interpreter, signal);
      const variables = activateEnvironment(withoutPythonVariables(this.#options.environment), folder);
      // One shell for all lines: they may depend on each other, and are written for one.
      const answer = await this.#run("sh", ["-ec", installs.join("\n")], {
        environment: { ...variables, PIP_DISABLE_PIP_VERSION_CHECK: "1", PIP_USER: "0", PIP_NO_INPUT: "1" },
        signal,
      });
      if (answer.exitCode !== 0) {
        throw unavailable(
          `Cannot install the Python packages ${packages}: ${problemOf(answer, pipProblem)}; ` +
            "check that a package index can be reached (pip's own settings apply) and that the versions exist for " +
            `Python ${interpreter.version.split(" ")[0] ?? ""}`,
        );
      }
      await writeFile(join(folder, COMPLETE), identity);
      return folder;
    } catch (error) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      if (error instanceof HostError) throw error;
      throw unavailable(`Cannot make a Python environment in ${folder}: ${errorMessage(error)}`, error);
    }
  }

  /** `uv` is quicker where it is installed; whatever goes wrong with it, Python itself has a try. */
  async #makeEmpty(folder: string, { executable }: Interpreter, signal: AbortSignal): Promise<void> {
    const uv = await this.#run("uv", ["venv", "--quiet", "--seed", "--python", executable, folder], { signal });
    if (uv.exitCode === 0 && (await exists(join(folder, "bin", "pip")))) return;
    await rm(folder, { recursive: true, force: true });
    const answer = await this.#run(executable, ["-m", "venv", folder], { signal });
    if (answer.exitCode === 0) return;
    throw unavailable(
      `Cannot make a Python environment with ${executable}: ${problemOf(answer, lastLine)}; ` +
        "its module venv is needed (on Debian and Ubuntu: apt install python3-venv)",
    );
  }

  async #run(
    command: string,
    args: readonly string[],
    {
      signal,
      environment = withoutPythonVariables(this.#options.environment),
      timeoutMs = INSTALL_TIMEOUT_MS,
    }: { readonly signal: AbortSignal; readonly environment?: Record<string, string>; readonly timeoutMs?: number },
  ): Promise<Answer> {
    const answer = signal.aborted ? undefined : await runQuietly(command, args, { environment, timeoutMs, signal });
    if (answer === undefined || signal.aborted) throw new HostError("INTERRUPTED", CANCELLED_MESSAGE);
    return answer;
  }
}

function isInterrupted(error: unknown): boolean {
  return error instanceof HostError && error.code === "INTERRUPTED";
}

/** An environment as `activate` would leave it: its programs first. */
export function activateEnvironment(base: Readonly<Record<string, string>>, folder: string): Record<string, string> {
  const { PATH: path = "" } = base;
  const bin = join(folder, "bin");
  return { ...base, VIRTUAL_ENV: folder, PATH: path === "" ? bin : `${bin}:${path}` };
}

/** Without what would make Python look into another installation. */
export function withoutPythonVariables(base: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(base).filter(([name]) => name !== "PYTHONHOME" && name !== "PYTHONPATH"));
}

interface Answer {
  readonly started: boolean;
  readonly exitCode: number;
  /** Both streams. */
  readonly output: string;
  /** Set when it took longer than this and was killed. */
  readonly timeoutMs?: number;
}

async function runQuietly(
  command: string,
  args: readonly string[],
  options: { readonly environment: Record<string, string>; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Answer> {
  const { signal } = options;
  const child = spawn(command, args, { env: options.environment, stdio: ["ignore", "pipe", "pipe"], detached: true });
  noteGroup(child);
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-65_536);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const stop = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, options.timeoutMs);
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<Answer>((resolve) => {
      child.once("error", (error) => resolve({ started: false, exitCode: 127, output: error.message }));
      child.once("close", (code) => {
        resolve({ started: true, exitCode: code ?? 1, output, ...(isLate ? { timeoutMs: options.timeoutMs } : {}) });
      });
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function problemOf({ output, timeoutMs }: Answer, read: (output: string) => string): string {
  return timeoutMs === undefined ? read(output) : `it had not ended after ${timeoutMs / 60_000} minutes`;
}

/** pip says what matters in lines that begin with ERROR; the first one is the cause, the last one names the package. */
function pipProblem(output: string): string {
  const errors = output.split("\n").filter((line) => /^error:/i.test(line.trim()));
  return (errors.at(-1) ?? lastLine(output)).trim().replace(/^error:\s*/i, "");
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1)?.trim() ?? "";
}

function unavailable(message: string, cause?: unknown): HostError {
  return new HostError("PYTHON_UNAVAILABLE", message, { cause });
}
