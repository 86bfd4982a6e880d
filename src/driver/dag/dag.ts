/**
 * The DAG driver: sub-pipelines, loops, condition branches.
 *
 * Calls on a fresh run: GetRun, CreateTask, and the input links where there are input artifacts; a DAG that ends at once (condition
 * false, no iterations, no tasks) also rolls up its state.
 *
 * Source: docs/spec/driver-flows.md#dag, #budget, #dag-and-root-drivers-of-later-upstream.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { SpecError } from "../../core/errors.ts";
import { buildExecutorInputs } from "../../core/executor/executor-input.ts";
import type { TaskInit, TaskState } from "../../core/kfp-types.ts";
import { PipelineTaskSpecSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { dagTaskType, dagTypeAttributes, terminalDagState } from "./dag-type.ts";
import { resolveInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { artifactLinks } from "../../tasks/artifact-links.ts";
import { queuePlan, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagationOptions } from "../../tasks/read-run.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { childSpec, existingRow, readChildTask } from "../child-task.ts";
import type { DriverDeps } from "../deps.ts";
import { withEarlyFailureReport } from "../early-failure.ts";
import { withFailureReport, type TaskInProgress } from "../failure-report.ts";
import { recordTask } from "../record-task.ts";
import { runFactsOf } from "../run-facts.ts";
import type { DagOptions } from "../options.ts";
import { republishPreservedChildren } from "./republish.ts";
import type { DriverResult } from "../result.ts";
import { taskDraft } from "../task-draft.ts";
import { evaluateTrigger } from "../trigger.ts";

/**
 * Drives a sub-pipeline, a loop or a branch.
 *
 * @throws {KfpError} By then the failure is recorded with the task, once the run could be read.
 */
export async function driveDag(deps: DriverDeps, options: DagOptions): Promise<DriverResult> {
  const { runId, taskName, iterationIndex } = options;
  const early = {
    ...{ name: taskName, scopePath: "" },
    // What kind of DAG it is stands in the spec; a repeated driver finds the row under any type.
    ...dagTaskType(taskName, create(PipelineTaskSpecSchema)),
    ...dagTypeAttributes({ iterationIndex }),
  };
  const { child, taskSpec, component } = await withEarlyFailureReport(
    deps,
    { runId, parentTaskId: options.parentTaskId, draft: { ...taskDraft(early, options, deps.clock), name: taskName } },
    async () => {
      const read = await readChildTask(deps, options);
      return { child: read, ...childSpec(read.snapshot.spec, read.scopePath) };
    },
  );
  const { snapshot, parent, scopePath } = child;
  const typing = dagTaskType(taskName, taskSpec);
  const identity = { name: taskName, ...typing, scopePath, parentTaskId: parent.taskId };
  const progress: TaskInProgress = {
    draft: taskDraft({ ...identity, ...dagTypeAttributes({ iterationIndex }) }, options, deps.clock),
  };
  return withFailureReport(deps, snapshot, progress, async (work) => {
    if (component.implementation.case !== "dag") {
      throw new SpecError("COMPONENT_KIND_INVALID", `Cannot drive task "${scopePath}" as a DAG: its component is not a DAG`);
    }
    const inputs = await resolveInputs({
      spec: snapshot.spec,
      taskKey: taskName,
      taskSpec,
      component,
      parent,
      tasks: snapshot.tasks,
      reader: snapshot.reader,
      iterationIndex,
      job: runFactsOf(snapshot.run, options),
    });
    const { iterationCount } = inputs;
    const condition = await evaluateTrigger(taskSpec, component, buildExecutorInputs(inputs));
    const terminal = terminalDagState({ component, condition, iterationCount });
    progress.draft = {
      ...progress.draft,
      ...dagTypeAttributes({ iterationIndex, iterationCount }),
      inputs: { parameters: inputs.parameters },
      ...terminalFields(terminal, work),
    };
    const existing = existingRow(child, typing.type, iterationIndex);
    const { task, adopted, batch } = await recordTask(work, runId, progress, existing);
    for (const link of artifactLinks({ runId, taskId: task.taskId }, inputs.artifacts)) batch.queueLink(link);
    queuePlan(batch, inputs.republish);
    await batch.flush();
    await settleInnerLoops({ ...work, batch }, inputs.republish, propagationOptions(snapshot));
    if (terminal !== undefined) {
      await propagateStatus(work, { ...task, state: terminal }, propagationOptions(snapshot));
    } else if (adopted) {
      await republishPreservedChildren(work, { snapshot, task, batch });
    }
    return {
      taskId: task.taskId,
      ...(condition === undefined ? {} : { condition }),
      ...(iterationCount === undefined ? {} : { iterationCount }),
    };
  });
}

function terminalFields(state: TaskState | undefined, { clock }: DriverDeps): TaskInit {
  return state === undefined ? {} : { state, endTime: timestampNow(clock) };
}
