/** The rewrite over every compiled workflow of the conformance set, as the compiler writes it and as later ones do. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { Pod } from "kubernetes-models/v1";
import { describe, test } from "vitest";
import { isJsonObject } from "../../../src/core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import { isPluginTemplate } from "../../../src/resident/plugin-template.ts";
import { applyJsonPatch } from "../../../src/resident/rewrite/json-patch.ts";
import { DEFAULT_LOOP_PARALLELISM, RESIDENT_LABEL, REWRITTEN_BY } from "../../../src/resident/rewrite/marks.ts";
import { rewriteWorkflow, type RewriteOptions, type RewriteOutcome } from "../../../src/resident/rewrite/rewrite-workflow.ts";
import { runWorkflow } from "../../cluster/run-workflow.ts";
import { skipUnless } from "../../support/skip.ts";
import { containerCall, pluginCall, type Template } from "./rewritten-calls.ts";

interface Workflow extends JsonObject {
  metadata: JsonObject;
  spec: JsonObject & { templates: Template[] };
}

const OPTIONS: RewriteOptions = { version: "1.2.3", loopParallelism: DEFAULT_LOOP_PARALLELISM };
const USUAL_INPUTS = new Map([
  ["task-name", "train"],
  ["parent-dag-task-id", "7d0c"],
]);
const DRIVERS = ["system-dag-driver", "system-container-driver"];
const folder = new URL("../../conformance/workflows/", import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(".yaml", ""));

/** As KFP's API server creates it for a run. */
function submitted(name: string): Workflow {
  const compiled = readFileSync(new URL(`${name}.yaml`, folder), "utf8");
  return runWorkflow(compiled, {
    ...{ runId: "0b6e9f00-0000-4000-8000-000000000001", displayName: "My run, the 2nd" },
    ...{ namespace: "team-a", workflowName: "my-run" },
  }) as Workflow;
}

/** As compilers after the branch write it (docs/spec/argo-workflows.md#arguments, #metadata-token-security). */
function ofLaterCompiler(workflow: Workflow): Workflow {
  const more = ["--cache_disabled=false", "--log_level", "1", "--publish_logs", "true", "--ml_pipeline_tls_enabled=true"];
  return withDrivers(workflow, (template) => ({
    ...template,
    metadata: { ...(template["metadata"] as JsonObject), annotations: { "pipelines.kubeflow.org/runtime-role": "driver" } },
    container: {
      ...template.container,
      args: [
        ...template.container.args,
        ...[...more, "--ca_cert_path", "/kfp/certs/ca.crt"],
        ...(template.name === "system-container-driver"
          ? ["--default_run_as_user", "1000", "--default_host_users", "false"]
          : []),
      ],
    },
  }));
}

function withDrivers(workflow: Workflow, change: (template: Template) => JsonObject): Workflow {
  const templates = workflow.spec.templates.map((template) =>
    DRIVERS.includes(template.name) ? (change(template) as Template) : template,
  );
  return { ...workflow, spec: { ...workflow.spec, templates } };
}

function rewritten(workflow: Workflow, options = OPTIONS): Workflow {
  const outcome = rewriteWorkflow(workflow, options);
  if (outcome.kind !== "rewritten") throw new Error(JSON.stringify(outcome));
  return applyJsonPatch(workflow, outcome.patch) as Workflow;
}

const templateOf = (workflow: Workflow, name: string): Template =>
  workflow.spec.templates.find((template) => template.name === name) as Template;

const generations = { "of the branch": (workflow: Workflow) => workflow, "of a later compiler": ofLaterCompiler };

