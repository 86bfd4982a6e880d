/** What a component takes as task configuration, and what stays with its pod. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ComponentSpecSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import { passthroughsOf } from "../../../src/driver/pod-spec-patch/passthroughs.ts";
import { constant, input, mainOf, stepPod, type StepPodRequest } from "../../support/step-pod.ts";

const EMPTY = {
  affinity: null,
  tolerations: null,
  nodeSelector: null,
  env: null,
  volumes: null,
  volumeMounts: null,
  resources: {},
};
const IDENTITY = ["KFP_POD_NAME", "KFP_POD_UID", "NAMESPACE"];
const base = { image: "img", command: ["c"] };

const taking = (...fields: Array<string | [string, boolean]>): JsonObject => ({
  taskConfigPassthroughs: fields.map((entry) =>
    typeof entry === "string" ? { field: entry } : { field: entry[0], applyToTask: entry[1] },
  ),
});
const names = (list: unknown): string[] => (list as { name: string }[] | undefined)?.map(({ name }) => name) ?? [];

const affinity = { nodeAffinity: [{ matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] }] };
const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] }] };
const scheduling: JsonObject = {
  ...affinity,
  tolerations: [{ key: "k", operator: "Exists" }],
  nodeSelector: { labels: { a: "b" } },
};
const claim = { pvcMount: [{ mountPath: "/d", constant: "p" }] };
const secret = { secretAsVolume: [{ secretName: "s", mountPath: "/s" }] };
const claimVolume = { name: "p", persistentVolumeClaim: { claimName: "p" } };
const secretVolume = { name: "s", secret: { secretName: "s", optional: false } };

interface Row extends StepPodRequest {
  readonly name: string;
  /** Members that are not null or `{}`. */
  readonly taskConfig: JsonObject;
  readonly pod?: JsonObject;
  readonly main?: JsonObject;
  readonly mainEnv?: readonly string[];
}

