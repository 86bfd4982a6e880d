/**
 * Lines and columns of a pipeline's tasks in the text it was read from, for messages that point there.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { LocateYaml, TextPlace } from "../../core/values/yaml-text.ts";

/** Where a problem of a pipeline is. */
export interface PipelinePlace {
  /** Dotted, from `root`. */
  readonly taskPath: string;
  readonly input?: string;
  readonly output?: string;
}

type Keys = readonly string[];

/**
 * Where in the text a place is: the input of the task, else the task; the output of its component; for the root the root.
 *
 * @param source The first document, or what it wraps.
 * @param locate Finds keys in the text.
 * @param wrapper Keys above the spec; none where the document is the spec.
 */
export function findPlace(
  source: JsonValue,
  locate: LocateYaml,
  { taskPath, input, output }: PipelinePlace,
  wrapper: Keys = [],
): TextPlace | undefined {
  const { task, component } = keysOf(source, taskPath);
  const candidates: Keys[] = [
    ...(input === undefined ? [] : inputKeys(task, component, input)),
    ...(output === undefined ? [] : outputKeys(component, output)),
    task,
  ];
  for (const keys of candidates) {
    const place = locate([...wrapper, ...keys]);
    if (place !== undefined) return place;
  }
  return undefined;
}

function inputKeys(task: Keys, component: Keys, input: string): Keys[] {
  return [
    ...["parameters", "artifacts"].map((kind) => [...task, "inputs", kind, input]),
    ...["parameters", "artifacts"].flatMap((kind) => bothCases(component, "inputDefinitions", kind, input)),
  ];
}

function outputKeys(component: Keys, output: string): Keys[] {
  return [
    ...["parameters", "artifacts"].map((kind) => [...component, "dag", "outputs", kind, output]),
    ...["parameters", "artifacts"].flatMap((kind) => bothCases(component, "outputDefinitions", kind, output)),
  ];
}

function bothCases(component: Keys, member: string, kind: string, name: string): Keys[] {
  return [member, snakeCase(member)].map((key) => [...component, key, kind, name]);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The keys of the task, and of the component it calls, as far as the path can be followed. */
function keysOf(source: JsonValue, taskPath: string): { readonly task: Keys; readonly component: Keys } {
  let component: Keys = ["root"];
  let task: Keys = component;
  for (const name of taskPath.split(".").slice(1)) {
    const next = [...component, "dag", "tasks", name];
    const found = valueAt(source, next);
    if (found === undefined) return { task, component };
    task = next;
    const called = valueAt(found, ["componentRef", "name"]) ?? valueAt(found, ["component_ref", "name"]);
    if (typeof called !== "string") return { task, component: task };
    component = ["components", called];
  }
  return { task, component };
}

function valueAt(value: JsonValue, keys: Keys): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  for (const key of keys) {
    if (!isJsonObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}
