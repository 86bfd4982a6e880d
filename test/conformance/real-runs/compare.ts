/**
 * Compares what came of a run with what its row expects.
 *
 * Both sides become plain values that are equal when the run did as it should, so that a test shows what differs.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { ArtifactResult, RunResult, TaskResult, ValuesResult } from "../../../src/local/results/run-result.ts";
import type { CliRun } from "../../support/built-programs.ts";
import { parseResult, statesOf } from "../../support/run-results.ts";
import type { ArtifactExpected, OutputOf, RealRun, TaskExpected, ValuesExpected } from "./real-run.ts";

/** Added by the runtime to what components write. */
const OWN_ARTIFACT = "executor-logs";
const OWN_METADATA = /^_kfp_/;

/** What the row expects, and what was: equal when the run did as it should. */
export function compareRow(row: RealRun, ended: CliRun): { readonly expected: unknown; readonly actual: unknown } {
  const result = parseResult(ended.stdout);
  const outputOf: OutputOf = (label, key = "Output") => taskOf(result, label)?.outputs.parameters[key] ?? null;
  const tasks = typeof row.tasks === "function" ? row.tasks(outputOf) : (row.tasks ?? {});
  const outputs = typeof row.outputs === "function" ? row.outputs(outputOf) : (row.outputs ?? {});
  const labels = labelsOf(result);
  const actualTasks = Object.fromEntries(
    [...labels].filter(([label]) => label !== "root").map(([label, task]) => [label, observed(task, tasks[label])]),
  );
  const expectedTasks = Object.fromEntries(Object.entries(tasks).map(([label, task]) => [label, wanted(task)]));
  const state = row.state ?? "SUCCEEDED";
  return {
    expected: {
      code: state === "SUCCEEDED" ? 0 : 1,
      state,
      root: rootState(row, expectedTasks),
      tasks: expectedTasks,
      notRun: (row.notRun ?? []).toSorted(),
      outputs: wantedValues(outputs),
    },
    actual: {
      code: ended.code,
      state: result.state,
      root: labels.get("root")?.state,
      tasks: actualTasks,
      notRun: result.notRun.map(notRunLabel).toSorted(),
      outputs: observedValues(result.outputs, outputs),
    },
  };
}

/** All tasks SKIPPED make a root that is SKIPPED, in a run that has succeeded. */
function rootState({ state = "SUCCEEDED" }: RealRun, tasks: Readonly<Record<string, { readonly state: string }>>): string {
  const states = Object.entries(tasks).flatMap(([label, task]) => (label.includes(".") ? [] : [task.state]));
  return states.length > 0 && states.every((word) => word === "SKIPPED") ? "SKIPPED" : state;
}

function labelsOf(result: RunResult): Map<string, TaskResult> {
  // In the order of the tasks.
  const labels = Object.keys(statesOf(result));
  return new Map(result.tasks.map((task, index) => [labels[index] ?? "", task]));
}

const taskOf = (result: RunResult, label: string): TaskResult | undefined => labelsOf(result).get(label);

function notRunLabel({ scopePath, iterations }: RunResult["notRun"][number]): string {
  const label = scopePath.replace(/^root\./, "");
  return iterations.length === 0 ? label : `${label}[${iterations.join(",")}]`;
}

/** A task of which nothing but its state is expected. */
function isStateOnly({ prints, error, parameters, artifacts }: TaskExpected): boolean {
  return prints === undefined && error === undefined && parameters === undefined && artifacts === undefined;
}

function wanted(expected: string | TaskExpected): { readonly state: string } {
  if (typeof expected === "string") return { state: expected };
  const { state = "SUCCEEDED", prints, error } = expected;
  return {
    state,
    ...(prints === undefined ? {} : { prints: textOf(prints) }),
    ...(error === undefined ? {} : { error: textOf(error) }),
    ...(isStateOnly(expected) ? {} : { outputs: wantedValues(expected) }),
  };
}

