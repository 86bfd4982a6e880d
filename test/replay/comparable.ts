/**
 * What a program did, in a form in which a difference has one place.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isObject } from "./compare.ts";
import type { KubernetesRequest, RecordedProgram } from "./recording.ts";

/** What was asked for, by method and path: bodies and statuses in order. How often the same was read shows in the list's length. */
export function requestTable(requests: readonly KubernetesRequest[]): JsonObject {
  const table: Record<string, JsonValue[]> = {};
  for (const { method, path, body, status } of requests) {
    (table[`${method} ${path}`] ??= []).push({
      ...(body === undefined ? {} : { body }),
      ...(status === undefined ? {} : { status }),
    });
  }
  return table;
}

/**
 * Fingerprints that hold ids or names of the run cannot be the recorded ones: ours takes the place of theirs from there on, so that
 * cached tasks are found, and equal ones must stay equal.
 */
export function unrepeatableFingerprint({ calls, outputFiles, kubernetesRequests = [] }: RecordedProgram): string | undefined {
  const fingerprint = calls
    .map(({ request: { task } }) => (isObject(task) ? task["cacheFingerprint"] : undefined))
    .find((found) => found !== undefined);
  const patch = comparableFiles(outputFiles)["pod_spec_patch_path"];
  if (typeof fingerprint !== "string") return undefined;
  // A volume task: the name of the claim is random.
  if (!isObject(patch))
    return kubernetesRequests.some(({ path, body }) => /UUID/.test(path + JSON.stringify(body ?? ""))) ? fingerprint : undefined;
  const text = JSON.stringify(patch, (key, value: JsonValue) =>
    ["outputs", "--run_id", "--task_id", "--parent_task_id", "env"].includes(key) ? undefined : value,
  );
  return /"artifactId"|RUN_ID|RUN_NAME|RUN_DISPLAY_NAME|UUID|<ROOT/.test(text) ? fingerprint : undefined;
}

/** The launcher's command as flags, JSON in arguments parsed, no fingerprint that holds ids. */
export function comparableFiles(files: JsonObject): JsonObject {
  const patch = files["pod_spec_patch_path"];
  if (!isObject(patch) || !Array.isArray(patch["containers"])) return files;
  const containers = patch["containers"].map((container) => {
    if (!isObject(container)) return container;
    const { command, args } = container;
    return {
      ...container,
      ...(Array.isArray(command) ? { command: comparableCommand(command) } : {}),
      ...(Array.isArray(args) ? { args: args.map(parsedArgument) } : {}),
    };
  });
  return { ...files, pod_spec_patch_path: { ...patch, containers } };
}

function comparableCommand(command: readonly JsonValue[]): JsonValue {
  const [program = "", ...rest] = command.map(parsedArgument);
  const flags: Record<string, JsonValue> = {};
  const order: string[] = [];
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] as JsonValue;
    const flag = typeof word === "string" ? /^(--[^=]+)(=[\s\S]*)?$/.exec(word) : null;
    if (flag === null) {
      order.push(typeof word === "string" ? word : JSON.stringify(word));
      continue;
    }
    const [, name = "", inline] = flag;
    const value: JsonValue = inline === undefined ? (rest[(index += 1)] ?? null) : inline;
    order.push(name);
    const repeated = `${name}#2`;
    flags[Object.hasOwn(flags, name) ? repeated : name] = value;
  }
  return { program, flags, order };
}

function parsedArgument(argument: JsonValue): JsonValue {
  if (isObject(argument) && Object.keys(argument).length === 1 && argument["json"] !== undefined) return argument;
  if (typeof argument !== "string" || !/^\s*[{[]/.test(argument)) return argument;
  try {
    return { json: JSON.parse(argument) as JsonValue };
  } catch {
    return argument;
  }
}
