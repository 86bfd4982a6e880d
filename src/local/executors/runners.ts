/**
 * Which steps run on this machine itself, and which in containers of their images.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { TaskExecutor, TaskPlace } from "../engine/task-executor.ts";
import { flattenTasks, placeTasks } from "../pipeline/pipeline-tasks.ts";
import { matchesTask, readTaskPatterns, type TaskPattern } from "./inspected-tasks.ts";

/** Where a step runs. */
export type Runner = "host" | "container";
/** As a person says it; `auto` decides by the image of each step. */
export type RunnerName = Runner | "auto";

/** What a run is told. */
export interface RunnerOptions {
  readonly runner: RunnerName;
  /** `TASK=RUNNER`; the last one that means a task counts. */
  readonly exceptions: readonly string[];
}

/** Whether a JSON value is what a run was told. */
export function isRunnerOptions(value: unknown): value is RunnerOptions {
  if (typeof value !== "object" || value === null) return false;
  const { runner, exceptions } = value as Partial<Record<keyof RunnerOptions, unknown>>;
  return (
    NAMES.some((name) => name === runner) && Array.isArray(exceptions) && exceptions.every((text) => typeof text === "string")
  );
}

/** Where a task runs, in any of its iterations. */
export type RunnerOf = (place: TaskPlace) => Runner;

const NAMES: readonly RunnerName[] = ["host", "container", "auto"];
/** Images of the SDK's own default, whose steps this machine's Python runs as well. */
const PLAIN_PYTHON = /^(docker\.io\/)?(library\/)?python:[\w.-]+$/;

/**
 * @param hasEngine Asked for `auto` only: whether containers can be run here.
 * @throws {UsageError} USAGE_INVALID for an exception that cannot be read, or that names a task the pipeline does not have.
 */
export function chooseRunners(
  { runner, exceptions }: RunnerOptions,
  pipeline: ParsedPipeline,
  hasEngine: () => boolean,
): RunnerOf {
  const images = new Map(
    flattenTasks(placeTasks(pipeline)).flatMap(({ scopePath, executor }) =>
      executor?.spec.case === "container" ? [[scopePath, executor.spec.value.image] as const] : [],
    ),
  );
  const auto: RunnerOf = ({ scopePath }) =>
    PLAIN_PYTHON.test(images.get(scopePath) ?? "") || !hasEngine() ? "host" : "container";
  const named = exceptions.map((text) => readException(text, pipeline));
  return (place) => {
    const exception = named.findLast(({ pattern }) => matchesTask(place, [pattern]));
    const name = exception?.runner ?? runner;
    return name === "auto" ? auto(place) : name;
  };
}

function readException(text: string, pipeline: ParsedPipeline): { readonly pattern: TaskPattern; readonly runner: RunnerName } {
  const split = text.lastIndexOf("=");
  const runner = NAMES.find((name) => name === text.slice(split + 1));
  if (split <= 0 || runner === undefined) {
    throw new UsageError("USAGE_INVALID", `Cannot read --runner-for ${text}: it is TASK=RUNNER with ${NAMES.join(", ")}`);
  }
  const [pattern] = readTaskPatterns([text.slice(0, split)], pipeline, "choose a runner for");
  return { pattern: pattern as TaskPattern, runner };
}

/** Sends the steps that run in containers to another executor. */
export function launchInContainers(
  runnerOf: RunnerOf,
  { host, containers }: Record<"host" | "containers", TaskExecutor>,
): TaskExecutor {
  return {
    ...host,
    launch: (request) => (runnerOf(request.place) === "container" ? containers : host).launch(request),
  };
}
