/**
 * Command line of `kfp-runtime` to what was asked for. The only module that loads yargs.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";

/** `kfp-runtime run`, read and checked as far as the command line alone goes. */
export interface RunCommand {
  readonly kind: "run";
  readonly pipeline: string;
  /** `name=value`, in the order given. */
  readonly params: readonly string[];
  readonly paramsFile?: string;
  readonly home: string;
  readonly pipelineRoot?: string;
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  readonly parallelism?: number;
  /** Tasks whose driver and launcher wait for a debugger. */
  readonly inspectTasks: readonly string[];
  readonly output: "text" | "json";
  /** Also the lines the SDK's executor prints in every Python step. */
  readonly fullLogs: boolean;
  readonly dryRun: boolean;
}

/** `kfp-runtime home`. */
export interface HomeCommand {
  readonly kind: "home";
  readonly action: "show" | "clear";
  readonly home: string;
}

/** What a command line asks for. */
export type Command = RunCommand | HomeCommand | { readonly kind: "help"; readonly text: string } | { readonly kind: "version" };

/** Where runs are kept unless `--home` says otherwise, below the working folder. */
export const DEFAULT_HOME = ".kfp-runtime";

const RUN_OPTIONS = {
  param: {
    type: "string",
    requiresArg: true,
    describe: "Parameter of the pipeline, name=value; repeatable. STRING as it is, other types as JSON",
  },
  params: { type: "string", requiresArg: true, describe: "JSON or YAML file with a map of parameters; --param wins" },
  home: {
    type: "string",
    requiresArg: true,
    default: DEFAULT_HOME,
    describe: "Folder for state, database and artifacts",
  },
  "pipeline-root": {
    type: "string",
    requiresArg: true,
    describe: "Where artifacts go: an absolute path, minio://... or s3://... (default: a folder in the home)",
  },
  isolation: {
    choices: ["in-process", "process"],
    default: "in-process",
    describe: "Run driver and launcher in this process, or start their programs",
  },
  "no-cache": { type: "boolean", default: false, describe: "Take no outputs from earlier runs" },
  parallelism: { type: "string", requiresArg: true, describe: "Steps at the same time (default: by the number of processors)" },
  "inspect-task": {
    type: "string",
    requiresArg: true,
    describe: "Let driver and launcher of this task wait for a debugger at 127.0.0.1:9229; repeatable",
  },
  output: { choices: ["text", "json"], default: "text", describe: "What the result is printed as" },
  "full-logs": {
    type: "boolean",
    default: false,
    describe: "Show all that steps print: also the executor input that the SDK prints in every Python step",
  },
  "dry-run": { type: "boolean", default: false, describe: "Check everything and print the plan" },
} as const;

const HOME_OPTIONS = { home: RUN_OPTIONS.home } as const;
const COMMON_OPTIONS = ["help", "version"];
const COMMON_WORDS = new Set(["--help", "-h", "--version"]);
const COMMANDS = { run: RUN_OPTIONS, home: HOME_OPTIONS };

/**
 * @param argv Without program name.
 * @param columns Width of the help text.
 * @throws {UsageError} USAGE_INVALID naming what cannot be understood, with a suggestion where one is close.
 */
