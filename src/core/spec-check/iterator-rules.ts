/**
 * Loops: something to iterate over that is, or may turn out to be, a list; and exit tasks that come after what they watch.
 *
 * Source: docs/spec/resolver.md#task-final-status, #parameter-iterator, #artifact-iterator.
 *
 * @module
 */
import type { PipelineTaskSpec } from "../kfp-types.ts";
import { PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { parseJsonText } from "../values/json-text.ts";
import { VALUE_TOO_DEEP, valueProblem } from "../values/value.ts";
import { findPlaceholders } from "../placeholders/text.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { calleeOf, own, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";
import { kindOfType } from "./value-types.ts";

/** Finds loops without items that can be iterated over or without an input for each of them, and final statuses that come too early. */
export function checkIterators(graph: PipelineGraph): SpecProblem[] {
  return graph.reached.flatMap((parent) =>
    sortedEntries(parent.dag?.tasks).flatMap(([taskKey, task]): SpecProblem[] => {
      const callee = calleeOf(graph, task);
      if (callee === undefined) return [];
      const component = callee.name === undefined ? {} : { component: callee.name };
      const at = { severity: "error", taskPath: `${parent.path}.${taskKey}`, ...component } as const;
      return [
        ...iteratorProblems(task, callee).map((problem) => ({ rule: "iterator-invalid" as const, ...at, ...problem })),
        ...policyProblems(task).map((problem) => ({ ...problem, ...at, severity: problem.severity })),
      ];
    }),
  );
}

type Finding = Pick<SpecProblem, "reason" | "remedy" | "input">;

function iteratorProblems(task: PipelineTaskSpec, callee: ReachedComponent): Finding[] {
  const { iterator } = task;
  if (iterator.case === undefined) return [];
  const { itemInput } = iterator.value;
  const isOfArtifacts = iterator.case === "artifactIterator";
  const noun = isOfArtifacts ? "artifacts" : "parameters";
  const findings: Finding[] = [];
  if (callee.dag === undefined) {
    findings.push({
      reason: "a loop needs a DAG as its body, its component is a single step",
      remedy: "put the step into a DAG",
    });
  }
  const declared = isOfArtifacts ? callee.component.inputDefinitions?.artifacts : callee.component.inputDefinitions?.parameters;
  if (itemInput === "") findings.push({ reason: "its iterator has no itemInput", remedy: "name the input that takes the items" });
  else if (own<unknown>(declared, itemInput) === undefined) {
    const reason = `the items of the loop go to it, but the component does not declare it`;
    findings.push({ input: itemInput, reason, remedy: namesText(Object.keys(declared ?? {}), noun) });
  }
  return [...findings, ...itemsProblems(task, callee)];
}

function itemsProblems(task: PipelineTaskSpec, callee: ReachedComponent): Finding[] {
  const { iterator } = task;
  if (iterator.case === "artifactIterator") {
    const source = iterator.value.items?.inputArtifact ?? "";
    return own(task.inputs?.artifacts, source) === undefined
      ? [unknownItems(source, Object.keys(task.inputs?.artifacts ?? {}))]
      : [];
  }
  const kind = iterator.case === "parameterIterator" ? iterator.value.items?.kind : undefined;
  switch (kind?.case) {
    case "raw":
      return rawProblem(kind.value);
    case "inputParameter": {
      const definition = own(callee.component.inputDefinitions?.parameters, kind.value);
      const isGiven = own(task.inputs?.parameters, kind.value) !== undefined;
      if (!isGiven && definition === undefined) return [unknownItems(kind.value, Object.keys(task.inputs?.parameters ?? {}))];
      const type = definition === undefined ? undefined : kindOfType(definition.parameterType);
      if (type === undefined || type === "list" || type === "string") return [];
      const remedy = "iterate over a list";
      return [{ input: kind.value, reason: `the loop iterates over it, but a ${type} cannot be iterated`, remedy }];
    }
    default:
      return [{ reason: "its iterator has no items", remedy: "give it a list, or name an input" }];
  }
}

function unknownItems(source: string, known: readonly string[]): Finding {
  return {
    reason: `the loop iterates over input ${quote(source)}, which the task does not have`,
    remedy: namesText(known, "inputs"),
  };
}

function rawProblem(text: string): Finding[] {
  if (findPlaceholders(text).length > 0) return [];
  const parsed = parseJsonText(text, { tooDeep: VALUE_TOO_DEEP });
  const remedy = "write the items as a JSON list";
  if ("problem" in parsed) return [{ reason: `the items of the loop cannot be read: ${parsed.problem}`, remedy }];
  const problem = valueProblem(parsed.value);
  if (problem !== undefined) return [{ reason: `the items of the loop cannot be used: ${problem}`, remedy: "change the items" }];
  return Array.isArray(parsed.value) ? [] : [{ reason: "the items of the loop are not a list", remedy }];
}

function policyProblems({
  inputs,
  triggerPolicy,
  dependentTasks,
}: PipelineTaskSpec): Array<Pick<SpecProblem, "rule" | "severity" | "reason" | "remedy" | "input">> {
  const strategy = triggerPolicy?.strategy ?? TriggerStrategy.TRIGGER_STRATEGY_UNSPECIFIED;
  if (TriggerStrategy[strategy] === undefined) {
    const reason = `its trigger strategy ${String(strategy)} is not known`;
    return [{ rule: "final-status", severity: "error", reason, remedy: "compile the pipeline again" }];
  }
  if (strategy === TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED || dependentTasks.length === 0) return [];
  return sortedEntries(inputs?.parameters)
    .filter(([, { kind }]) => kind.case === "taskFinalStatus")
    .map(([input]) => ({
      ...{ rule: "final-status", severity: "warning", input },
      reason: "it takes a final status, but the task runs only when everything before it has succeeded",
      remedy: "use dsl.ExitHandler or ignore_upstream_failure",
    }));
}
