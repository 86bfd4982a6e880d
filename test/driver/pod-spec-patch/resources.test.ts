import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { resourceRequirements, shortestG } from "../../../src/driver/pod-spec-patch/resources.ts";
import { PipelineDeploymentConfig_PipelineContainerSpec_ResourceSpecSchema as ResourceSpecSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";

const ignore = (): void => undefined;
const resolve = (text: string): string => text.replace("{{$.inputs.parameters['pipelinechannel--x']}}", "2");

describe("resourceRequirements()", () => {
  test.for([
    { name: "nothing set", spec: {}, expected: {} },
    {
      name: "texts win over the numbers",
      spec: { resourceCpuLimit: "0.5", cpuLimit: 9, resourceMemoryLimit: "1.5Gi" },
      expected: { limits: { cpu: "500m", memory: "1536Mi" } },
    },
    {
      name: "numbers alone",
      spec: { cpuLimit: 2, memoryLimit: 0.65, cpuRequest: 0.1, memoryRequest: 1.5 },
      expected: { limits: { cpu: "2", memory: "650M" }, requests: { cpu: "100m", memory: "1500M" } },
    },
    {
      name: "numbers that the reference writes with an exponent (K8S-10)",
      spec: { cpuLimit: 1000000, cpuRequest: 0.00002, memoryLimit: 1234567, memoryRequest: 0.00002 },
      expected: { limits: { cpu: "1e+06", memory: "1234567G" }, requests: { cpu: "20e-6", memory: "20k" } },
    },
    {
      name: "a placeholder",
      spec: { resourceCpuRequest: "{{$.inputs.parameters['pipelinechannel--x']}}" },
      expected: { requests: { cpu: "2" } },
    },
    {
      name: "an accelerator",
      spec: { accelerator: { resourceType: "nvidia.com/gpu", resourceCount: "1" } },
      expected: { limits: { "nvidia.com/gpu": "1" } },
    },
    {
      name: "an accelerator in the old fields",
      spec: { accelerator: { type: "nvidia.com/gpu", count: 2n } },
      expected: { limits: { "nvidia.com/gpu": "2" } },
    },
    { name: "an accelerator without a count", spec: { accelerator: { resourceType: "nvidia.com/gpu" } }, expected: {} },
  ])("$name", ({ spec, expected }, { expect }) => {
    expect(resourceRequirements(create(ResourceSpecSchema, spec), resolve, ignore)).toEqual(expected);
  });

  test.for([
    { name: "type", accelerator: { resourceType: "nvidia.com/gpu" } },
    { name: "count", accelerator: { count: 1n } },
  ])("warns of half an accelerator: $name", ({ accelerator }, { expect }) => {
    const warnings: string[] = [];
    expect(
      resourceRequirements(create(ResourceSpecSchema, { accelerator }), resolve, (message) => warnings.push(message)),
    ).toEqual({});
    expect(warnings).toEqual(["An accelerator without type or count is left out"]);
  });

  test("names the quantity that is malformed", ({ expect }) => {
    expect(() => resourceRequirements(create(ResourceSpecSchema, { resourceMemoryLimit: "1gb" }), resolve, ignore)).toThrow(
      'Cannot parse memory limit "1gb" as a quantity',
    );
  });
});

describe("shortestG()", () => {
  test.for([
    [0.65, "0.65"],
    [200, "200"],
    [123456, "123456"],
    [1000000, "1e+06"],
    [1234567, "1.234567e+06"],
    [0.0001, "0.0001"],
    [0.00002, "2e-05"],
  ] as const)("%d prints as %s", ([value, text], { expect }) => {
    expect(shortestG(value)).toBe(text);
  });
});
