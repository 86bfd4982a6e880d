/**
 * The static check of a compiled pipeline: everything that can be known to be wrong before anything runs, all at once.
 *
 * What it calls an error cannot run, or not as its author meant; what may run all the same is a warning. It never throws for what a
 * spec holds, and takes time in proportion to the spec, not to what the spec expands to.
 *
 * @module
 */
import { SpecError } from "../errors.ts";
import type { ParsedPipeline } from "../spec/pipeline-spec.ts";
import { checkDefaults } from "./constant-rules.ts";
import { checkExecutors } from "./executor-rules.ts";
import { checkExpressions } from "./expression-rules.ts";
import { checkInputs } from "./input-rules.ts";
import { checkIterators } from "./iterator-rules.ts";
import { checkOutputs } from "./output-rules.ts";
import { pipelineGraph } from "./pipeline-graph.ts";
import { checkPlanSize } from "./plan-rules.ts";
import { checkPlaceholders } from "./placeholder-rules.ts";
import { problemText, type SpecProblem } from "./problem.ts";
import { checkStructure } from "./structure-rules.ts";

/**
 * All problems, in the order of the tasks they are in, without repeats.
 *
 * @throws {SpecError} SPEC_INVALID only when the deployment spec cannot be read at all.
 */
export async function checkSpec(pipeline: ParsedPipeline): Promise<SpecProblem[]> {
  const graph = pipelineGraph(pipeline);
  const structure = checkStructure(graph);
  if (graph.root?.dag === undefined) return structure;
  // What is too large to run is too large to be looked at in detail: paths alone may grow with the square of the depth.
  const size = structure.some(({ rule }) => rule === "component-recursive") ? [] : checkPlanSize(graph);
  if (size.length > 0) return size;
  const problems = [
    ...structure,
    ...checkExecutors(graph),
    ...checkDefaults(graph),
    ...checkInputs(graph),
    ...checkOutputs(graph),
    ...checkIterators(graph),
    ...checkPlaceholders(graph),
    ...(await checkExpressions(graph)),
  ];
  const paths = graph.reached.flatMap(({ path, dag }) =>
    Object.keys(dag?.tasks ?? {})
      .toSorted()
      .map((key) => `${path}.${key}`),
  );
  const order = new Map(["root", ...paths].map((path, index) => [path, index]));
  const positionOf = ({ taskPath }: SpecProblem): number => order.get(taskPath) ?? order.size;
  const unique = new Map(problems.map((problem) => [`${problem.rule}\n${problemText(problem)}`, problem]));
  return [...unique.values()].toSorted((left, right) => positionOf(left) - positionOf(right));
}

/** Lines a person reads at once. */
const SHOWN_PROBLEMS = 50;

/**
 * The refusal for the errors among some problems; `undefined` when there are none.
 *
 * @param what Begins every line, as `Cannot run p.yaml`.
 */
export function refusalFor(problems: readonly SpecProblem[], what: string): SpecError | undefined {
  if (problems.every(({ severity }) => severity === "warning")) return undefined;
  const errors = problems.filter(({ rule, severity }) => severity === "error" || rule === "pipeline-input-artifact");
  const lines = errors.slice(0, SHOWN_PROBLEMS).map((problem) => `${what}: ${problemText(problem)} [${problem.rule}]`);
  if (errors.length > SHOWN_PROBLEMS) lines.push(`${what}: there are ${errors.length - SHOWN_PROBLEMS} more problems`);
  const codes = new Set(errors.map(({ rule }) => codeOf(rule)));
  const [code = "SPEC_INVALID"] = codes.size === 1 ? codes : [];
  return new SpecError(code, lines.join("\n"));
}

function codeOf(rule: SpecProblem["rule"]): ConstructorParameters<typeof SpecError>[0] {
  switch (rule) {
    case "component-missing":
    case "executor-missing":
      return "COMPONENT_NOT_FOUND";
    case "condition-invalid":
    case "condition-input-unknown":
      return "CONDITION_INVALID";
    case "placeholder-unknown":
      return "PLACEHOLDER_INVALID";
    case "artifact-type":
      return "ARTIFACT_TYPE_INVALID";
    default:
      return "SPEC_INVALID";
  }
}
