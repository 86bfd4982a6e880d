/**
 * How a compiled pipeline is run for real, and what must come of it: the rows of the table in docs/real-runs.md.
 *
 * What is expected was written from the source of each pipeline, not from what our programs made of it.
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";

/** Why the programs of some steps of a pipeline are replaced, as docs/real-runs.md tells it. */
export const STUB_REASONS = {
  image: "the program of a step is in an image of its own, or is the image's entry point",
  index: "a step takes its packages from an index that does not exist, or its program from its image",
  program: "a step wants a program or a shell that its image brings and machines seldom have",
  cluster: "a step asks the API server of Kubernetes, which no local run has",
  internet: "a step downloads data from a site that is no package index",
  endless: "a step sleeps for minutes, or prints for one without pause",
  shows: "once more with a program that shows what the step is given: the pipeline's own does not",
} as const;
export type StubReason = keyof typeof STUB_REASONS;

/** Why the command refuses a pipeline as it stands. */
export const REFUSAL_REASONS = {
  values: "a parameter without default has no value",
  artifact: "the pipeline wants an artifact from outside, and no run can be given one",
  entryPoint: "a container has no command and no arguments, only its image's entry point",
  store: "it imports from a store that local runs have no client for",
} as const;
export type RefusalReason = keyof typeof REFUSAL_REASONS;

export type State = "SUCCEEDED" | "FAILED" | "SKIPPED";

export type JsonMetadata = Readonly<Record<string, JsonValue>>;

export interface ArtifactExpected {
  /** Of the file; absent: not looked at. */
  readonly content?: string | RegExp;
  /** Names of the files of a folder. */
  readonly files?: readonly string[];
  /** Word of the API, default Dataset. */
  readonly type?: string;
  /** Without what the runtime adds; a pattern is held against its JSON. Default none. */
  readonly metadata?: JsonMetadata | RegExp;
  /** Of what is not in the home. */
  readonly uri?: string;
  /** Of a single metric. */
  readonly number?: number;
}

/** The outputs of a step, pipeline or loop. What is not named must not be there. */
export interface ValuesExpected {
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  readonly artifacts?: Readonly<Record<string, ArtifactExpected | readonly ArtifactExpected[]>>;
}

export interface TaskExpected extends ValuesExpected {
  /** Default SUCCEEDED. */
  readonly state?: State;
  /** All that the step prints, without the line's end; of a Python component one or more whole lines of it. */
  readonly prints?: string | RegExp;
  readonly error?: RegExp;
}

/** By label: scope path without "root.", then the iterations of all loops around it: `for-loop-1.say[0]`. */
export type TasksExpected = Readonly<Record<string, State | TaskExpected>>;

/** Reads what steps with random outputs came to, so that the rest can be expected of it. */
export type OutputOf = (label: string, key?: string) => JsonValue;

export interface RealRun {
  /** Name of the compiled pipeline, without ending. */
  readonly pipeline: string;
  /** For one that is in the table twice: what is different. */
  readonly variant?: string;
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Secrets and config maps: content by NAME/KEY. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Volume claims that the pipeline expects to find. */
  readonly claims?: readonly string[];
  /** Objects in stores: content by URI. */
  readonly stored?: Readonly<Record<string, string>>;
  /** Programs of steps by executor label, in the place of those that cannot run here. */
  readonly stubs?: { readonly reason: StubReason; readonly programs: Readonly<Record<string, readonly string[]>> };
  /** Why nothing is run: what the command says, and ends with 2. */
  readonly refusal?: { readonly reason: RefusalReason; readonly says: RegExp };
  /** Of the run, default SUCCEEDED. */
  readonly state?: "SUCCEEDED" | "FAILED";
  /** Every task that has a row, but the root. */
  readonly tasks?: TasksExpected | ((outputOf: OutputOf) => TasksExpected);
  /** Labels of the tasks that never got their turn. */
  readonly notRun?: readonly string[];
  /** Of the pipeline. */
  readonly outputs?: ValuesExpected | ((outputOf: OutputOf) => ValuesExpected);
}

export const OK = "SUCCEEDED";
export const SKIPPED = "SKIPPED";

/** A step that does nothing but print. */
export function prints(text: string | RegExp): TaskExpected {
  return { prints: text };
}

/** A step that has these output parameters and prints nothing. */
export function gives(parameters: Readonly<Record<string, JsonValue>>): TaskExpected {
  return { prints: "", parameters };
}

/** A Python component that returns this. */
export function returns(value: JsonValue): TaskExpected {
  return { parameters: { Output: value } };
}

/** A step that writes this dataset and prints nothing. */
export function writes(key: string, content: string): TaskExpected {
  return { prints: "", artifacts: { [key]: { content } } };
}

export const FAILED_1: TaskExpected = { state: "FAILED", error: /exit status 1/ };