describe.for(Object.entries(generations))("rewriteWorkflow() of workflows %s", ([, generation]) => {
  test.for(names)("%s: the same calls, nothing but drivers changed, once and for all", async (name, { expect }) => {
    const before = generation(submitted(name));
    const untouched = structuredClone(before);
    const after = rewritten(before);
    expect(before).toEqual(untouched);
    for (const driver of DRIVERS) {
      const template = templateOf(before, driver);
      const plugin = templateOf(after, driver);
      expect(isPluginTemplate(plugin)).toBe(true);
      const usual = await containerCall(template, USUAL_INPUTS);
      expect(usual).toHaveProperty("options");
      expect(await pluginCall(plugin, USUAL_INPUTS)).toEqual(usual);
      const types = driver === "system-dag-driver" ? ["DAG", "ROOT_DAG", "CONTAINER", ""] : [""];
      await fc.assert(
        fc.asyncProperty(inputsOf(template, types), async (given) => {
          expect(await pluginCall(plugin, given)).toEqual(await containerCall(template, given));
        }),
        { numRuns: 8 },
      );
    }
    expect(withoutRewrite(after)).toEqual(withoutRewrite(before));
    expect(rewriteWorkflow(after, OPTIONS)).toEqual({ kind: "already-rewritten" });
  });
});

/** Values as tasks give them: of ids, indices and names, and of anything else. */
function inputsOf({ inputs }: Template, types: readonly string[]): fc.Arbitrary<Map<string, string>> {
  // Braces of Argo's are filled in again wherever they come from, so a value with some has no one meaning.
  const text = fc
    .oneof(fc.constantFrom("", "train", "3", "-1", "{}", '{"a":"b"}', "a\nb", "--x", "@file"), fc.string())
    .filter((value) => !value.includes("{{") && !value.includes("$("));
  const entries = inputs.parameters.map(({ name, default: preset }) => {
    const value =
      name === "driver-type" ? fc.constantFrom(...types) : name === "iteration-index" ? fc.integer().map(String) : text;
    return fc.tuple(fc.constant(name), preset === undefined ? value : fc.option(value, { nil: undefined }));
  });
  return fc
    .tuple(...entries)
    .map((pairs) => new Map(pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))));
}

/** A workflow without all that the rewrite may touch. */
function withoutRewrite({ metadata, spec, ...rest }: Workflow): JsonObject {
  const marks = (holder: JsonValue | undefined, mark: string): JsonObject =>
    Object.fromEntries(Object.entries(isJsonObject(holder) ? holder : {}).filter(([name]) => name !== mark));
  const podMetadata = isJsonObject(spec["podMetadata"]) ? spec["podMetadata"] : {};
  return {
    ...rest,
    metadata: {
      ...metadata,
      labels: marks(metadata["labels"], RESIDENT_LABEL),
      annotations: marks(metadata["annotations"], REWRITTEN_BY),
    },
    spec: {
      ...spec,
      podMetadata: { ...podMetadata, labels: marks(podMetadata["labels"], RESIDENT_LABEL) },
      templates: spec.templates.map((template): JsonObject => {
        const isLoop = JSON.stringify(template["dag"] ?? {}).includes('"withSequence"');
        const { parallelism, ...other } = template as JsonObject;
        if (!DRIVERS.includes(template.name)) return isLoop && parallelism === DEFAULT_LOOP_PARALLELISM ? other : template;
        const { name, inputs, metadata: kept, retryStrategy = null } = template as JsonObject;
        const outputs = template.outputs.parameters.map(({ valueFrom, ...parameter }) => ({
          ...parameter,
          default: (valueFrom as JsonObject)["default"] ?? null,
        }));
        return { name: name ?? "", inputs: inputs ?? {}, metadata: kept ?? {}, retryStrategy, outputs };
      }),
    },
  };
}

