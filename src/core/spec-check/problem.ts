/**
 * What the static check of a pipeline reports: rules with stable ids, and problems that name their place.
 *
 * @module
 */
import { oneLine } from "../one-line.ts";

/** `error`: the pipeline cannot run through; `warning`: it may do something other than its author meant. */
export type Severity = "error" | "warning";

/** Rules by their stable id, each with what it asks of a pipeline. Ids never change their meaning; a rule that is gone stays gone. */
export const SPEC_RULES = {
  "artifact-type": "artifacts have a type that can be stored",
  "artifact-type-mismatch": "an artifact goes to an input of its own type, or of the type Artifact",
  "component-missing": "a task calls a component that exists and is a DAG or has an executor",
  "component-recursive": "a component does not contain itself",
  "condition-input-unknown": "a condition names inputs that its task has",
  "condition-invalid": "a condition is a CEL expression that gives a boolean",
  "dag-output": "an output of a DAG comes from an output of one of its tasks",
  "default-type": "a default fits the type and the literals of its parameter",
  "dependency-cycle": "tasks do not wait for themselves",
  "dependency-missing": "a task waits for tasks of its own DAG",
  "executor-invalid": "an executor can be executed: an image, a URI, one output of an importer",
  "executor-missing": "a component names an executor that exists",
  "final-status": "a task that takes the final status of another runs after it, whatever became of it",
  "input-missing": "a task gives its component every required input",
  "input-source": "an input comes from a constant, from an input of the enclosing DAG, or from an output of a task beside it",
  "input-undeclared": "a task gives its component only inputs that the component declares",
  "iterator-invalid": "a loop has items that can be iterated over, and an input for each of them",
  "parameter-type": "parameters have a type, and values that fit it",
  "pipeline-input-artifact": "a pipeline needs no artifacts from outside: nobody can give them to a run",
  "plan-too-large": "a pipeline does not expand to more than can be run",
  "placeholder-unknown": "placeholders name inputs and outputs of their component",
  "root-missing": "the root of a pipeline is a DAG",
  "selector-invalid": "a selector is a CEL expression over a parameter value",
  "task-key-invalid": "the key of a task is a name without dots",
} as const;

/** Stable id of a rule. */
export type SpecRule = keyof typeof SPEC_RULES;

/** One finding: where, what, and what to do about it. */
export interface SpecProblem {
  readonly rule: SpecRule;
  readonly severity: Severity;
  /** Dotted, from `root`: the task, or the DAG, where the problem shows first. One component may be called from more places. */
  readonly taskPath: string;
  /** Key in the spec's `components`; absent for the root. */
  readonly component?: string;
  /** The input it is about. */
  readonly input?: string;
  /** The output it is about. */
  readonly output?: string;
  /** What is wrong, without place and remedy: one line, without values. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** The problem as one sentence for a person. */
export function problemText({ taskPath, component, input, output, reason, remedy }: SpecProblem): string {
  const subject = [
    ...(input === undefined ? [] : [`input "${input}" of `]),
    ...(output === undefined ? [] : [`output "${output}" of `]),
    taskPath === "root" ? "the pipeline" : `task "${taskPath}"`,
    ...(component === undefined ? [] : [` (component "${component}")`]),
  ].join("");
  return oneLine(`${subject}: ${reason}; ${remedy}`);
}

/** A name in quotation marks, cut where it would fill the screen. */
export function quote(name: string): string {
  return `"${name.length <= 120 ? name : `${name.slice(0, 119)}…`}"`;
}

/** `known are a, b`, or that there are none; for remedies. */
export function namesText(names: Iterable<string>, noun: string): string {
  const sorted = [...names].toSorted();
  if (sorted.length === 0) return `there are no ${noun}`;
  const shown = sorted.slice(0, 10).map(quote).join(", ");
  return `its ${noun} are ${shown}${sorted.length > 10 ? " and others" : ""}`;
}