const ROWS: readonly Row[] = [
  { name: "a component that takes nothing", config: { ...scheduling, ...claim }, component: {}, taskConfig: {} },
  {
    name: "T2 variables, which the pod loses",
    config: {},
    component: taking("ENV"),
    container: { ...base, env: [{ name: "FOO", value: "bar" }, { name: "EMPTY" }] },
    mainEnv: IDENTITY,
    taskConfig: { env: [{ name: "FOO", value: "bar" }, { name: "EMPTY" }] },
  },
  {
    name: "T3 variables that do not exist",
    config: {},
    component: taking(["ENV", true]),
    mainEnv: IDENTITY,
    taskConfig: { env: [] },
  },
  {
    name: "variables of the proxy and of secrets, the pod's identity never",
    config: { secretAsEnv: [{ secretName: "s", keyToEnv: [{ secretKey: "k", envVar: "E" }] }] },
    component: taking(["ENV", true]),
    container: { ...base, env: [{ name: "FOO", value: "bar" }] },
    options: { proxy: { httpProxy: "http://p", httpsProxy: "", noProxy: "" } },
    mainEnv: ["FOO", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", ...IDENTITY, "E"],
    taskConfig: {
      env: [
        { name: "FOO", value: "bar" },
        { name: "http_proxy", value: "http://p" },
        { name: "HTTP_PROXY", value: "http://p" },
        expect.objectContaining({ name: "no_proxy" }) as JsonValue,
        expect.objectContaining({ name: "NO_PROXY" }) as JsonValue,
        { name: "E", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
      ],
    },
  },
  {
    name: "T4 resources, which the pod loses",
    config: {},
    component: taking("RESOURCES"),
    container: { ...base, resources: { resourceCpuLimit: "2.0", accelerator: { type: "nvidia.com/gpu", count: "1" } } },
    main: { resources: {} },
    taskConfig: { resources: { limits: { cpu: "2", "nvidia.com/gpu": "1" } } },
  },
  {
    name: "resources, which the pod keeps",
    config: {},
    component: taking(["RESOURCES", true]),
    container: { ...base, resources: { resourceCpuLimit: "2.0" } },
    main: { resources: { limits: { cpu: "2" } } },
    taskConfig: { resources: { limits: { cpu: "2" } } },
  },
  {
    name: "T5 everything about nodes, which the pod loses",
    config: scheduling,
    component: taking("KUBERNETES_AFFINITY", "KUBERNETES_TOLERATIONS", "KUBERNETES_NODE_SELECTOR"),
    pod: { affinity: undefined as never, tolerations: undefined as never, nodeSelector: undefined as never },
    taskConfig: {
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
      tolerations: [{ key: "k", operator: "Exists" }],
      nodeSelector: { a: "b" },
    },
  },
  {
    name: "T6 resources alone: what is not listed stays with the pod",
    config: scheduling,
    component: taking("RESOURCES"),
    pod: { nodeSelector: { a: "b" }, tolerations: [{ key: "k", operator: "Exists" }] },
    taskConfig: {},
  },
  {
    name: "an empty selector of the run",
    config: { nodeSelector: { nodeSelectorJson: input("ns") } },
    inputs: { ns: {} },
    component: taking("KUBERNETES_NODE_SELECTOR"),
    pod: { nodeSelector: undefined as never },
    taskConfig: { nodeSelector: {} },
  },
  {
    name: "a selector without labels",
    config: { nodeSelector: {} },
    component: taking("KUBERNETES_NODE_SELECTOR"),
    taskConfig: {},
  },
  {
    name: "T7 volumes, which the pod keeps",
    config: { ...claim, ...secret },
    component: taking(["KUBERNETES_VOLUMES", true]),
    pod: { volumes: [claimVolume, secretVolume] },
    main: {
      volumeMounts: [
        { name: "p", mountPath: "/d" },
        { name: "s", mountPath: "/s" },
      ],
    },
    taskConfig: {
      volumes: [claimVolume, secretVolume],
      volumeMounts: [
        { name: "p", mountPath: "/d" },
        { name: "s", mountPath: "/s" },
      ],
    },
  },
  {
    name: "T8 volumes, which the pod loses but for those that live with it",
    config: { ...secret, emptyDirMounts: [{ volumeName: "e", mountPath: "/e" }] },
    component: taking("KUBERNETES_VOLUMES"),
    pod: { volumes: [{ name: "e", emptyDir: {} }] },
    main: { volumeMounts: [{ name: "e", mountPath: "/e" }] },
    taskConfig: { volumes: [secretVolume], volumeMounts: [{ name: "s", mountPath: "/s" }] },
  },
  {
    name: "W6 the workspace before other volumes",
    config: claim,
    component: taking("KUBERNETES_VOLUMES"),
    executorInput: { inputs: { parameterValues: { p: "/kfp-workspace/x" } } },
    pod: { volumes: undefined as never },
    main: { volumeMounts: undefined as never },
    taskConfig: {
      volumes: [{ name: "kfp-workspace", persistentVolumeClaim: { claimName: "wf-kfp-workspace" } }, claimVolume],
      volumeMounts: [
        { name: "kfp-workspace", mountPath: "/kfp-workspace" },
        { name: "p", mountPath: "/d" },
      ],
    },
  },
  {
    name: "claims of devices, which the pod loses",
    config: { podResourceClaims: [{ resourceClaimTemplateName: constant("t") }] },
    component: taking("KUBERNETES_RESOURCE_CLAIMS"),
    pod: { resourceClaims: undefined as never },
    main: { resources: {} },
    taskConfig: { resourceClaims: [{ name: "t", resourceClaimTemplateName: "t" }] },
  },
  {
    name: "UPS-14 claims of devices that come to none",
    config: { podResourceClaims: [{ resourceClaimTemplateName: input("absent") }] },
    optionalInputs: ["absent"],
    component: taking("KUBERNETES_RESOURCE_CLAIMS"),
    taskConfig: { resourceClaims: [] },
  },
  {
    name: "a field that is listed twice: the last entry decides",
    config: {},
    component: taking(["RESOURCES", true], ["RESOURCES", false]),
    container: { ...base, resources: { resourceCpuLimit: "1" } },
    main: { resources: {} },
    taskConfig: { resources: { limits: { cpu: "1" } } },
  },
  {
    name: "settings of a step without any Kubernetes config",
    config: null,
    component: taking("ENV", "KUBERNETES_VOLUMES"),
    container: { ...base, env: [{ name: "A", value: "1" }] },
    mainEnv: IDENTITY,
    taskConfig: { env: [{ name: "A", value: "1" }] },
  },
];

describe("a component takes", () => {
  test.for(ROWS)("$name", async (row) => {
    const { name: _, taskConfig, pod = {}, main = {}, mainEnv, ...request } = row;
    const made = await stepPod(request);
    expect(made.taskConfig).toEqual({ ...EMPTY, ...taskConfig });
    for (const [key, value] of Object.entries(pod)) expect(made.patch[key], key).toEqual(value);
    for (const [key, value] of Object.entries(main)) expect(mainOf(made.patch)[key], key).toEqual(value);
    if (mainEnv !== undefined) expect(names(mainOf(made.patch)["env"])).toEqual(mainEnv);
  });
});

test("T9 many variables on both sides stay what they are (K8S-6)", async () => {
  for (let count = 0; count <= 20; count += 1) {
    const env = Array.from({ length: count }, (_, index) => ({ name: `V${index}`, value: String(index) }));
    const made = await stepPod({
      config: {
        secretAsEnv: [{ secretName: "s", keyToEnv: [{ secretKey: "k", envVar: "E1" }] }],
        fieldPathAsEnv: [{ name: "E2", fieldPath: "spec.nodeName" }],
      },
      component: taking(["ENV", true]),
      container: { ...base, env },
    });
    const own = env.map(({ name }) => name);
    expect(names(mainOf(made.patch)["env"])).toEqual([...own, ...IDENTITY, "E1", "E2"]);
    expect(names(made.taskConfig["env"])).toEqual([...own, "E1", "E2"]);
  }
});

test("a reserved variable is refused, whoever would get it", async () => {
  const container = { ...base, env: [{ name: "NAMESPACE", value: "x" }] };
  await expect(stepPod({ config: {}, component: taking("ENV"), container })).rejects.toThrow(
    'environment variable "NAMESPACE" is reserved',
  );
});

test("a field that this version does not know changes nothing", () => {
  const passthroughs = passthroughsOf(
    create(ComponentSpecSchema, { taskConfigPassthroughs: [{ field: 99 as never }, { field: 0 }] }),
  );
  expect(passthroughs.captures("ENV")).toBe(false);
  expect(passthroughs.appliesToPod("ENV")).toBe(true);
});
