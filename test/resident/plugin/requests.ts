/** Requests as Argo's agent makes them (docs/spec/resident-driver.md#request-body). @module */
import type { JsonObject } from "../../../src/core/values/value.ts";
import { readExecuteRequest, type ExecuteRequest } from "../../../src/resident/plugin/execute-request.ts";

export function executeArgs(
  taskName: string,
  plugin: JsonObject = { "kfp-runtime-driver": { v: 1, type: "CONTAINER" } },
): JsonObject {
  return {
    workflow: { metadata: { name: "my-run", namespace: "team-a", uid: "5f0c" } },
    template: {
      name: "system-container-driver",
      inputs: { parameters: [{ name: "task-name", value: taskName }] },
      outputs: { parameters: [{ name: "condition", valueFrom: { supplied: {}, default: "true" } }] },
      metadata: {},
      plugin,
    },
  };
}

export function executeRequest(taskName: string): ExecuteRequest {
  const read = readExecuteRequest(executeArgs(taskName));
  if (read.kind !== "ours") throw new Error(JSON.stringify(read));
  return read.request;
}