describe("rewriteWorkflow()", () => {
  const workflow = submitted("loop_over_constants");
  const container = (change: (template: Template) => JsonObject): Workflow =>
    withDrivers(workflow, (template) => (template.name === "system-container-driver" ? change(template) : template));
  const args = (...more: string[]): Workflow =>
    container((template) => ({ ...template, container: { ...template.container, args: [...template.container.args, ...more] } }));
  const env = (...more: JsonObject[]): Workflow =>
    container((template) => {
      const before = (template.container as unknown as { env: JsonObject[] }).env;
      return { ...template, container: { ...template.container, env: [...before, ...more] } };
    });

  test("writes the plugin object beside inputs, outputs and metadata, and nothing for a pod", ({ expect }) => {
    const { valueFrom: _from, ...cached } = templateOf(workflow, "system-container-driver").outputs.parameters[1] ?? {};
    expect(templateOf(rewritten(workflow), "system-container-driver")).toEqual({
      name: "system-container-driver",
      inputs: templateOf(workflow, "system-container-driver").inputs,
      metadata: templateOf(workflow, "system-container-driver")["metadata"],
      outputs: {
        parameters: [
          { name: "pod-spec-patch", valueFrom: { supplied: {}, default: "" } },
          { ...cached, valueFrom: { supplied: {}, default: "false" } },
          { name: "condition", valueFrom: { supplied: {}, default: "true" } },
        ],
      },
      plugin: {
        "kfp-runtime-driver": {
          v: 1,
          type: "CONTAINER",
          pipeline_name: "loop-over-constants",
          run_id: "0b6e9f00-0000-4000-8000-000000000001",
          run_name: "{{workflow.name}}",
          run_display_name: "My run, the 2nd",
          http_proxy: "",
          https_proxy: "",
          no_proxy: "",
          ml_pipeline_server_address: "ml-pipeline.kubeflow.svc.cluster.local",
          ml_pipeline_server_port: "8887",
        },
      },
    });
  });

  test("marks the workflow and its pods", ({ expect }) => {
    const { metadata, spec } = rewritten(workflow);
    expect(metadata["labels"]).toEqual({ "pipeline/runid": expect.any(String) as string, [RESIDENT_LABEL]: "true" });
    expect(metadata["annotations"]).toMatchObject({ [REWRITTEN_BY]: "1.2.3" });
    expect(spec["podMetadata"]).toMatchObject({
      labels: { [RESIDENT_LABEL]: "true", "pipeline/runid": expect.any(String) as string },
    });
  });

  test("marks a workflow that has neither labels nor metadata of pods", ({ expect }) => {
    const { podMetadata: _pods, ...spec } = workflow.spec;
    const { metadata, spec: after } = rewritten({ ...workflow, metadata: { name: "w" }, spec });
    expect(metadata).toEqual({ name: "w", labels: { [RESIDENT_LABEL]: "true" }, annotations: { [REWRITTEN_BY]: "1.2.3" } });
    expect(after["podMetadata"]).toEqual({ labels: { [RESIDENT_LABEL]: "true" } });
  });

  test("limits loops that say nothing, unless told not to", ({ expect }) => {
    const limits = (options = OPTIONS, name = "loop_over_constants"): (JsonValue | undefined)[] =>
      rewritten(submitted(name), options)
        .spec.templates.filter(({ name: template }) => template.endsWith("-iterator"))
        .map(({ parallelism }) => parallelism);
    expect(limits()).toEqual([200, 200]);
    expect(limits({ ...OPTIONS, loopParallelism: 7 })).toEqual([7, 7]);
    expect(limits({ ...OPTIONS, loopParallelism: 0 })).toEqual([undefined, undefined]);
    expect(limits(OPTIONS, "loop_with_parallelism")).toEqual([2]);
    expect(rewriteWorkflow(workflow, OPTIONS)).toMatchObject({
      templates: ["system-container-driver", "system-dag-driver"],
      limitedLoops: [
        { name: "comp-for-loop-2-for-loop-2-iterator", parallelism: 200 },
        { name: "comp-for-loop-4-for-loop-4-iterator", parallelism: 200 },
      ],
    });
  });

  test("keeps retries, and variables with a text of their own", ({ expect }) => {
    const retryStrategy = { limit: "2", retryPolicy: "OnError" };
    const after = rewritten(
      withDrivers(submitted("importer_of_a_parameter.all-settings"), (template) => ({ ...template, retryStrategy })),
    );
    const template = templateOf(after, "system-dag-driver");
    expect(template["retryStrategy"]).toEqual(retryStrategy);
    const plugin = (template["plugin"] as { "kfp-runtime-driver": JsonObject })["kfp-runtime-driver"];
    expect(plugin).toMatchObject({ cache_disabled: "true", ml_pipeline_tls_enabled: "true", ca_cert_path: "/kfp/certs/ca.crt" });
    expect(plugin["env"]).toMatchObject({ HTTP_PROXY: "http://proxy.example.org:3128", ML_PIPELINE_GRPC_BACKOFF_JITTER: "0.2" });
    expect(Object.keys(plugin["env"] as JsonObject).filter((name) => /POD|NAMESPACE/.test(name))).toEqual([]);
  });

  test("takes inputs and outputs of other names, and files by their path", async ({ expect }) => {
    const renamed = container(
      (template) =>
        JSON.parse(
          JSON.stringify(template)
            .replaceAll("task-name", "step")
            .replaceAll('"condition"', '"go"')
            .replaceAll("{{outputs.parameters.condition.path}}", "/tmp/outputs/condition"),
        ) as JsonObject,
    );
    const template = templateOf(renamed, "system-container-driver");
    const given = new Map([
      ["step", "train"],
      ["parent-dag-task-id", "7d0c"],
    ]);
    const call = await pluginCall(templateOf(rewritten(renamed), "system-container-driver"), given);
    expect(call).toMatchObject({ options: { taskName: "train", conditionPath: "go" } });
    const byName = JSON.parse(
      JSON.stringify(template).replaceAll('"/tmp/outputs/condition"', '"{{outputs.parameters.go.path}}"'),
    );
    expect(call).toEqual(await containerCall({ ...byName, outputs: template.outputs } as Template, given));
  });

  test("gives the pods of a workflow what a plugin beside Argo's agent needs, where it is asked to", ({ expect }) => {
    const patchOf = (before: Workflow): { volumes: JsonObject[]; [member: string]: unknown } => {
      const { spec } = rewritten(before, { ...OPTIONS, forPlugin: true });
      return JSON.parse(spec["podSpecPatch"] as string) as { volumes: JsonObject[] };
    };
    const withPatch = (podSpecPatch: string): Workflow => ({ ...workflow, spec: { ...workflow.spec, podSpecPatch } });
    const { volumes } = patchOf(workflow);
    expect(volumes.map(({ name }) => name)).toEqual(["kfp-driver-token", "kfp-driver-kube", "kfp-driver-config"]);
    expect(volumes[0]).toMatchObject({
      projected: {
        sources: [
          {
            serviceAccountToken: { path: "token", audience: "pipelines.kubeflow.org/runs/0b6e9f00-0000-4000-8000-000000000001" },
          },
        ],
      },
    });
    expect(() => new Pod({ metadata: {}, spec: { containers: [{ name: "c" }], volumes } } as never).validate()).not.toThrow();
    const merged = patchOf(withPatch('{"priority":1,"volumes":[{"name":"mine"},{"name":"kfp-driver-kube"}]}'));
    expect([merged["priority"], merged.volumes.map(({ name }) => name)]).toEqual([
      1,
      ["mine", "kfp-driver-token", "kfp-driver-kube", "kfp-driver-config"],
    ]);
    expect(rewritten(workflow).spec).not.toHaveProperty("podSpecPatch");
    const outcome = (before: Workflow) => rewriteWorkflow(before, { ...OPTIONS, forPlugin: true });
    expect(outcome(withPatch("volumes: []"))).toMatchObject({
      reason: expect.stringContaining("podSpecPatch is not a JSON object") as string,
    });
    expect(outcome(withDrivers(workflow, (template) => ({ ...template, volumes: [] })))).toMatchObject({
      reason: expect.stringContaining("no token of their run") as string,
    });
  });

  test("takes a driver wherever it lies, with flags in its command", ({ expect }) => {
    const after = rewritten(
      container((template) => ({
        ...template,
        container: { ...template.container, command: ["/usr/local/bin/driver", "--log_level=3", "--v", "2"] },
      })),
    );
    expect(templateOf(after, "system-container-driver")["plugin"]).toMatchObject({ "kfp-runtime-driver": { log_level: "3" } });
  });

  const leftAlone: readonly { readonly name: string; readonly of: () => JsonValue; readonly reason: RegExp }[] = [
    { name: "a text", of: () => "Workflow", reason: /^it is not a Workflow$/ },
    { name: "another kind", of: () => ({ kind: "Pod" }), reason: /^it is not a Workflow$/ },
    {
      name: "another group",
      of: () => ({ ...workflow, apiVersion: "example.com/v1" }),
      reason: /^it is not a Workflow of argoproj\.io$/,
    },
    { name: "no spec", of: () => ({ ...workflow, spec: null }), reason: /^it has no spec, or no metadata$/ },
    { name: "no templates", of: () => ({ ...workflow, spec: {} }), reason: /^it has no driver templates$/ },
    {
      name: "a namesake of the driver that is no container",
      of: () => container(({ container: _container, ...template }) => ({ ...template, script: {} })),
      reason: /^template system-container-driver: its container does not start the driver$/,
    },
    {
      name: "another program",
      of: () => container((template) => ({ ...template, container: { ...template.container, command: ["sh", "-c"] } })),
      reason: /its container does not start the driver/,
    },
    {
      name: "a template of two kinds",
      of: () => container((template) => ({ ...template, steps: [] })),
      reason: /its container does not start the driver/,
    },
    {
      name: "templates half of which are rewritten",
      of: () => {
        const after = rewritten(workflow);
        return {
          ...after,
          spec: { ...after.spec, templates: [...after.spec.templates, templateOf(workflow, "system-dag-driver")] },
        };
      },
      reason: /^some of its driver templates have been rewritten, and some have not$/,
    },
    {
      name: "a label that says no",
      of: () => ({ ...workflow, metadata: { labels: { [RESIDENT_LABEL]: "false" } } }),
      reason: /^its label kfp-runtime\.dev\/resident is "false"$/,
    },
    {
      name: "defaults that are a container",
      of: () => ({ ...workflow, spec: { ...workflow.spec, templateDefaults: { container: {} } } }),
      reason: /templateDefaults have a member container/,
    },
    {
      name: "another run",
      of: () => ({ ...workflow, metadata: { labels: { "pipeline/runid": "other" } } }),
      reason: /flag --run_id is not the run that label pipeline\/runid names/,
    },
    {
      name: "an account of its own",
      of: () => container((template) => ({ ...template, serviceAccountName: "other" })),
      reason: /it has a service account of its own/,
    },
    {
      name: "an unknown flag",
      of: () => args("--mlmd_server_port", "80"),
      reason: /unknown flag --mlmd_server_port; this version/,
    },
    { name: "a word too many", of: () => args("extra", "--log_level", "2"), reason: /words that belong to no flag/ },
    { name: "the help text", of: () => args("--help"), reason: /asks for the help text/ },
    { name: "another mode", of: () => args("--driver_retry_finalize"), reason: /--driver_retry_finalize is not supported/ },
    { name: "a number that is none", of: () => args("--default_run_as_user", "abc"), reason: /invalid value "abc"/ },
    { name: "a switch that is none", of: () => args("--cache_disabled={{inputs.parameters.x}}"), reason: /invalid boolean/ },
    { name: "a foreign placeholder", of: () => args("--log_level", "{{workflow.priority}}"), reason: /placeholder of Argo's/ },
    {
      name: "an input among other text",
      of: () => args("--run_display_name", "x {{inputs.parameters.task-name}}"),
      reason: /--run_display_name has a placeholder of Argo's/,
    },
    { name: "an undeclared input", of: () => args("--log_level", "{{inputs.parameters.level}}"), reason: /input "level", which/ },
    { name: "a variable of the pod", of: () => args("--log_level", "$(LEVEL)"), reason: /a reference to a variable of the pod/ },
    { name: "an escape of the kubelet's", of: () => args("--run_display_name", "$$(A)"), reason: /a reference to a variable/ },
    { name: "a file of the pod", of: () => args("--kubernetes_config", "@/etc/kec.json"), reason: /names a file of the pod/ },
    { name: "another namespace", of: () => args("--namespace", "kubeflow"), reason: /is not the namespace of the pod/ },
    { name: "a file that is no output", of: () => args("--condition_path", "/dev/null"), reason: /a file that is no output/ },
    {
      name: "an output that nobody would supply",
      of: () =>
        container((template) => ({
          ...template,
          outputs: { parameters: [...template.outputs.parameters, { name: "more", valueFrom: { path: "/more" } }] },
        })),
      reason: /no flag names the file of output "more", so nobody would ever supply it/,
    },
    {
      name: "an output from elsewhere",
      of: () =>
        container((template) => ({
          ...template,
          outputs: { parameters: [...template.outputs.parameters, { name: "more", valueFrom: { expression: "1" } }] },
        })),
      reason: /output "more" does not come from a file/,
    },
    {
      name: "output artifacts",
      of: () => container((template) => ({ ...template, outputs: { ...template.outputs, artifacts: [{ name: "logs" }] } })),
      reason: /it has output artifacts/,
    },
    {
      name: "a variable from a secret",
      of: () => env({ name: "TOKEN", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }),
      reason: /variable TOKEN of its container does not have a text of its own/,
    },
    { name: "a borrowed identity", of: () => env({ name: "KFP_POD_UID", value: "x" }), reason: /variable KFP_POD_UID/ },
    {
      name: "a variable of variables",
      of: () => env({ name: "A", value: "$(NAMESPACE)" }),
      reason: /variable A of its container has a/,
    },
    {
      name: "variables from a config map",
      of: () => container((template) => ({ ...template, container: { ...template.container, envFrom: [{ configMapRef: {} }] } })),
      reason: /takes variables from a config map or a secret/,
    },
    { name: "a command line without end", of: () => args("--no_proxy", "x".repeat(9000)), reason: /too long: \d+ bytes/ },
    {
      name: "words that are none",
      of: () => container((template) => ({ ...template, container: { ...template.container, args: [1] } })),
      reason: /args of its container is not a list of texts/,
    },
  ];

  test.for(leftAlone)("leaves alone: $name", ({ of, reason }, { expect }) => {
    const outcome: RewriteOutcome = rewriteWorkflow(of(), OPTIONS);
    expect(outcome).toMatchObject({ kind: "left-alone" });
    expect((outcome as { reason: string }).reason).toMatch(reason);
  });

  test("ignores variables that no driver of ours reads", ({ expect }) => {
    const after = rewritten(env({ name: "MLFLOW_TRACKING_TOKEN", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }));
    expect(JSON.stringify(templateOf(after, "system-container-driver")["plugin"])).not.toContain("MLFLOW");
  });

  test("never throws, whatever a member of a workflow is", ({ expect }) => {
    const places: (readonly (string | number)[])[] = [];
    const collect = (value: JsonValue, path: readonly (string | number)[]): void => {
      places.push(path);
      if (Array.isArray(value)) for (const [index, item] of value.entries()) collect(item, [...path, index]);
      else if (isJsonObject(value)) for (const [key, item] of Object.entries(value)) collect(item, [...path, key]);
    };
    collect(
      container((template) => template),
      [],
    );
    const put = (value: JsonValue, [key, ...rest]: readonly (string | number)[], item: JsonValue): JsonValue => {
      if (key === undefined) return item;
      if (Array.isArray(value)) return value.with(Number(key), put(value[Number(key)] ?? null, rest, item));
      return { ...(value as JsonObject), [key]: put((value as JsonObject)[key] ?? null, rest, item) };
    };
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, item) => {
        expect(["rewritten", "already-rewritten", "left-alone"]).toContain(
          rewriteWorkflow(put(workflow, place, item as JsonValue), OPTIONS).kind,
        );
      }),
      { numRuns: 500 },
    );
  });
});

const kubectlMissing = skipUnless(
  spawnSync("kubectl", ["version", "--client"], { stdio: "ignore" }).status === 0,
  "the patch of a rewrite against kubectl's own: kubectl is not on the PATH",
);

test.skipIf(kubectlMissing).for(["loop_nested", "exit_handlers_several"])(
  "the patch of %s means the same to Kubernetes",
  (name, { expect }) => {
    const before = submitted(name);
    const outcome = rewriteWorkflow(before, OPTIONS);
    const patch = JSON.stringify(outcome.kind === "rewritten" ? outcome.patch : []);
    const args = ["patch", "--local", "--type", "json", "-p", patch, "-o", "json", "-f", "-"];
    const { stdout, stderr } = spawnSync("kubectl", args, { input: JSON.stringify(before), encoding: "utf8" });
    expect(JSON.parse(stdout || stderr)).toEqual(rewritten(before));
  },
);
