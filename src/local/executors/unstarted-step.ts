/**
 * Records the failure of a step that cannot even be started: no launcher will do it.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import type { PipelineSpec } from "../../core/kfp-types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import { reportFailure } from "../../tasks/report-failure.ts";
import { WHOLE_RUN_LIMIT } from "../../tasks/read-run.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import type { StepRuntime } from "../steps/step-runtime.ts";
import type { LaunchRequest } from "../engine/task-executor.ts";

/** What recording a failure takes. */
export interface UnstartedStepDeps {
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Whose steps they are. */
export interface UnstartedStepOptions {
  readonly runId: string;
  readonly spec: PipelineSpec;
  readonly steps: StepRuntime;
}

/** The same runtime, whose failed preparations end up in the task's row and in its ancestors. */
export function failUnstartedStep(deps: UnstartedStepDeps, { runId, spec, steps }: UnstartedStepOptions): StepRuntime {
  return {
    ...steps,
    async prepare(request) {
      const recording = async <Result>(work: () => Promise<Result>): Promise<Result> => {
        try {
          return await work();
        } catch (error) {
          await record(deps, { runId, spec, request, message: errorMessage(error) });
          throw error;
        }
      };
      const step = await recording(() => steps.prepare(request));
      const { assertBegun } = step;
      if (assertBegun === undefined) return step;
      return { ...step, assertBegun: (exitCode) => recording(() => assertBegun(exitCode)) };
    },
  };
}

interface FailedStart {
  readonly runId: string;
  readonly spec: PipelineSpec;
  readonly request: LaunchRequest;
  readonly message: string;
}

async function record(deps: UnstartedStepDeps, { runId, spec, request, message }: FailedStart): Promise<void> {
  const { command } = request.patch.containers[0];
  const taskId = command[command.indexOf("--task_id") + 1] ?? "";
  try {
    const row = await reportFailure(deps, { runId, draft: {}, taskId, message });
    const { taskCount } = await deps.api.getRun(runId, "DEFAULT");
    await propagateStatus(deps, row, { runId, spec, isLargeRun: taskCount > WHOLE_RUN_LIMIT });
  } catch (error) {
    deps.logger.warn("The failure is not recorded with the task", { taskId, reason: errorMessage(error) });
  }
}
