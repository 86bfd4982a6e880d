/**
 * One damaged driver execution and what must hold of it, whatever was damaged.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { TaskState } from "../../src/core/kfp-types.ts";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import type { FakeApi } from "../fakes/kfp-api.ts";
import { damage, damageArguments, Dice } from "./driver-mutations.ts";
import { DriverStage } from "./driver-stage.ts";

const text = { parameterType: "STRING" };
const model = { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } };

/** A pipeline with most of what a driver reads. */
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
          inputs: { parameters: { word: { componentInputParameter: "word" }, n: { runtimeValue: { constant: 3 } } } },
          retryPolicy: { maxRetryCount: 2, backoffDuration: "1s", backoffFactor: 2 },
        },
        sub: {
          taskInfo: { name: "sub" },
          componentRef: { name: "comp-sub" },
          dependentTasks: ["say"],
          inputs: { parameters: { word: { componentInputParameter: "word" } } },
          parameterIterator: { itemInput: "item", items: { raw: '["a", {"b": 1}]' } },
          triggerPolicy: { condition: "inputs.parameter_values['word'] == 'go'", strategy: "ALL_UPSTREAM_TASKS_SUCCEEDED" },
        },
      },
    },
  },
  components: {
    "comp-say": {
      executorLabel: "exec",
      inputDefinitions: {
        parameters: { word: text, n: { parameterType: "NUMBER_INTEGER" }, opt: { parameterType: "STRUCT", isOptional: true } },
        artifacts: { model: { ...model, isOptional: true } },
      },
      outputDefinitions: { parameters: { said: text }, artifacts: { model } },
    },
    "comp-sub": {
      inputDefinitions: { parameters: { item: { ...text, isOptional: true }, word: text } },
      dag: {
        outputs: { parameters: {} },
        tasks: {
          inner: {
            taskInfo: { name: "inner" },
            componentRef: { name: "comp-say" },
            inputs: { parameters: { word: { componentInputParameter: "word" }, n: { runtimeValue: { constant: 1 } } } },
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
    },
  },
};

const soundKubernetesConfig: JsonObject = {
  secretAsVolume: [{ secretName: "db", mountPath: "/s", optional: true }],
  secretAsEnv: [{ secretName: "db", keyToEnv: [{ secretKey: "user", envVar: "USER_NAME" }] }],
  pvcMount: [{ constant: "data", mountPath: "/data", subPath: "x" }],
  nodeSelector: { labels: { disk: "ssd" } },
  tolerations: [{ key: "k", operator: "Exists", effect: "NoSchedule", tolerationSeconds: "5" }],
  podMetadata: { labels: { a: "b" }, annotations: { c: "d" } },
  imagePullPolicy: "Always",
  genericEphemeralVolume: [{ volumeName: "scratch", mountPath: "/scratch", accessModes: ["ReadWriteOnce"], size: "1Gi" }],
  emptyDirMounts: [{ volumeName: "tmp", mountPath: "/tmp2", sizeLimit: "1Gi" }],
  activeDeadlineSeconds: "60",
  securityContext: { runAsUser: "7" },
};

const TARGETS = ["say", "root", "sub", "kubernetes", "runtime", "flags", "flags"] as const;

export interface Outcome {
  readonly seed: number;
  readonly exitCode: number;
  /** What is wrong with it; empty when all holds. */
  readonly problems: readonly string[];
}

/** Signs of a program that broke, where a message of its own was due. */
export const BROKEN =
  /\n\s+at |TypeError|RangeError|SyntaxError|Cannot read propert|is not a function|is not iterable|undefined|\[object Object\]|INVARIANT_BROKEN|call stack/;

export interface DamagedCommand {
  readonly stage: DriverStage;
  readonly target: (typeof TARGETS)[number];
  readonly isRoot: boolean;
  readonly options: DriverOptions;
  readonly argv: readonly string[];
}

/** A run, ready for the driver of what the dice choose, and that driver's command line, damaged where it is the target. */
export async function damagedCommand(
  fake: FakeApi,
  dice: Dice,
  server: { readonly address: string; readonly port: string } = { address: "ml-pipeline", port: "8887" },
): Promise<DamagedCommand> {
  const stage = await DriverStage.open(soundSpec, fake);
  const target = dice.pick(TARGETS);
  const isRoot = target === "root" || target === "runtime";
  let parentId = "";
  if (!isRoot) {
    await stage.drive(stage.rootOptions({ word: "go" }));
    parentId = (await stage.row("ROOT")).taskId;
  }
  const options = isRoot
    ? stage.rootOptions({ word: "go" })
    : target === "sub"
      ? stage.dagOptions("sub", parentId)
      : stage.containerOptions("say", parentId, { kubernetesConfig: JSON.stringify(soundKubernetesConfig) });
  let argv: readonly string[] = driverArguments(options, server);
  if (target === "kubernetes") argv = withText(argv, soundKubernetesConfig, dice);
  if (target === "runtime") argv = withText(argv, { parameterValues: { word: "go" } }, dice);
  if (target === "flags") argv = damageArguments(argv, dice);
  return { stage, target, isRoot, options, argv };
}

/** Damages what the seed says and drives. Runs of the same server do not see each other. */
export async function driveDamaged(fake: FakeApi, seed: number): Promise<Outcome> {
  const dice = new Dice(seed);
  const { stage, target, isRoot, options, argv } = await damagedCommand(fake, dice);
  const spec = target === "say" || target === "sub" || target === "root" ? damage(soundSpec, dice) : soundSpec;

  const before = fake.logger.lines.length;
  const environment = { KFP_POD_NAME: options.pod.name, KFP_POD_UID: options.pod.uid };
  const startedAt = performance.now();
  const { exitCode, files, stderr } = await stage.driveArguments(argv, { environment, api: withSpec(fake.api, spec) });
  const elapsedMs = performance.now() - startedAt;
  const errors = fake.logger.lines.slice(before).filter(({ level }) => level === "error");
  const said = [...errors.map(({ message }) => message), stderr].join("\n");
  const problems: string[] = [];
  if (elapsedMs > 20_000) problems.push(`took ${String(Math.round(elapsedMs))} ms`);
  if (BROKEN.test(said.replaceAll(/"[^"]*"/g, '""'))) problems.push(`not a message for people: ${said.slice(0, 600)}`);
  if (exitCode === 0) {
    const isInfo = argv.some((argument) => /^--?(?:version|help|h)\b/.test(argument)) || stderr !== "";
    if (target !== "flags") problems.push(...missingFiles(files, options.type));
    else if (!isInfo && files.size === 0) problems.push("exit 0 without a file");
    if (errors.length > 0) problems.push(`exit 0 with an error: ${said.slice(0, 300)}`);
  } else {
    const messages = errors.length + (stderr === "" ? 0 : 1);
    if (messages !== 1) problems.push(`${String(messages)} messages instead of one: ${said.slice(0, 600)}`);
    const open = (await stage.rows()).filter(({ name, state }) => name !== "ROOT" && state === TaskState.RUNNING);
    if (open.length > 0) problems.push(`left ${open.map(({ name }) => name).join(", ")} RUNNING: ${said.slice(0, 300)}`);
    const driven = isRoot ? "ROOT" : target === "sub" ? "sub" : "say";
    if (target !== "flags" && !(await stage.rows()).some(({ name, state }) => name === driven && state === TaskState.FAILED)) {
      problems.push(`no FAILED row of ${driven}: ${said.slice(0, 300)}`);
    }
    if (isRoot && (await stage.rows()).some(({ state }) => state === TaskState.RUNNING)) problems.push("left the root RUNNING");
  }
  return { seed, exitCode, problems: problems.map((problem) => `seed ${String(seed)} (${target}): ${problem}`) };
}

function missingFiles(files: ReadonlyMap<string, string>, type: string): string[] {
  const due = type === "CONTAINER" ? ["/out/cached", "/out/condition"] : ["/out/task-id", "/out/condition"];
  const runs = files.get("/out/cached") === "false" && files.get("/out/condition") !== "false";
  if (type === "CONTAINER" && runs) due.push("/out/patch");
  return due.filter((path) => !files.has(path)).map((path) => `exit 0 without ${path}`);
}

/** The flag with this JSON text gets a damaged one; at times one that is cut off. */
function withText(argv: readonly string[], original: JsonObject, dice: Dice): string[] {
  const before = JSON.stringify(original);
  const damaged = JSON.stringify(damage(original, dice));
  const after = dice.roll(10) === 0 ? damaged.slice(0, dice.roll(damaged.length)) : damaged;
  return argv.map((argument) => argument.replace(before, () => after));
}

/** The server with another pipeline in its runs: an attacker, or a newer compiler, need not ask the embedded one. */
function withSpec(api: KfpApi, spec: JsonObject): KfpApi {
  return new Proxy(api, {
    get(target, name) {
      if (name !== "getRun") return Reflect.get(target, name) as unknown;
      return async (...args: Parameters<KfpApi["getRun"]>) => {
        const run = await target.getRun(...args);
        return { ...run, pipelineSource: { case: "pipelineSpec", value: spec } };
      };
    },
  });
}
