/**
 * The ROOT_DAG driver: creates the root task of a run from the run's parameters.
 *
 * Calls on a fresh run: GetRun, CreateTask.
 *
 * Source: docs/spec/driver-flows.md#root_dag.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import { IoType, TaskType, type TaskInit } from "../../core/kfp-types.ts";
import { parseLenient } from "../../core/protojson/protojson.ts";
import { resolveScopePath } from "../../core/spec/scope-path.ts";
import type { Value } from "../../core/values/value.ts";
import { PipelineJob_RuntimeConfigSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { warnOfUnknownFields } from "../../program/unknown-fields.ts";
import { rootParameters } from "../../resolver/inputs/root-parameters.ts";
import { readRun } from "../../tasks/read-run.ts";
import type { DriverDeps } from "../deps.ts";
import { withEarlyFailureReport } from "../early-failure.ts";
import { withFailureReport, type TaskInProgress } from "../failure-report.ts";
import { recordTask } from "../record-task.ts";
import { runFactsOf } from "../run-facts.ts";
import type { RootDagOptions } from "../options.ts";
import { republishPreservedChildren } from "./republish.ts";
import type { DriverResult } from "../result.ts";
import { taskDraft } from "../task-draft.ts";

const ROOT_NAME = "ROOT";
const ROOT_SCOPE = "root";

/**
 * Makes the root task of a run.
 *
 * @throws {KfpError} By then the failure is recorded with the task, once the run could be read.
 */
export async function driveRootDag(deps: DriverDeps, options: RootDagOptions): Promise<DriverResult> {
  const identity = {
    name: ROOT_NAME,
    displayName: options.runDisplayName,
    type: TaskType.ROOT,
    scopePath: ROOT_SCOPE,
    typeAttributes: {},
  };
  const draft = taskDraft(identity, options, deps.clock);
  const { runtimeConfig, roundedIntegers, snapshot } = await withEarlyFailureReport(
    deps,
    { runId: options.runId, draft: { ...draft, name: ROOT_NAME } },
    async () => {
      const parsed = parseLenient(PipelineJob_RuntimeConfigSchema, options.runtimeConfig, { what: "--runtime_config" });
      warnOfUnknownFields(deps.logger, "--runtime_config", parsed.unknownFields);
      const read = await readRun(deps, { runId: options.runId });
      return { runtimeConfig: parsed.message, roundedIntegers: parsed.roundedIntegers, snapshot: read };
    },
  );
  const progress: TaskInProgress = { draft };
  return withFailureReport(deps, snapshot, progress, async (work) => {
    const root = resolveScopePath(snapshot.spec, [ROOT_SCOPE])[0];
    if (root?.component.implementation.case !== "dag") {
      throw new SpecError("COMPONENT_KIND_INVALID", "The root component of the pipeline must be a DAG");
    }
    const parameters = rootParameters({
      spec: snapshot.spec,
      values: runtimeConfig.parameterValues,
      roundedIntegers: roundedIntegers.map((path) => path.slice(1)),
      job: runFactsOf(snapshot.run, options),
    });
    progress.draft = { ...progress.draft, inputs: rootInputs(parameters) };
    const existing = snapshot.tasks.all().find((task) => task.type === TaskType.ROOT && task.scopePath === ROOT_SCOPE);
    const { task, adopted, batch } = await recordTask(work, options.runId, progress, existing);
    if (adopted) await republishPreservedChildren(work, { snapshot, task, batch });
    return { taskId: task.taskId };
  });
}

/** One entry per parameter of the runtime config; a JSON null stays a null value. */
function rootInputs(parameters: readonly (readonly [string, Value])[]): TaskInit["inputs"] {
  return {
    parameters: parameters.map(([parameterKey, value]) => ({
      parameterKey,
      value,
      type: IoType.RUNTIME_VALUE_INPUT,
      producer: { taskName: ROOT_NAME },
    })),
  };
}
