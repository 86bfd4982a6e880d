/**
 * `kfp-runtime run` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry, CommandOption } from "../command-entry.ts";
import { listOf, readCount, readDuration, readPath, single, type Values } from "../option-values.ts";
import { chooseCapacity } from "../../local/engine/machine-capacity.ts";
import type { Amounts } from "../../local/engine/step-need.ts";
import type { RunnerOptions } from "../../local/executors/runners.ts";
import type { CliHost } from "../host.ts";
import { HOME_OPTION } from "./home.ts";

/** Steps at the same time, at least: waiting for a network costs no processor. */
export const LEAST_PARALLELISM = 4;

/** `kfp-runtime run`, read and checked as far as the command line alone goes. */
export interface RunCommand {
  readonly kind: "run";
  readonly pipeline: string;
  /** `name=value`, in the order given. */
  readonly params: readonly string[];
  readonly paramsFile?: string;
  readonly home: string;
  readonly pipelineRoot?: string;
  readonly runners: RunnerOptions;
  /** Folder or file of secrets and config maps. */
  readonly secrets?: string;
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  readonly parallelism?: number;
  /** As `chooseCapacity` takes it. */
  readonly capacity?: string;
  /** Tasks whose driver and launcher wait for a debugger. */
  readonly inspectTasks: readonly string[];
  /** Milliseconds to wait for a home that is in use. */
  readonly waitMs: number;
  readonly output: "text" | "json";
  /** Also the lines the SDK's executor prints in every Python step. */
  readonly fullLogs: boolean;
  readonly dryRun: boolean;
  readonly stopWithStdin: boolean;
}

/** The same for every command that executes runs. */
export const SECRETS_OPTION = {
  type: "string",
  requiresArg: true,
  describe: "Secrets and config maps of the steps: a folder NAME/KEY, or YAML of Kubernetes objects",
} as const satisfies CommandOption;

/** For every command that a program may start and forget to stop. */
export const STOP_WITH_STDIN_OPTION = {
  type: "boolean",
  default: false,
  describe: "Stop, as with Ctrl-C, when standard input ends: with the program that started this one, however that ended",
} as const satisfies CommandOption;

/** Of a home that somebody else uses. */
export const WAIT_OPTION = {
  type: "string",
  requiresArg: true,
  default: "24h",
  describe: "How long to wait for a home that another run uses, as 90s, 10m or 24h; 0 not at all",
} as const satisfies CommandOption;

/** Where steps run. */
export const RUNNER_OPTION = {
  choices: ["host", "container", "auto"],
  describe: "Run steps on this machine, or in containers of their images; auto: all but plain python images in containers",
} as const satisfies CommandOption;

/** Where one step runs. */
export const RUNNER_FOR_OPTION = {
  type: "string",
  requiresArg: true,
  describe: "TASK=RUNNER: another runner for one task; repeatable",
} as const satisfies CommandOption;

/** What their requests are weighed against. */
export const CAPACITY_OPTION = {
  type: "string",
  requiresArg: true,
  describe: "What requests of steps that run at the same time may come to, as cpu=8,memory=16Gi; none: they do not count",
} as const satisfies CommandOption;

/** The capacity that was chosen, or that of the machine. */
export function capacityOf(
  text: string | undefined,
  { processors, memoryBytes }: Pick<CliHost, "processors" | "memoryBytes">,
): { capacity?: Amounts } {
  const capacity = chooseCapacity(text, { cpu: processors, memory: memoryBytes });
  return capacity === undefined ? {} : { capacity };
}

/** Options by name. */
const RUN_OPTIONS = {
  param: {
    type: "string",
    requiresArg: true,
    describe: "Parameter of the pipeline, name=value; repeatable. STRING as it is, other types as JSON",
  },
  params: {
    type: "string",
    requiresArg: true,
    describe: "JSON or YAML file with a map of parameters; --param wins",
    completes: "file",
  },
  home: HOME_OPTION,
  "pipeline-root": {
    type: "string",
    requiresArg: true,
    describe: "Where artifacts go: an absolute path, minio://... or s3://... (default: a folder in the home)",
    completes: "folder",
  },
  isolation: {
    choices: ["in-process", "process"],
    default: "in-process",
    describe: "Run driver and launcher in this process, or start their programs",
  },
  runner: { ...RUNNER_OPTION, default: "host" },
  "runner-for": RUNNER_FOR_OPTION,
  secrets: SECRETS_OPTION,
  "no-cache": { type: "boolean", default: false, describe: "Take no outputs from earlier runs" },
  parallelism: { type: "string", requiresArg: true, describe: "Steps at the same time (default: by the number of processors)" },
  capacity: { ...CAPACITY_OPTION, describe: `${CAPACITY_OPTION.describe} (default: this machine)` },
  "inspect-task": {
    type: "string",
    requiresArg: true,
    describe: "Let driver and launcher of this task wait for a debugger at 127.0.0.1:9229; repeatable",
  },
  wait: WAIT_OPTION,
  output: { choices: ["text", "json"], default: "text", describe: "What the result is printed as" },
  "full-logs": {
    type: "boolean",
    default: false,
    describe: "Show all that steps print: also the executor input that the SDK prints in every Python step",
  },
  "dry-run": { type: "boolean", default: false, describe: "Check everything and print the plan" },
  "stop-with-stdin": STOP_WITH_STDIN_OPTION,
} as const satisfies Record<string, CommandOption>;

/** `kfp-runtime run` on the command line. */
export const runEntry: CommandEntry<RunCommand> = {
  name: "run",
  describe: "Run a compiled pipeline",
  operands: [{ name: "pipeline", describe: "What the KFP SDK compiled: YAML or JSON", required: true, completes: "pipeline" }],
  options: RUN_OPTIONS,
  missing: "Which pipeline? kfp-runtime run PIPELINE.yaml",
  read: readRun,
};

/** One of the choices, which yargs has checked. */
export function runnerNamed(text: string): RunnerOptions["runner"] {
  return text === "container" || text === "auto" ? text : "host";
}

/** @throws {UsageError} for one that cannot be read. */
export function readCapacity(values: Values): string {
  const text = single(values, "capacity");
  chooseCapacity(text, {});
  return text;
}

function readRun(values: Values): RunCommand {
  const { param, params, "pipeline-root": root, parallelism, "inspect-task": inspectTask } = values;
  return {
    kind: "run",
    pipeline: single(values, "pipeline"),
    params: listOf(param),
    ...(params === undefined ? {} : { paramsFile: readPath(values, "params") }),
    home: readPath(values, "home"),
    ...(root === undefined ? {} : { pipelineRoot: single(values, "pipeline-root") }),
    runners: { runner: runnerNamed(single(values, "runner")), exceptions: listOf(values["runner-for"]) },
    ...(values["secrets"] === undefined ? {} : { secrets: readPath(values, "secrets") }),
    isolation: single(values, "isolation") === "process" ? "process" : "in-process",
    cacheDisabled: values["no-cache"] === true,
    ...(parallelism === undefined ? {} : { parallelism: readCount(single(values, "parallelism")) }),
    ...(values["capacity"] === undefined ? {} : { capacity: readCapacity(values) }),
    inspectTasks: listOf(inspectTask),
    waitMs: readDuration(single(values, "wait"), "wait"),
    output: single(values, "output") === "json" ? "json" : "text",
    fullLogs: values["full-logs"] === true,
    dryRun: values["dry-run"] === true,
    stopWithStdin: values["stop-with-stdin"] === true,
  };
}
