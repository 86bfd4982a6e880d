import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { KubernetesExecutorConfigSchema } from "../../../src/gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { checkFeatures, type FeatureReport } from "../../../src/local/pipeline/feature-check.ts";
import { KUBERNETES_FEATURES, LANGUAGE_FEATURES, PLATFORM_FEATURES, type Feature } from "../../../src/local/pipeline/features.ts";
import { loadPipelineFile } from "../../../src/local/pipeline/pipeline-file.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";

describe("the tables of docs/local.md", () => {
  test("are those of the code, row by row", ({ expect }) => {
    const text = readFileSync(join(import.meta.dirname, "../../../docs/local.md"), "utf8");
    const rows = [...text.matchAll(/^\| (.+?) +\| (supported|warning|error) +\| (.+?) +\|$/gm)].map(
      ([, name = "", treatment, note = ""]): Feature => ({
        name: name.trim(),
        treatment: treatment as "error",
        note: note.trim(),
      }),
    );
    expect(rows).toEqual([LANGUAGE_FEATURES, PLATFORM_FEATURES, KUBERNETES_FEATURES].flatMap((table) => Object.values(table)));
  });

  test("treat every member of the Kubernetes executor config", ({ expect }) => {
    const members = KubernetesExecutorConfigSchema.fields.map(({ jsonName }) => jsonName);
    expect(Object.keys(KUBERNETES_FEATURES).toSorted()).toEqual(members.toSorted());
  });
});

interface Parts {
  readonly container?: JsonObject;
  readonly executor?: JsonObject;
  readonly kubernetes?: JsonObject;
  readonly pipelineConfig?: JsonObject;
  readonly component?: JsonObject;
  readonly spec?: JsonObject;
  readonly root?: string;
}

async function check({ container, executor, kubernetes, pipelineConfig, component, spec, root }: Parts): Promise<FeatureReport> {
  const pipeline = {
    pipelineInfo: { name: "p" },
    schemaVersion: "2.1.0",
    root: { dag: { tasks: { a: { componentRef: { name: "comp-a" } }, b: { componentRef: { name: "comp-a" } } } } },
    components: { "comp-a": { executorLabel: "exec-a", ...component } },
    deploymentSpec: { executors: { "exec-a": executor ?? { container: { image: "x", command: ["true"], ...container } } } },
    ...spec,
  };
  const platform = { deploymentSpec: { executors: kubernetes === undefined ? {} : { "exec-a": kubernetes } }, pipelineConfig };
  const source = { pipeline_spec: pipeline, platform_spec: { platforms: { kubernetes: platform } } };
  const files = { readText: () => Promise.resolve(JSON.stringify(source)) };
  return checkFeatures(await loadPipelineFile(files, "p.yaml"), root);
}

const IMAGE = "the images of steps are not used: their commands run on this machine";

