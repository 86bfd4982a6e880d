/**
 * The stages of an attempt at a container task, and what the message of a failure begins with in each.
 *
 * Source: docs/spec/launcher-flow.md#failure-table.
 *
 * @module
 */
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { StageRunner } from "../../program/stage.ts";
import type { Attempt } from "../attempt.ts";
import type { LauncherDeps } from "../deps.ts";
import type { ExecutorLog } from "../log/executor-logs.ts";
import type { ContainerOptions } from "../options.ts";
import type { Stores } from "../stores.ts";

const EXECUTE = "failed to execute component";

/** Stages in their order, with the words of their failures; where they are empty, the error stands alone. */
export const STAGES = {
  "read the executor input": "",
  "collect certificates": "",
  "prepare output folders": "failed to prepare output folders",
  "open stores": "",
  "check stores": EXECUTE,
  "resolve placeholders": `${EXECUTE}: failed to get placeholders`,
  "download inputs": EXECUTE,
  "run the command": EXECUTE,
  "collect outputs": EXECUTE,
  "upload outputs": EXECUTE,
  "store artifacts": `${EXECUTE}: failed to flush artifacts before propagation`,
  "propagate outputs": `${EXECUTE}: failed to propagate outputs`,
} as const;

/** Name of a stage. */
export type Stage = keyof typeof STAGES;

/** How far an attempt got, for whoever cleans up after it. */
export interface Progress {
  executorInput?: ExecutorInput;
  /** Present from the moment the command is started until the log is on its way with the other outputs. */
  unpublishedLog?: ExecutorLog;
  /** Present while the command runs and until its outputs are uploaded: what a failure in between would leave behind. */
  unpublishedOutputs?: UnpublishedOutputs;
}

/** Outputs of a program that was started. */
export interface UnpublishedOutputs {
  readonly executorInput: ExecutorInput;
  /** Transfers that were made already (outputs/upload-outputs.ts). */
  readonly uploaded: Set<string>;
}

/** What the stages of one attempt work with. */
export interface StageContext {
  readonly deps: LauncherDeps & { readonly stores: Stores };
  readonly attempt: Attempt;
  readonly options: ContainerOptions;
  readonly progress: Progress;
  readonly stage: StageRunner<Stage>;
}
