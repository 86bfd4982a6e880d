import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { apiPackageName, serviceDefinition } from "../../src/wire/grpc-definition.ts";
import {
  GetTaskRequestSchema,
  PipelineTaskSchema,
  RunService,
} from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

describe("serviceDefinition()", () => {
  test.for(["v2beta1", "v2"] as const)("puts every method under the package %s", (apiPackage, { expect }) => {
    const definition = serviceDefinition(RunService, apiPackageName(apiPackage));
    expect(Object.keys(definition)).toEqual(RunService.methods.map((method) => method.localName));
    expect(definition.updateTasksBulk.path).toBe(`/kubeflow.pipelines.backend.api.${apiPackage}.RunService/UpdateTasksBulk`);
  });

  test("encodes and decodes the method's own messages", ({ expect }) => {
    const { getTask } = serviceDefinition(RunService, "p");
    const request = create(GetTaskRequestSchema, { runId: "r", taskId: "t" });
    expect(getTask.requestDeserialize(getTask.requestSerialize(request))).toEqual(request);
    const task = create(PipelineTaskSchema, { name: "n", parentTaskId: "" });
    expect(getTask.responseDeserialize(getTask.responseSerialize(task))).toEqual(task);
  });

  test("lets hooks see and replace the bytes on both ways", ({ expect }) => {
    const seen: string[] = [];
    const { getTask } = serviceDefinition(RunService, "p", {
      sent: (typeName, bytes, method) => {
        seen.push(`sent ${typeName.split(".").at(-1)} ${method}`);
        return bytes.toReversed();
      },
      received: (typeName, bytes, method) => {
        seen.push(`received ${typeName.split(".").at(-1)} ${method}`);
        return bytes.toReversed();
      },
    });
    const request = create(GetTaskRequestSchema, { runId: "r" });
    expect(getTask.requestDeserialize(getTask.requestSerialize(request))).toEqual(request);
    expect(seen).toEqual(["sent GetTaskRequest GetTask", "received GetTaskRequest GetTask"]);
  });
});