describe("checkFeatures()", () => {
  test("says once that images are not used, and nothing else about a plain pipeline", async () => {
    expect(await check({})).toEqual({
      errors: [],
      warnings: [IMAGE],
      features: [],
      kubernetesConfigs: new Map(),
      mountPaths: [],
    });
  });

  test.for<{ name: string; parts: Parts; line: RegExp }>([
    {
      name: "resources",
      parts: { container: { resources: { cpuLimit: 1 } } },
      line: /^resource requests.* \(tasks a, b\) has no effect/,
    },
    {
      name: "node selector",
      parts: { kubernetes: { nodeSelector: { labels: { a: "b" } } } },
      line: /^nodeSelector \(tasks a, b\)/,
    },
    { name: "proto names", parts: { kubernetes: { image_pull_policy: "Always" } }, line: /^imagePullPolicy / },
    {
      name: "pipeline root of the spec",
      parts: { spec: { defaultPipelineRoot: "gs://b" } },
      line: /^defaultPipelineRoot has no effect/,
    },
    { name: "time to live", parts: { pipelineConfig: { resourceTtlOnCompletion: 5 } }, line: /^pipelineConfig: resourceTtl/ },
    {
      name: "an unknown member",
      parts: { spec: { future: 1 } },
      line: /^members this version does not know: future has no effect/,
    },
    { name: "an unknown Kubernetes setting", parts: { kubernetes: { future: { a: 1 } } }, line: /know: future \(tasks a, b\)/ },
  ])("warns in one line: $name", async ({ parts, line }) => {
    const { errors, warnings, kubernetesConfigs } = await check(parts);
    expect(errors).toEqual([]);
    expect(warnings).toEqual([IMAGE, expect.stringMatching(line)]);
    expect(kubernetesConfigs.size).toBe(0);
  });

  test.for<{ name: string; parts: Parts; line: RegExp }>([
    {
      name: "init containers",
      parts: { kubernetes: { initContainers: [{ name: "i", image: "x" }] } },
      line: /^initContainers \(tasks a, b\) is not supported/,
    },
    { name: "the image's own entry point", parts: { container: { command: [] } }, line: /^containers without command/ },
    {
      name: "an import from another store",
      parts: {
        executor: { importer: { artifactUri: { constant: "oci://b/x" }, typeSchema: { schemaTitle: "system.Dataset" } } },
        component: { outputDefinitions: { artifacts: { artifact: { artifactType: { schemaTitle: "system.Dataset" } } } } },
      },
      line: /import of oci:\/\/b\/x \(tasks a, b\) is not supported/,
    },
    { name: "a root in another store", parts: { root: "mem://b" }, line: /pipeline root mem:\/\/b is not supported/ },
    { name: "a resolver", parts: { executor: { resolver: {} } }, line: /^resolver and custom job/ },
  ])("refuses in one line: $name", async ({ parts, line }) => {
    expect((await check(parts)).errors).toEqual([expect.stringMatching(line)]);
  });

  test.for<{ name: string; parts: Parts; kept: JsonObject | undefined; paths: string[] }>([
    {
      name: "volumes, in either spelling",
      parts: { kubernetes: { pvc_mount: [{ constant: "c", mountPath: "/x" }], emptyDirMounts: [{ mountPath: "/y" }] } },
      kept: { pvc_mount: [{ constant: "c", mountPath: "/x" }], emptyDirMounts: [{ mountPath: "/y" }] },
      paths: ["/x", "/y"],
    },
    {
      name: "variables",
      parts: {
        kubernetes: { secretAsEnv: [{ secretName: "s", optional: true }], fieldPathAsEnv: [{ name: "A", fieldPath: "x" }] },
      },
      kept: { secretAsEnv: [{ secretName: "s", optional: true }], fieldPathAsEnv: [{ name: "A", fieldPath: "x" }] },
      paths: [],
    },
    {
      name: "a deadline",
      parts: { kubernetes: { activeDeadlineSeconds: "5" } },
      kept: { activeDeadlineSeconds: "5" },
      paths: [],
    },
    {
      name: "the workspace",
      parts: { pipelineConfig: { workspace: { size: "1Gi" } }, container: { args: ["{{$.workspace_path}}"] } },
      kept: undefined,
      paths: ["/kfp-workspace"],
    },
    {
      name: "task config",
      parts: { component: { taskConfigPassthroughs: [{ field: "ENV" }] } },
      kept: undefined,
      paths: [],
    },
    {
      name: "what the step is handed as its task config",
      parts: {
        component: {
          taskConfigPassthroughs: [
            { field: "RESOURCES" },
            { field: "KUBERNETES_NODE_SELECTOR" },
            { field: "KUBERNETES_TOLERATIONS", applyToTask: true },
            { field: "KUBERNETES_AFFINITY" },
          ],
        },
        container: { resources: { cpuLimit: 1 } },
        kubernetes: {
          nodeSelector: { labels: { disk: "ssd" } },
          tolerations: [{ key: "gpu" }],
          node_affinity: [{ weight: 1 }],
          podAffinity: [{ topologyKey: "zone" }],
        },
      },
      kept: {
        nodeSelector: { labels: { disk: "ssd" } },
        tolerations: [{ key: "gpu" }],
        node_affinity: [{ weight: 1 }],
        podAffinity: [{ topologyKey: "zone" }],
      },
      paths: [],
    },
  ])("hands on: $name", async ({ parts, kept, paths }) => {
    const { errors, warnings, kubernetesConfigs, mountPaths } = await check(parts);
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [IMAGE] });
    const config = kubernetesConfigs.get("exec-a");
    expect(config === undefined ? undefined : JSON.parse(config)).toEqual(kept);
    expect(mountPaths).toEqual(paths);
  });

  test("runs volume tasks, which have no image", async () => {
    const report = await check({ container: { image: "argostub/createpvc", command: [] } });
    expect(report).toMatchObject({ errors: [], warnings: [] });
  });

  test("says of every Kubernetes setting of the conformance pipelines what becomes of it", async () => {
    for (const { name, text } of conformancePipelines()) {
      const pipeline = await loadPipelineFile({ readText: () => Promise.resolve(text) }, name);
      const { errors, warnings, kubernetesConfigs } = checkFeatures(pipeline);
      const lines = [...errors, ...warnings];
      for (const line of lines) expect(line).not.toContain("\n");
      const configs = pipeline.parsed.platformSpec?.platforms["kubernetes"]?.deploymentSpec?.executors ?? {};
      for (const [label, config] of Object.entries(configs)) {
        const kept = JSON.parse(kubernetesConfigs.get(label) ?? "{}") as JsonObject;
        for (const [member, value] of Object.entries(config)) {
          if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) continue;
          const isNamed = lines.some((line) => line.startsWith(member));
          expect(Object.hasOwn(kept, member) !== isNamed, `${name}: ${label}.${member}`).toBe(true);
        }
      }
    }
  });
});