export async function parseCommandLine(argv: readonly string[], columns: number): Promise<Command> {
  const { default: yargs } = await import("yargs");
  let command: Command | undefined;
  const parser = yargs()
    .scriptName("kfp-runtime")
    .usage("$0 COMMAND [options]\n\nRuns compiled Kubeflow pipelines on this machine, with the real driver and launcher.")
    .parserConfiguration({
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .command(
      "run <pipeline>",
      "Run a compiled pipeline",
      (builder) =>
        builder
          .positional("pipeline", { type: "string", demandOption: true, describe: "What the KFP SDK compiled: YAML or JSON" })
          .options(RUN_OPTIONS),
      (values) => {
        command = runCommand(values);
      },
    )
    .command(
      "home [action]",
      "Show what the home folder uses, or clear it",
      (builder) => builder.positional("action", { choices: ["show", "clear"], default: "show" }).options(HOME_OPTIONS),
      (values) => {
        const { action } = values;
        command = { kind: "home", action: action === "clear" ? "clear" : "show", home: single(values, "home") };
      },
    )
    .demandCommand(1, "Which command? Try kfp-runtime --help")
    .help()
    .alias("help", "h")
    .version(false)
    .option("version", { type: "boolean", describe: "Show the version" })
    .exitProcess(false)
    .wrap(Math.max(60, Math.min(columns, 120)))
    .fail((message, error) => {
      throw error instanceof UsageError ? error : new UsageError("USAGE_INVALID", oneLine(message ?? String(error)));
    });
  if (argv.length === 0) return { kind: "help", text: `${await parser.getHelp()}\n` };
  assertKnownOptions(argv);
  if (argv.includes("--version")) return { kind: "version" };
  assertKnownCommand(argv);
  let help = "";
  await parser.parseAsync([...argv], {}, (error: unknown, _values: unknown, output: string) => {
    if (error !== undefined && error !== null) throw error;
    help = output;
  });
  if (help !== "") return { kind: "help", text: `${help}\n` };
  if (command === undefined) throw new UsageError("USAGE_INVALID", "Which command? Try kfp-runtime --help");
  return command;
}

type Values = Readonly<Record<string, unknown>>;

function runCommand(values: Values): RunCommand {
  const { param, params, "pipeline-root": root, parallelism, "inspect-task": inspectTask } = values;
  return {
    kind: "run",
    pipeline: single(values, "pipeline"),
    params: list(param),
    ...(params === undefined ? {} : { paramsFile: single(values, "params") }),
    home: single(values, "home"),
    ...(root === undefined ? {} : { pipelineRoot: single(values, "pipeline-root") }),
    isolation: single(values, "isolation") === "process" ? "process" : "in-process",
    cacheDisabled: values["no-cache"] === true,
    ...(parallelism === undefined ? {} : { parallelism: readCount(single(values, "parallelism")) }),
    inspectTasks: list(inspectTask),
    output: single(values, "output") === "json" ? "json" : "text",
    fullLogs: values["full-logs"] === true,
    dryRun: values["dry-run"] === true,
  };
}

function list(value: unknown): string[] {
  return value === undefined ? [] : ([value].flat() as string[]);
}

function single(values: Values, name: string): string {
  const value = values[name];
  if (Array.isArray(value)) throw new UsageError("USAGE_INVALID", `Option --${name} is given more than once`);
  return String(value);
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError("USAGE_INVALID", `Cannot read option --parallelism: "${text}" is not a whole number from 1`);
}

/** Words that are neither option nor value: a command, and what it takes. */
function assertKnownCommand(argv: readonly string[]): void {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  const operands = words.filter((word, index) => !word.startsWith("-") && !isValue(words, index));
  if (words.some((word) => COMMON_WORDS.has(word))) return;
  const [name, operand, extra] = operands;
  const refuse = (text: string): UsageError => new UsageError("USAGE_INVALID", text);
  if (name === undefined) throw refuse("Which command? Try kfp-runtime --help");
  if (!Object.hasOwn(COMMANDS, name)) {
    const nearest = Object.keys(COMMANDS).find((candidate) => distance(candidate, name) <= 2);
    throw refuse(`Unknown command "${name}": ${nearest === undefined ? "try kfp-runtime --help" : `did you mean ${nearest}?`}`);
  }
  if (name === "run" && operand === undefined && end < 0) throw refuse("Which pipeline? kfp-runtime run PIPELINE.yaml");
  if (name === "home" && operand !== undefined && operand !== "show" && operand !== "clear") {
    throw refuse(`Unknown action "${operand}" of kfp-runtime home: there are show and clear`);
  }
  if (extra !== undefined) throw refuse(`Too many words for kfp-runtime ${name}: "${extra}"; values begin with their option`);
}

/** yargs only suggests commands; a mistyped option deserves as much. */
function assertKnownOptions(argv: readonly string[]): void {
  const end = argv.indexOf("--");
  const known = [...new Set([...Object.keys(argv[0] === "home" ? HOME_OPTIONS : RUN_OPTIONS), ...COMMON_OPTIONS])];
  const words = end < 0 ? argv : argv.slice(0, end);
  for (const [index, word] of words.entries()) {
    if (!word.startsWith("-") || word === "-" || isValue(words, index)) continue;
    const name = word.replace(/^--?/, "").replace(/=.*$/s, "");
    if (known.includes(name) || word === "-h") continue;
    const [nearest] = known.filter((candidate) => distance(candidate, name) <= 2 || candidate.startsWith(name));
    const suggestion = nearest === undefined ? "try kfp-runtime --help" : `did you mean --${nearest}?`;
    throw new UsageError("USAGE_INVALID", `Unknown option ${word.replace(/=.*$/s, "")}: ${suggestion}`);
  }
}

/** Whether a word is the value of the option before it. */
function isValue(words: readonly string[], index: number): boolean {
  const previous = words[index - 1] ?? "";
  if (!previous.startsWith("--") || previous.includes("=")) return false;
  const option = (RUN_OPTIONS as Record<string, { readonly type?: string }>)[previous.slice(2)];
  return option !== undefined && option.type !== "boolean";
}

/** Insertions, deletions and replacements between two words. */
function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(left).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(right).entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}

/** In our words where yargs' own take several lines. */
function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, " ");
  const choice = /^Invalid values: Argument: (.*), Given: (.*), Choices: (.*)$/.exec(line);
  return choice === null ? line : `Option --${choice[1]} cannot be ${choice[2]}: it is one of ${choice[3]}`;
}