function observed(task: TaskResult, expected: string | TaskExpected | undefined): { readonly state: string } {
  const { state, error } = task;
  // Of a task that was not expected everything is shown.
  if (expected === undefined) return { state, ...{ outputs: observedValues(task.outputs, {}), error, log: logOf(task) } };
  if (typeof expected === "string") return { state };
  return {
    state,
    ...(expected.prints === undefined ? {} : { prints: matched(logOf(task), expected.prints) }),
    ...(expected.error === undefined ? {} : { error: error === undefined ? undefined : matched(error, expected.error) }),
    ...(isStateOnly(expected) ? {} : { outputs: observedValues(task.outputs, expected) }),
  };
}

/** What the step has printed; undefined where it has not run. */
function logOf({ outputs }: TaskResult): string {
  const uri = outputs.artifacts[OWN_ARTIFACT]?.[0]?.uri ?? "";
  return existsSync(uri) ? readFileSync(uri, "utf8").replace(/\n$/, "") : "no log";
}

/** The expectation itself where the text meets it, else the text. */
function matched(text: string, expected: string | RegExp): string {
  if (typeof expected !== "string") return expected.test(text) ? textOf(expected) : text;
  // The SDK's executor prints around what the component prints.
  const isPython = text.includes("[KFP Executor");
  return isPython && `\n${text}\n`.includes(`\n${expected}\n`) ? expected : text;
}

const textOf = (expected: string | RegExp): string => (typeof expected === "string" ? expected : String(expected));

function wantedValues({ parameters = {}, artifacts = {} }: ValuesExpected): unknown {
  return {
    parameters,
    artifacts: mapValues(artifacts, (expected) => listOf(expected).map(wantedArtifact)),
  };
}

function wantedArtifact({ type = "Dataset", metadata = {}, content, uri, number, files }: ArtifactExpected): unknown {
  return {
    type,
    metadata: metadata instanceof RegExp ? textOf(metadata) : metadata,
    ...(content === undefined ? {} : { content: textOf(content) }),
    ...(files === undefined ? {} : { files }),
    ...(uri === undefined ? {} : { uri }),
    ...(number === undefined ? {} : { number }),
  };
}

function observedValues({ parameters, artifacts }: ValuesResult, expected: ValuesExpected): unknown {
  const { [OWN_ARTIFACT]: _, ...own } = artifacts;
  return {
    parameters,
    artifacts: mapValues(own, (list, key) => {
      const expectations = listOf(expected.artifacts?.[key] ?? []);
      return list.map((artifact, index) => observedArtifact(artifact, expectations[index] ?? {}));
    }),
  };
}

function observedArtifact(artifact: ArtifactResult, expected: ArtifactExpected): unknown {
  const { content, uri, number, files } = expected;
  const metadata = Object.fromEntries(Object.entries(artifact.metadata).filter(([key]) => !OWN_METADATA.test(key)));
  const isPattern = expected.metadata instanceof RegExp;
  return {
    type: artifact.type,
    metadata: isPattern ? matched(JSON.stringify(metadata), expected.metadata) : metadata,
    ...(content === undefined ? {} : { content: matchedContent(artifact.uri, content) }),
    ...(files === undefined ? {} : { files: existsSync(artifact.uri) ? readdirSync(artifact.uri).toSorted() : "nothing" }),
    ...(uri === undefined ? {} : { uri: artifact.uri }),
    ...(number === undefined ? {} : { number: artifact.numberValue }),
  };
}

function matchedContent(uri: string, expected: string | RegExp): string {
  if (!existsSync(uri) || statSync(uri).isDirectory()) return `no file ${uri}`;
  const text = readFileSync(uri, "utf8");
  return typeof expected !== "string" && expected.test(text) ? textOf(expected) : text;
}

const listOf = <Item>(items: Item | readonly Item[]): readonly Item[] => (Array.isArray(items) ? items : [items as Item]);

function mapValues<In, Out>(record: Readonly<Record<string, In>>, map: (value: In, key: string) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