describe("imports from stores without client", () => {
  const URI = "oci://registry/model:1";
  const MODEL = { schemaTitle: "system.Model" };
  const text = { parameterType: "STRING" };
  const importer = {
    executorLabel: "exec-bring",
    inputDefinitions: { parameters: { uri: text } },
    outputDefinitions: { artifacts: { artifact: { artifactType: MODEL } } },
  };
  interface Source {
    /** Input `uri` of the importer's task. */
    readonly uri?: JsonObject;
    readonly others?: JsonObject;
    /** Parameters of the pipeline. */
    readonly parameters?: JsonObject;
    /** Of the task `sub` that the importer stands in. */
    readonly sub?: JsonObject;
    readonly subInputs?: JsonObject;
    readonly subIterator?: JsonObject;
    readonly given?: JsonObject;
    readonly uriDefault?: string;
  }

  async function refusals({ uri, others, parameters = {}, sub, subInputs = {}, subIterator, given = {}, uriDefault }: Source) {
    const bring = {
      componentRef: { name: "comp-bring" },
      inputs: { parameters: { ...others, ...(uri === undefined ? {} : { uri }) } },
    };
    const isNested = sub !== undefined || subIterator !== undefined;
    const component = { inputDefinitions: { parameters: subInputs }, dag: { tasks: { bring } } };
    const nested = { sub: { componentRef: { name: "comp-sub" }, inputs: { parameters: sub ?? {} }, ...subIterator } };
    const source = {
      pipelineInfo: { name: "p" },
      schemaVersion: "2.1.0",
      root: { inputDefinitions: { parameters }, dag: { tasks: isNested ? nested : { bring } } },
      components: {
        ...(isNested ? { "comp-sub": component } : {}),
        "comp-bring":
          uriDefault === undefined
            ? importer
            : { ...importer, inputDefinitions: { parameters: { uri: { ...text, defaultValue: uriDefault } } } },
      },
      deploymentSpec: {
        executors: { "exec-bring": { importer: { artifactUri: { runtimeParameter: "uri" }, typeSchema: MODEL } } },
      },
    };
    const pipeline = await loadPipelineFile({ readText: () => Promise.resolve(JSON.stringify(source)) }, "p.yaml");
    return checkFeatures(pipeline, undefined, given).errors;
  }

  const fromRoot = { componentInputParameter: "model" };
  const item = { itemInput: "item" };
  test.for<{ name: string; source: Source }>([
    { name: "a constant", source: { uri: { runtimeValue: { constant: URI } } } },
    { name: "a default of the component", source: { uriDefault: URI } },
    { name: "a default of the pipeline", source: { uri: fromRoot, parameters: { model: { ...text, defaultValue: URI } } } },
    { name: "a parameter of the run", source: { uri: fromRoot, parameters: { model: text }, given: { model: URI } } },
    {
      name: "a channel in a constant",
      source: {
        uri: { runtimeValue: { constant: "{{$.inputs.parameters['pipelinechannel--model']}}" } },
        others: { "pipelinechannel--model": fromRoot },
        parameters: { model: { ...text, defaultValue: URI } },
      },
    },
    {
      name: "a constant that goes on with a channel",
      source: {
        uri: { runtimeValue: { constant: "oci://r/{{$.inputs.parameters['pipelinechannel--model']}}" } },
        others: { "pipelinechannel--model": fromRoot },
        parameters: { model: { ...text, defaultValue: "m" } },
      },
    },
    {
      name: "a parameter handed down",
      source: {
        uri: { componentInputParameter: "inner" },
        sub: { inner: fromRoot },
        subInputs: { inner: text },
        parameters: { model: { ...text, defaultValue: URI } },
      },
    },
    {
      name: "an item of a loop",
      source: {
        uri: { componentInputParameter: "item" },
        subInputs: { item: text },
        subIterator: { parameterIterator: { ...item, items: { raw: JSON.stringify(["/ok", URI]) } } },
      },
    },
    {
      name: "an item of a list of the run",
      source: {
        uri: { componentInputParameter: "item" },
        sub: { items: { componentInputParameter: "models" } },
        subInputs: { item: text, items: { parameterType: "LIST" } },
        subIterator: { parameterIterator: { ...item, items: { inputParameter: "items" } } },
        parameters: { models: { parameterType: "LIST" } },
        given: { models: ["s3://b/ok", URI] },
      },
    },
  ])("are refused by name: $name", async ({ source }) => {
    const [error, ...more] = await refusals(source);
    expect(more).toEqual([]);
    expect(error).toMatch(/: import of oci:\/\/\S+ \(task (sub\.)?bring\) is not supported in a local run/);
  });

  test.for<{ name: string; source: Source }>([
    {
      name: "a default that the run replaces",
      source: { uri: fromRoot, parameters: { model: { ...text, defaultValue: URI } }, given: { model: "/models/m" } },
    },
    { name: "a store with a client", source: { uri: { runtimeValue: { constant: "s3://b/m" } } } },
    {
      name: "a part of a parameter, which is known later",
      source: {
        uri: { ...fromRoot, parameterExpressionSelector: 'parseJson(string_value)["u"]' },
        parameters: { model: text },
        given: { model: URI },
      },
    },
  ])("are taken: $name", async ({ source }) => {
    expect(await refusals(source)).toEqual([]);
  });
});
