/**
 * Outputs of DAGs: what they select exists, and what they declare is selected.
 *
 * Source: docs/spec/output-propagation.md#which-parent-keys-match; resolver/run/spec-lookup.ts, which reads the same selectors.
 *
 * @module
 */
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { calleeOf, own, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

interface Selector {
  readonly noun: "parameter" | "artifact";
  /** Of the DAG. */
  readonly output: string;
  readonly producerSubtask: string;
  /** Of the producer. */
  readonly key: string;
}

/** Finds outputs of DAGs that no output of one of their tasks feeds. */
export function checkOutputs(graph: PipelineGraph): SpecProblem[] {
  return graph.reached.flatMap((reached) => {
    const selectors = selectorsOf(reached);
    return [
      ...selectors.flatMap((selector) => selectorProblems(graph, reached, selector)),
      ...findUnselected(reached, selectors),
    ];
  });
}

function selectorsOf({ dag }: ReachedComponent): Selector[] {
  const parameters = sortedEntries(dag?.outputs?.parameters).flatMap(([output, { kind }]) => {
    if (kind.case === undefined) return [];
    const selectors = kind.case === "valueFromParameter" ? [kind.value] : kind.value.parameterSelectors;
    return selectors.map(({ producerSubtask, outputParameterKey }) => ({
      ...{ noun: "parameter" as const, output, producerSubtask, key: outputParameterKey },
    }));
  });
  const artifacts = sortedEntries(dag?.outputs?.artifacts).flatMap(([output, { artifactSelectors }]) =>
    artifactSelectors.map(({ producerSubtask, outputArtifactKey }) => ({
      ...{ noun: "artifact" as const, output, producerSubtask, key: outputArtifactKey },
    })),
  );
  return [...parameters, ...artifacts];
}

function placeOf({ path, name }: ReachedComponent): Pick<SpecProblem, "taskPath" | "component"> {
  return { taskPath: path, ...(name === undefined ? {} : { component: name }) };
}

function selectorProblems(graph: PipelineGraph, reached: ReachedComponent, selector: Selector): SpecProblem[] {
  const { noun, output, producerSubtask, key } = selector;
  const place = { severity: "error", ...placeOf(reached), output } as const;
  const declared = reached.component.outputDefinitions;
  const problems: SpecProblem[] = [];
  if (own<unknown>(noun === "parameter" ? declared?.parameters : declared?.artifacts, output) === undefined) {
    const reason = `the DAG selects a value for the ${noun}, but its component does not declare it`;
    problems.push({ rule: "dag-output", ...place, reason, remedy: "declare it in outputDefinitions" });
  }
  const producer = own(reached.dag?.tasks, producerSubtask);
  if (producer === undefined) {
    const reason = `it comes from task ${quote(producerSubtask)}, which the DAG does not have`;
    return [
      ...problems,
      { rule: "dag-output", ...place, reason, remedy: namesText(Object.keys(reached.dag?.tasks ?? {}), "tasks") },
    ];
  }
  const callee = calleeOf(graph, producer);
  if (callee === undefined) return problems;
  const definitions = callee.component.outputDefinitions;
  const outputs = (noun === "parameter" ? definitions?.parameters : definitions?.artifacts) ?? {};
  if (own<unknown>(outputs, key) !== undefined) return problems;
  const reason = `it comes from output ${noun} ${quote(key)} of task ${quote(producerSubtask)}, which has no such output`;
  return [...problems, { rule: "dag-output", ...place, reason, remedy: namesText(Object.keys(outputs), `output ${noun}s`) }];
}

function findUnselected(reached: ReachedComponent, selectors: readonly Selector[]): SpecProblem[] {
  if (reached.dag === undefined) return [];
  const { parameters, artifacts } = reached.component.outputDefinitions ?? {};
  const missing = (noun: Selector["noun"], names: readonly string[]): SpecProblem[] =>
    names
      .filter((output) => !selectors.some((selector) => selector.noun === noun && selector.output === output))
      .map((output) => ({
        ...{ rule: "dag-output", severity: "warning", ...placeOf(reached), output },
        reason: `the component declares the ${noun}, but no task of its DAG gives it`,
        remedy: "select the output of a task, or take the declaration away",
      }));
  return [
    ...missing("parameter", Object.keys(parameters ?? {}).toSorted()),
    ...missing("artifact", Object.keys(artifacts ?? {}).toSorted()),
  ];
}
