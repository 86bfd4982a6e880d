/**
 * A model of pipelines for tests, independent of the code under test: it reads the compiled YAML as plain data and says what a first
 * level task must look like.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { readYaml } from "../../src/core/values/yaml-text.ts";

type Plain = Record<string, unknown>;

/** Plain access to nested members; absent members read as an empty object. */
export function member(value: unknown, ...path: string[]): Plain {
  let current = value as Plain | undefined;
  for (const key of path) current = current?.[key] as Plain | undefined;
  return current ?? {};
}

export interface CompiledPipeline {
  /** What CreateRun takes: the spec, or the wrapper with the platform spec. */
  readonly source: JsonObject;
  readonly spec: Plain;
}

export function readCompiledPipeline(text: string): CompiledPipeline {
  const read = readYaml(text);
  if (!("documents" in read)) throw new Error("no YAML");
  const [spec, platformSpec] = read.documents as unknown as Plain[];
  const source = platformSpec === undefined ? spec : { pipeline_spec: spec, platform_spec: platformSpec };
  return { source: source as JsonObject, spec: spec as Plain };
}

/** A value of a declared parameter type. */
export function sampleValue(type: unknown): JsonValue {
  switch (type) {
    case "NUMBER_INTEGER":
      return 3;
    case "NUMBER_DOUBLE":
      return 0.5;
    case "BOOLEAN":
      return true;
    case "LIST":
      return ["a", "b"];
    case "STRUCT":
      return { a: "b" };
    default:
      // Also a valid quantity: some texts become resource requests.
      return "1";
  }
}

/** The runtime config the compiler hands to the root driver: defaults filled in, null for optional inputs without one. */
export function rootParameters(spec: Plain): Record<string, JsonValue> {
  const definitions = Object.entries(member(spec, "root", "inputDefinitions", "parameters"));
  return Object.fromEntries(
    definitions.map(([name, definition]) => {
      const { defaultValue, isOptional, parameterType, literals } = definition as Plain;
      const literal = (literals as JsonValue[] | undefined)?.[0];
      return [
        name,
        (defaultValue as JsonValue | undefined) ?? (isOptional === true ? null : (literal ?? sampleValue(parameterType))),
      ];
    }),
  );
}

export interface ModelTask {
  readonly key: string;
  readonly isContainer: boolean;
  readonly isImporter: boolean;
  /** Images of tasks the driver does itself. */
  readonly isVolumeTask: boolean;
  /** Word of the task type enum. */
  readonly type: string;
  readonly hasCondition: boolean;
  readonly hasIterator: boolean;
  readonly upstream: readonly string[];
  readonly inputs: Plain;
  readonly component: Plain;
  readonly kubernetesConfig: Plain | undefined;
  /** Takes an artifact from the root's inputs, which no run can be given. */
  readonly needsRootArtifact: boolean;
}

/** Tasks of the root DAG, every one after those it depends on. */
export function firstLevel({ spec, source }: CompiledPipeline): ModelTask[] {
  const tasks = member(spec, "root", "dag", "tasks");
  const done: ModelTask[] = [];
  const pending = new Map(Object.entries(tasks).map(([key, task]) => [key, modelTask(key, task as Plain, spec, source)]));
  while (pending.size > 0) {
    const next = [...pending.values()].find((task) => task.upstream.every((name) => !pending.has(name)));
    if (next === undefined) throw new Error("circle");
    done.push(next);
    pending.delete(next.key);
  }
  return done;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function modelTask(key: string, task: Plain, spec: Plain, source: JsonObject): ModelTask {
  const component = member(spec, "components", String(member(task, "componentRef")["name"]));
  const label = component["executorLabel"] as string | undefined;
  const executor = label === undefined ? {} : member(spec, "deploymentSpec", "executors", label);
  const image = textOf(member(executor, "container")["image"]);
  const condition = textOf(member(task, "triggerPolicy")["condition"]);
  const hasIterator = task["parameterIterator"] !== undefined || task["artifactIterator"] !== undefined;
  const inputs = member(task, "inputs");
  const producers = [...Object.values(member(inputs, "parameters")), ...Object.values(member(inputs, "artifacts"))].flatMap(
    (input) =>
      ["taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"]
        .map((kind) => member(input, kind)["producerTask"] as string | undefined)
        .filter((name) => name !== undefined),
  );
  const isDag = component["dag"] !== undefined;
  const kubernetes =
    label === undefined
      ? undefined
      : member(source, "platform_spec", "platforms", "kubernetes", "deploymentSpec", "executors")[label];
  return {
    key,
    isContainer: executor["container"] !== undefined,
    isImporter: executor["importer"] !== undefined,
    isVolumeTask: image.startsWith("argostub/"),
    type: !isDag
      ? "RUNTIME"
      : hasIterator
        ? "LOOP"
        : condition !== ""
          ? "CONDITION_BRANCH"
          : /^condition-\d+$/.test(key)
            ? "CONDITION"
            : "DAG",
    hasCondition: condition !== "",
    hasIterator,
    upstream: [...new Set([...((task["dependentTasks"] as string[] | undefined) ?? []), ...producers])],
    inputs,
    component,
    kubernetesConfig: kubernetes as Plain | undefined,
    needsRootArtifact: Object.entries(member(inputs, "artifacts")).some(
      ([name, input]) =>
        member(input)["componentInputArtifact"] !== undefined &&
        member(component, "inputDefinitions", "artifacts", name)["isOptional"] !== true,
    ),
  };
}
