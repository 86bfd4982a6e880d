/**
 * A pipeline with most of what a driver reads, and seeded damage to one of the things a driver is given: the pipeline, the Kubernetes
 * config, the runtime config, the command line.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import type { FakeApi } from "../fakes/kfp-api.ts";
import { CLAIM_COMPONENTS, claimTask } from "./claim-pipeline.ts";
import { damage, damageArguments, Dice } from "./driver-mutations.ts";
import { DriverStage } from "./driver-stage.ts";

const text = { parameterType: "STRING" };
const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };
const wordInput = { componentInputParameter: "word" };
const constant = (value: string | number): JsonObject => ({ runtimeValue: { constant: value } });

export const soundSpec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  defaultPipelineRoot: "s3://bucket/root",
  root: {
    inputDefinitions: { parameters: { word: { ...text, defaultValue: "go", isOptional: true } } },
    outputDefinitions: { parameters: { out: text } },
    dag: {
      outputs: { parameters: { out: { valueFromParameter: { producerSubtask: "say", outputParameterKey: "said" } } } },
      tasks: {
        say: {
          taskInfo: { name: "say" },
          componentRef: { name: "comp-say" },
          cachingOptions: { enableCache: true },
          inputs: { parameters: { word: wordInput, n: constant(3), place: constant("{{$.workspace_path}}/x") } },
          retryPolicy: { maxRetryCount: 2, backoffDuration: "1s", backoffFactor: 2 },
        },
        sub: {
          taskInfo: { name: "sub" },
          componentRef: { name: "comp-sub" },
          dependentTasks: ["say"],
          inputs: { parameters: { word: wordInput } },
          parameterIterator: { itemInput: "item", items: { raw: '["a", {"b": 1}]' } },
          triggerPolicy: { condition: "inputs.parameter_values['word'] == 'go'", strategy: "ALL_UPSTREAM_TASKS_SUCCEEDED" },
        },
        claim: claimTask("createpvc", {
          ...{ pvc_name_suffix: "-data", access_modes: ["ReadWriteOnce"], size: "1.5Gi", storage_class_name: "fast" },
          ...{ annotations: { owner: "me" }, data_source: { kind: "PersistentVolumeClaim", name: "old" } },
        }),
        unclaim: claimTask("deletepvc", { pvc_name: "old" }),
      },
    },
  },
  components: {
    ...CLAIM_COMPONENTS,
    "comp-say": {
      executorLabel: "exec",
      inputDefinitions: {
        parameters: {
          ...{ word: text, n: { parameterType: "NUMBER_INTEGER" }, opt: { parameterType: "STRUCT", isOptional: true } },
          ...{ place: { ...text, isOptional: true }, config: { parameterType: "TASK_CONFIG", isOptional: true } },
        },
        artifacts: { model: { ...model, isOptional: true } },
      },
      outputDefinitions: { parameters: { said: text }, artifacts: { model } },
      taskConfigPassthroughs: [{ field: "ENV", applyToTask: true }, { field: "KUBERNETES_TOLERATIONS" }],
    },
    "comp-sub": {
      inputDefinitions: { parameters: { item: { ...text, isOptional: true }, word: text } },
      dag: {
        outputs: { parameters: {} },
        tasks: {
          inner: {
            taskInfo: { name: "inner" },
            componentRef: { name: "comp-say" },
            inputs: { parameters: { word: wordInput, n: constant(1) } },
          },
        },
      },
    },
  },
  deploymentSpec: {
    executors: {
      exec: {
        container: {
          image: "busybox",
          command: ["sh", "-c"],
          args: ["echo {{$.inputs.parameters['word']}} $0", '{"IfPresent": {"InputName": "opt", "Then": ["--opt"]}}'],
          env: [{ name: "MODE", value: "fast" }],
          resources: { cpuLimit: 1.5, memoryLimit: 2, resourceCpuRequest: "500m", accelerator: { type: "gpu", count: "1" } },
        },
      },
      "exec-createpvc": { container: { image: "argostub/createpvc" } },
      "exec-deletepvc": { container: { image: "argostub/deletepvc" } },
    },
  },
};

const expression = { key: "disk", operator: "In", values: ["ssd"] };

/** Every member of the message. */
export const soundKubernetesConfig: JsonObject = {
  secretAsVolume: [{ secretName: "db", mountPath: "/s", optional: true }],
  secretAsEnv: [{ secretName: "db", keyToEnv: [{ secretKey: "user", envVar: "USER_NAME" }] }],
  configMapAsVolume: [{ configMapNameParameter: wordInput, mountPath: "/c" }],
  configMapAsEnv: [{ configMapNameParameter: wordInput, keyToEnv: [{ configMapKey: "k", envVar: "K" }], optional: false }],
  pvcMount: [
    { constant: "data", mountPath: "/data", subPath: "x" },
    { pvcNameParameter: wordInput, mountPath: "/more" },
  ],
  nodeSelector: { labels: { disk: "ssd" } },
  tolerations: [
    { key: "k", operator: "Exists", effect: "NoSchedule", tolerationSeconds: "5" },
    { tolerationJson: { runtimeValue: { constant: [{ key: "j", operator: "Exists" }] } } },
  ],
  nodeAffinity: [{ matchExpressions: [expression], weight: 5 }, { matchFields: [expression] }],
  podAffinity: [{ topologyKey: "zone", matchPodLabels: { app: "x" }, matchPodExpressions: [expression], weight: 1, anti: true }],
  podMetadata: { labels: { a: "b" }, annotations: { c: "d" } },
  imagePullPolicy: "Always",
  imagePullSecret: [{ secretName: "pull" }, { secretNameParameter: wordInput }],
  fieldPathAsEnv: [{ name: "NODE", fieldPath: "spec.nodeName" }],
  genericEphemeralVolume: [
    {
      volumeName: "scratch",
      mountPath: "/scratch",
      accessModes: ["ReadWriteOnce"],
      size: "1Gi",
      metadata: { labels: { a: "b" } },
    },
  ],
  emptyDirMounts: [{ volumeName: "tmp", mountPath: "/tmp2", sizeLimit: "1Gi", medium: "Memory" }],
  enabledSharedMemory: { volumeName: "shm", size: "1Gi" },
  activeDeadlineSeconds: "60",
  securityContext: { runAsUser: "7", runAsGroup: "0", runAsNonRoot: true },
  initContainers: [
    {
      ...{ name: "first", image: "busybox", command: ["sh"], args: ["-c", "true"], env: [{ name: "A", value: "1" }] },
      ...{ volumeMounts: [{ volumeName: "tmp", mountPath: "/t" }], restartPolicy: "Always" },
      resources: { requests: { cpu: "100m" }, limits: { memory: "1Gi" } },
    },
  ],
  podResourceClaims: [{ resourceClaimTemplateName: wordInput }],
};

