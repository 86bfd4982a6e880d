/**
 * podman or docker as commands: found by asking, run with bounds.
 *
 * `KFP_CONTAINER_ENGINE` may name the engine, with options of its own in front of every command, as
 * `podman --runtime runc --cgroup-manager cgroupfs`; `KFP_CONTAINER_RUN_OPTIONS` may add options to every `run`, as `--gpus all`.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { basename } from "node:path";
import { errorMessage, HostError } from "../../core/errors.ts";

/** An engine that answers. */
export interface ContainerEngine {
  /** Program and options before the command. */
  readonly words: readonly [string, ...string[]];
  readonly kind: "podman" | "docker";
  /** Further options of `run`. */
  readonly runOptions: readonly string[];
}

/** What a command of the engine printed. */
export interface EngineAnswer {
  readonly code: number;
  readonly stdout: string;
  /** The last lines of standard error. */
  readonly problem: string;
}

const CANDIDATES: readonly (readonly [string, ...string[]])[] = [["podman"], ["docker"]];
const ANSWER_TIMEOUT_MS = 30_000;
/** A large image over a slow line. */
const PULL_TIMEOUT_MS = 3_600_000;
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * The engine named by the environment, else the first one that answers.
 *
 * @throws {HostError} CONTAINERS_UNAVAILABLE naming what was tried and why it did not work.
 */
export async function findContainerEngine(environment: Readonly<Record<string, string>>): Promise<ContainerEngine> {
  const { KFP_CONTAINER_ENGINE: named = "", KFP_CONTAINER_RUN_OPTIONS: options = "" } = environment;
  const words = wordsOf(named);
  const candidates = words.length === 0 ? CANDIDATES : [words as [string, ...string[]]];
  const problems: string[] = [];
  for (const candidate of candidates) {
    const kind = basename(candidate[0]) === "docker" ? "docker" : "podman";
    const engine: ContainerEngine = { words: candidate, kind, runOptions: wordsOf(options) };
    const { code, problem } = await askEngine(engine, ["info"]);
    if (code === 0) return engine;
    problems.push(`${candidate.join(" ")}: ${problem}`);
  }
  throw new HostError("CONTAINERS_UNAVAILABLE", `Cannot run steps in containers: no engine answers (${problems.join("; ")})`);
}

function wordsOf(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/** Runs a command of the engine to its end; never throws for how it ends. */
export async function askEngine(
  { words: [command, ...options] }: ContainerEngine,
  args: readonly string[],
  { timeoutMs = ANSWER_TIMEOUT_MS, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<EngineAnswer> {
  return await new Promise((resolve) => {
    execFile(
      command,
      [...options, ...args],
      { timeout: timeoutMs, maxBuffer: OUTPUT_LIMIT_BYTES, encoding: "utf8", ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
        const said = stderr.trim().split("\n").slice(-2).join("; ");
        const problem = error === null ? "" : said === "" ? errorMessage(error) : said;
        resolve({ code, stdout, problem });
      },
    );
  });
}

/** Pulls an image. @throws {HostError} CONTAINERS_UNAVAILABLE with the engine's words. */
export async function pullImage(engine: ContainerEngine, image: string, signal: AbortSignal): Promise<void> {
  const { code, problem } = await askEngine(engine, ["pull", "--quiet", image], { timeoutMs: PULL_TIMEOUT_MS, signal });
  if (code !== 0) throw new HostError("CONTAINERS_UNAVAILABLE", `Cannot pull image ${image}: ${problem}`);
}
