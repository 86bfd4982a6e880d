import { describe, test } from "vitest";
import { containerOf, executorOf, importerOf, parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import { resolveScopePath } from "../../../src/core/spec/scope-path.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { readYaml } from "../../../src/core/values/yaml-text.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";

const SPEC: JsonObject = {
  pipelineInfo: { name: "demo" },
  root: { dag: { tasks: { fit: { componentRef: { name: "comp-fit" } } } } },
  components: {
    "comp-fit": { executorLabel: "exec-fit" },
    "comp-import": { executorLabel: "exec-import" },
    "comp-gone": { executorLabel: "toString" },
    "comp-dag": { dag: {} },
    "comp-nothing": {},
  },
  deploymentSpec: {
    executors: {
      "exec-fit": { container: { image: "python:3.11", command: ["sh"] } },
      "exec-import": { importer: { artifactUri: { constant: "s3://b/k" } } },
    },
  },
};

describe("parsePipelineSpec()", () => {
  test("reads a bare spec with its deployment spec", ({ expect }) => {
    const pipeline = parsePipelineSpec(SPEC);
    expect(pipeline.spec.pipelineInfo?.name).toBe("demo");
    expect(Object.keys(pipeline.deployment.executors)).toEqual(["exec-fit", "exec-import"]);
    expect(pipeline).not.toHaveProperty("platformSpec");
    expect(pipeline.unknownFields).toEqual([]);
  });

  test("reads the wrapper by the presence of its key", ({ expect }) => {
    const pipeline = parsePipelineSpec({
      pipeline_spec: SPEC,
      platform_spec: { platforms: { kubernetes: { platform: "k8s" } } },
    });
    expect(pipeline.spec.pipelineInfo?.name).toBe("demo");
    expect(pipeline.platformSpec?.platforms["kubernetes"]?.platform).toBe("k8s");
    expect(parsePipelineSpec({ pipeline_spec: SPEC })).not.toHaveProperty("platformSpec");
    expect(parsePipelineSpec({ pipeline_spec: SPEC, platform_spec: null })).not.toHaveProperty("platformSpec");
  });

  test("names unknown fields everywhere except @type", ({ expect }) => {
    const pipeline = parsePipelineSpec({
      pipeline_spec: {
        ...SPEC,
        newer: 1,
        deploymentSpec: { "@type": "x", executors: { "exec-fit": { "@type": "y", container: { image: "i", gpus: 1 } } } },
      },
      platform_spec: { platforms: { kubernetes: { newer: 1 } } },
    });
    expect(pipeline.unknownFields).toEqual([
      "newer",
      "deploymentSpec.executors.exec-fit.container.gpus",
      "platform_spec.platforms.kubernetes.newer",
    ]);
  });

  test.for([
    { name: "no member", struct: {} },
    { name: "an empty wrapper", struct: { pipeline_spec: {} } },
    { name: "null in the wrapper", struct: { pipeline_spec: null } },
  ])("refuses an empty spec: $name", ({ struct }, { expect }) => {
    expect(() => parsePipelineSpec(struct)).toThrow(
      expect.objectContaining({ code: "SPEC_INVALID", message: "The pipeline spec is empty" }),
    );
  });

  test("refuses wrong types and names the path", ({ expect }) => {
    expect(() => parsePipelineSpec({ root: { dag: { tasks: { t: 5 } } } })).toThrow(
      "Cannot read the pipeline spec: root.dag.tasks.t: expected an object, found a number",
    );
    expect(() => parsePipelineSpec({ pipeline_spec: SPEC, platform_spec: "text" })).toThrow(/platform_spec must be an object/);
    expect(() => parsePipelineSpec({ pipeline_spec: "text" })).toThrow(/pipeline_spec must be an object/);
  });

  test("keeps a malformed deployment spec for those who read it", ({ expect }) => {
    const pipeline = parsePipelineSpec({ ...SPEC, deploymentSpec: { executors: { e: { container: { image: 5 } } } } });
    expect(pipeline.spec.pipelineInfo?.name).toBe("demo");
    expect(() => pipeline.deployment).toThrow(
      expect.objectContaining({
        code: "SPEC_INVALID",
        message:
          "Cannot read the deployment spec of the pipeline: executors.e.container.image: expected a string, found a number",
      }),
    );
  });
});

describe("executorOf(), containerOf(), importerOf()", () => {
  const pipeline = parsePipelineSpec(SPEC);
  const component = (name: string) => {
    const found = pipeline.spec.components[name];
    if (found === undefined) throw new Error(name);
    return found;
  };

  test("find the executor by the component's label", ({ expect }) => {
    expect(executorOf(pipeline, component("comp-fit"), "comp-fit").spec.case).toBe("container");
    expect(containerOf(pipeline, component("comp-fit"), "comp-fit").image).toBe("python:3.11");
    expect(importerOf(pipeline, component("comp-import"), "comp-import").artifactUri?.value.case).toBe("constant");
  });

  test.for([
    { find: executorOf, name: "comp-dag", code: "COMPONENT_KIND_INVALID", message: /"comp-dag" is a DAG/ },
    { find: executorOf, name: "comp-nothing", code: "COMPONENT_KIND_INVALID", message: /has no executor label/ },
    { find: executorOf, name: "comp-gone", code: "COMPONENT_NOT_FOUND", message: /executor "toString"/ },
    {
      find: containerOf,
      name: "comp-import",
      code: "COMPONENT_KIND_INVALID",
      message: /is of kind importer, but a container is needed/,
    },
    {
      find: importerOf,
      name: "comp-fit",
      code: "COMPONENT_KIND_INVALID",
      message: /is of kind container, but an importer is needed/,
    },
  ])("refuse $name with $code", ({ find, name, code, message }, { expect }) => {
    expect(() => find(pipeline, component(name), name)).toThrow(expect.objectContaining({ code }));
    expect(() => find(pipeline, component(name), name)).toThrow(message);
  });
});

describe("compiled conformance pipelines", () => {
  test.for(conformancePipelines())("$name is read without unknown fields, and its tasks resolve", ({ text }, { expect }) => {
    const parsed = readYaml(text);
    expect(parsed).toHaveProperty("documents");
    const documents = ("documents" in parsed ? parsed.documents : []) as JsonObject[];
    const specJson = documents.find((json) => Object.hasOwn(json, "pipelineInfo"));
    const platformJson = documents.find((json) => Object.hasOwn(json, "platforms"));
    const pipeline = parsePipelineSpec(
      platformJson ? { pipeline_spec: specJson ?? null, platform_spec: platformJson } : (specJson ?? {}),
    );
    expect(pipeline.unknownFields).toEqual([]);
    const { root } = pipeline.spec;
    const tasks = root?.implementation.case === "dag" ? root.implementation.value.tasks : {};
    expect(Object.keys(tasks)).not.toEqual([]);
    for (const taskKey of Object.keys(tasks)) {
      const entry = resolveScopePath(pipeline.spec, ["root", taskKey])[1];
      if (entry?.component.implementation.case === "executorLabel") executorOf(pipeline, entry.component, taskKey);
    }
  });
});
