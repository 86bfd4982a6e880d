/**
 * What the recordings put in the place of the user's program: it writes every declared output and reports nothing else.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { localPathForUri } from "../../src/core/executor/artifact-uri.ts";
import { ParameterType, type ComponentSpec, type ExecutorInput } from "../../src/core/kfp-types.ts";
import type { ProcessRunner } from "../../src/ports/process-runner.ts";
import { isObject, textOf } from "./compare.ts";
import type { RecordedProgram } from "./recording.ts";

const VALUES: Partial<Record<ParameterType, string>> = {
  [ParameterType.NUMBER_INTEGER]: "7",
  [ParameterType.NUMBER_DOUBLE]: "2.5",
  [ParameterType.BOOLEAN]: "true",
  [ParameterType.LIST]: '["a","b"]',
  [ParameterType.STRUCT]: '{"a":"1","b":"2"}',
};

/** The artifact that holds the logs is the launcher's own. */
const LOGS = "executor-logs";

export interface StubOptions {
  readonly executorInput: ExecutorInput;
  readonly component: ComponentSpec;
  /** The step's own outputs in the recording, for the few texts that are not the usual ones. */
  readonly recordedTexts: Readonly<Record<string, string>>;
  /** Where a path of the container lies on this machine. */
  readonly locate: (containerPath: string) => string;
}

export function stubProgram({ executorInput, component, recordedTexts, locate }: StubOptions): ProcessRunner {
  const write = async (containerPath: string, text: string): Promise<void> => {
    const file = locate(containerPath);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  return {
    async run({ log }) {
      if (log !== undefined) await write(log.path, "");
      const { parameters = {}, artifacts = {} } = executorInput.outputs ?? {};
      for (const [name, { outputFile }] of Object.entries(parameters)) {
        const type = component.outputDefinitions?.parameters[name]?.parameterType ?? ParameterType.STRING;
        await write(outputFile, VALUES[type] ?? recordedTexts[name] ?? `stub-${name}`);
      }
      for (const [name, list] of Object.entries(artifacts)) {
        if (name === LOGS) continue;
        for (const { uri, customPath } of list.artifacts) {
          const file = customPath === undefined || customPath === "" ? localPathForUri(uri) : customPath;
          if (file !== undefined) await write(file, `stub ${name}\n`);
        }
      }
      return { kind: "exited", exitCode: 0, outOfMemory: false };
    },
  };
}

/** Texts that the recorded launcher read from output files of its step: coin flips, names of branches. */
export function recordedTexts({ calls, argv }: RecordedProgram): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { method, request } of calls) {
    if (method !== "UpdateTasksBulk" || !isObject(request["tasks"])) continue;
    const task = request["tasks"][textOf(argv["--task_id"])];
    const outputs = isObject(task) && isObject(task["outputs"]) ? task["outputs"] : {};
    for (const entry of (outputs["parameters"] ?? []) as JsonValue[]) {
      if (isObject(entry) && typeof entry["value"] === "string") texts[textOf(entry["parameterKey"])] = entry["value"];
    }
  }
  return texts;
}
