/**
 * `kfp-runtime resume` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry } from "../command-entry.ts";
import type { RunnerOptions } from "../../local/executors/runners.ts";
import { listOf, readCount, readDuration, readPath, single } from "../option-values.ts";
import { HISTORY_OPTIONS, optional, readHistoryOptions, RUN_OPERAND, type HistoryCommand } from "./history/common.ts";
import {
  CAPACITY_OPTION,
  readCapacity,
  RUNNER_FOR_OPTION,
  RUNNER_OPTION,
  runnerNamed,
  SECRETS_OPTION,
  WAIT_OPTION,
} from "./run.ts";

/** `kfp-runtime resume`. What is absent is as it was. */
export interface ResumeCommand extends HistoryCommand {
  readonly kind: "resume";
  readonly run: string;
  readonly isolation?: "in-process" | "process";
  readonly parallelism?: number;
  /** As `chooseCapacity` takes it. */
  readonly capacity?: string;
  readonly secrets?: string;
  readonly runner?: RunnerOptions["runner"];
  /** `TASK=RUNNER`; without any as before. */
  readonly runnersFor: readonly string[];
  /** Milliseconds to wait for a home that is in use. */
  readonly waitMs: number;
  readonly fullLogs: boolean;
}

/** `kfp-runtime resume` on the command line. */
export const resumeEntry: CommandEntry<ResumeCommand> = {
  name: "resume",
  describe: "Execute a failed run again from its failed steps; what has succeeded stays",
  operands: [RUN_OPERAND],
  options: {
    ...HISTORY_OPTIONS,
    isolation: {
      choices: ["in-process", "process"],
      describe: "Run driver and launcher in this process, or start their programs (default: as before)",
    },
    parallelism: { type: "string", requiresArg: true, describe: "Steps at the same time (default: as before)" },
    capacity: { ...CAPACITY_OPTION, describe: `${CAPACITY_OPTION.describe} (default: as before)` },
    secrets: { ...SECRETS_OPTION, describe: `${SECRETS_OPTION.describe} (default: as before)` },
    runner: { ...RUNNER_OPTION, describe: `${RUNNER_OPTION.describe} (default: as before)` },
    "runner-for": { ...RUNNER_FOR_OPTION, describe: `${RUNNER_FOR_OPTION.describe} (default: as before)` },
    wait: WAIT_OPTION,
    "full-logs": {
      type: "boolean",
      default: false,
      describe: "Show all that steps print: also the executor input that the SDK prints in every Python step",
    },
  },
  missing: "Which run? kfp-runtime resume RUN, and RUN may be last",
  read: (values) => {
    const [isolation, parallelism, secrets, runner] = ["isolation", "parallelism", "secrets", "runner"].map((name) =>
      optional(values, name),
    );
    return {
      kind: "resume",
      ...readHistoryOptions(values),
      run: single(values, "run"),
      ...(isolation === "process" || isolation === "in-process" ? { isolation } : {}),
      ...(parallelism === undefined ? {} : { parallelism: readCount(parallelism) }),
      ...(values["capacity"] === undefined ? {} : { capacity: readCapacity(values) }),
      ...(secrets === undefined ? {} : { secrets: readPath(values, "secrets") }),
      ...(runner === undefined ? {} : { runner: runnerNamed(runner) }),
      runnersFor: listOf(values["runner-for"]),
      waitMs: readDuration(single(values, "wait"), "wait"),
      fullLogs: values["full-logs"] === true,
    };
  },
};