const TARGETS = ["say", "root", "sub", "claim", "unclaim", "kubernetes", "kubernetes", "runtime", "flags", "flags"] as const;
/** Whose damage is to the pipeline. */
const SPEC_TARGETS: readonly string[] = ["say", "root", "sub", "claim", "unclaim"];

export interface DamagedCase {
  readonly seed: number;
  readonly stage: DriverStage;
  readonly target: (typeof TARGETS)[number];
  /** Name of the row that the driver is for. */
  readonly driven: string;
  readonly options: DriverOptions;
  readonly argv: readonly string[];
  /** What the driver reads of its run; the rows around it are those of the sound one. */
  readonly spec: JsonObject;
}

export interface DamagedCaseOptions {
  /** For the command line. */
  readonly server?: { readonly address: string; readonly port: string };
  /** Begin of the paths of output files. */
  readonly outputs?: string;
}

/** A run, ready for the driver of what the seed chooses, with the seed's damage. */
export async function damagedCase(fake: FakeApi, seed: number, options: DamagedCaseOptions = {}): Promise<DamagedCase> {
  const { server = { address: "ml-pipeline", port: "8887" }, outputs = "/out/" } = options;
  const dice = new Dice(seed);
  const target = dice.pick(TARGETS);
  const isRoot = target === "root" || target === "runtime";
  const spec = SPEC_TARGETS.includes(target) ? damage(soundSpec, dice) : soundSpec;
  const { runId } = newRun(fake, spec);
  const stage = new DriverStage(fake, runId);
  let parentId = "";
  if (!isRoot) {
    await stage.drive(stage.rootOptions({ word: "go" }), { api: sayingRun(fake.api, newRun(fake, soundSpec).runId) });
    parentId = (await stage.row("ROOT")).taskId;
  }
  const driven = isRoot ? "ROOT" : target === "kubernetes" || target === "flags" ? "say" : target;
  const driverOptions = isRoot
    ? stage.rootOptions({ word: "go" })
    : target === "sub"
      ? stage.dagOptions("sub", parentId)
      : stage.containerOptions(driven, parentId, { kubernetesConfig: JSON.stringify(soundKubernetesConfig) });
  const sound = driverArguments(driverOptions, server).map((argument) => argument.replace(/^\/out\//, outputs));
  return { seed, stage, target, driven, options: driverOptions, argv: damagedArguments(sound, target, dice), spec };
}

function damagedArguments(argv: readonly string[], target: DamagedCase["target"], dice: Dice): readonly string[] {
  if (target === "kubernetes") return withText(argv, soundKubernetesConfig, dice);
  if (target === "runtime") return withText(argv, { parameterValues: { word: "go" } }, dice);
  return target === "flags" ? damageArguments(argv, dice) : argv;
}

/** The flag with this JSON text gets a damaged one; at times one that is cut off. */
function withText(argv: readonly string[], original: JsonObject, dice: Dice): string[] {
  const before = JSON.stringify(original);
  const damaged = JSON.stringify(damage(original, dice));
  const after = dice.roll(10) === 0 ? damaged.slice(0, dice.roll(damaged.length)) : damaged;
  return argv.map((argument) => argument.replace(before, () => after));
}

/** As it is: nothing between the damage and the driver looks at it. */
function newRun({ server }: FakeApi, spec: JsonObject): { readonly runId: string } {
  return server.runs.createRun({ displayName: "demo", pipelineSource: { case: "pipelineSpec", value: spec } }).run;
}

/** The server with this other run, which has no tasks yet, where a run is asked for. */
function sayingRun(api: KfpApi, otherRunId: string): KfpApi {
  return new Proxy(api, {
    get(target, name) {
      if (name !== "getRun") return Reflect.get(target, name) as unknown;
      return async (runId: string, ...rest: unknown[]) => {
        const run = await (target.getRun as (...args: unknown[]) => ReturnType<KfpApi["getRun"]>)(otherRunId, ...rest);
        return { ...run, runId };
      };
    },
  });
}
