/**
 * Stands for the user's program in a simulation: writes every output that the component declares, always the same, and reports
 * nothing but metrics.
 *
 * @module
 */
import { localPathForUri } from "../../src/core/executor/artifact-uri.ts";
import { ParameterType, type ComponentSpec, type ExecutorInput } from "../../src/core/kfp-types.ts";
import type { JsonObject } from "../../src/core/values/value.ts";
import type { CommandOptions, ProcessRunner } from "../../src/ports/process-runner.ts";

const VALUES: Readonly<Record<string, string>> = {
  NUMBER_DOUBLE: "2.5",
  BOOLEAN: "true",
  LIST: '["a","b"]',
  STRUCT: '{"a":"1","b":"2"}',
};

/** Outputs, as component and parameter, whose consumers need more than any value of the type. */
const SPECIAL_VALUES: Readonly<Record<string, string>> = {
  "comp-make-tolerations Output": '[{"key":"gpu","operator":"Exists"}]',
  "comp-make-structs Output": '[{"who":"a"},{"who":"b"}]',
  "comp-make-uri uri": "s3://bucket/made",
};

/** What a step reports of its metrics: without it they count as not written. */
const METRICS: Readonly<Record<string, JsonObject>> = {
  "system.Metrics": { accuracy: 0.9 },
  "system.ClassificationMetrics": { confidenceMetrics: [{ confidenceThreshold: 0.5, recall: 1, falsePositiveRate: 0.25 }] },
  "system.SlicedClassificationMetrics": { evaluationSlices: [{ slice: "a" }] },
};

/** Written by the launcher itself. */
const LOG_ARTIFACT = "executor-logs";

export interface StubbedStep {
  readonly componentName: string;
  readonly component: ComponentSpec;
  readonly executorInput: ExecutorInput;
  /** Of the enclosing loops: texts and integers tell them apart, so that a collection shows its order. */
  readonly iterations: readonly number[];
  readonly write: (file: string, text: string) => void;
  readonly onStart: (options: CommandOptions) => void;
}

/** What the program writes for one output parameter. */
export function stubText(output: {
  readonly componentName: string;
  readonly name: string;
  /** Word of the parameter type enum. */
  readonly type: unknown;
  readonly iterations: readonly number[];
}): string {
  const { componentName, name, type, iterations } = output;
  const suffix = iterations.length === 0 ? "" : `[${iterations.join(",")}]`;
  const own = type === "NUMBER_INTEGER" ? `7${iterations.join("")}` : `stub-${name}${suffix}`;
  return SPECIAL_VALUES[`${componentName} ${name}`] ?? VALUES[String(type)] ?? own;
}

/** The exit code of a program that fails with these arguments. */
export function exitCodeOf(args: readonly string[]): number | undefined {
  const [, exitCode] = /(?:^|\s)exit (\d+)/.exec(args.join(" ")) ?? [];
  return exitCode === undefined ? undefined : Number(exitCode);
}

/** A command with the word "exit" ends with the number that follows, without outputs. */
export function stubProgram({ componentName, component, executorInput, iterations, write, onStart }: StubbedStep): ProcessRunner {
  return {
    run(options) {
      onStart(options);
      if (options.log !== undefined) write(options.log.path, "");
      const exitCode = exitCodeOf(options.args);
      if (exitCode !== undefined) return Promise.resolve({ kind: "exited", exitCode, outOfMemory: false });
      const { parameters = {}, artifacts = {} } = executorInput.outputs ?? {};
      for (const [name, { outputFile }] of Object.entries(parameters)) {
        const type = component.outputDefinitions?.parameters[name]?.parameterType ?? ParameterType.STRING;
        write(outputFile, stubText({ componentName, name, type: ParameterType[type], iterations }));
      }
      const reported: Record<string, JsonObject> = {};
      for (const [name, list] of Object.entries(artifacts)) {
        if (name === LOG_ARTIFACT) continue;
        for (const { uri, type, customPath = "" } of list.artifacts) {
          const metadata = METRICS[type?.kind.case === "schemaTitle" ? type.kind.value : ""];
          if (metadata !== undefined) reported[name] = { artifacts: [{ name, uri, metadata }] };
          const file = customPath === "" ? localPathForUri(uri) : customPath;
          if (file !== undefined) write(file, `stub ${name}\n`);
        }
      }
      if (Object.keys(reported).length > 0) {
        write(executorInput.outputs?.outputFile ?? "", JSON.stringify({ artifacts: reported }));
      }
      return Promise.resolve({ kind: "exited", exitCode: 0, outOfMemory: false });
    },
  };
}
