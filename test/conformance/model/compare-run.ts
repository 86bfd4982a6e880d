/**
 * A simulated run beside the run that the model predicts.
 *
 * @module
 */
import { valueToJson, type JsonValue } from "../../../src/core/values/value.ts";
import { readCompiledPipeline } from "../../support/pipeline-model.ts";
import type { ConformanceFile } from "../pipelines.ts";
import type { Simulation } from "../simulate.ts";
import { labelsOf, observedRows, predicted, type ComparedRow } from "./observed-rows.ts";
import { modelRun } from "./run-model.ts";

export interface ComparedRun {
  readonly outcome: string;
  readonly rows: Readonly<Record<string, ComparedRow>>;
}

/** The run as it was, and as the pipeline's YAML alone says it has to be. */
export function compareRun(
  file: ConformanceFile,
  { tasks, parameters, runId, outcome }: Simulation,
): { readonly observed: ComparedRun; readonly expected: ComparedRun } {
  const rows = labelsOf(tasks);
  const model = modelRun(readCompiledPipeline(file.text), {
    parameters,
    facts: {
      ...{ pipeline_job_name: "Demo", pipeline_job_resource_name: "demo-run", pipeline_job_uuid: runId },
      workspace_path: "/kfp-workspace",
    },
    taskId: (label) => rows.get(label)?.taskId,
    clusterOutput(label, key): JsonValue | undefined {
      const value = rows.get(label)?.outputs?.parameters.find(({ parameterKey }) => parameterKey === key)?.value;
      return value === undefined ? undefined : valueToJson(value);
    },
  });
  const idOf = (artifact: string): string => {
    const at = artifact.lastIndexOf(":");
    const entries = rows.get(artifact.slice(0, at))?.outputs?.artifacts ?? [];
    const entry = entries.find(({ artifactKey }) => artifactKey === artifact.slice(at + 1));
    return entry?.artifacts[0]?.artifactId ?? `nobody made ${artifact}`;
  };
  return {
    observed: { outcome, rows: observedRows(tasks) },
    expected: {
      outcome: model.get("ROOT")?.state === "FAILED" ? "failed" : "succeeded",
      rows: Object.fromEntries([...model].map(([label, row]) => [label, predicted(row, idOf)])),
    },
  };
}
