/**
 * What must hold of a pipeline before a local run starts it: everything that the static check calls an error is refused, all of it at
 * once; warnings are handed on.
 *
 * @module
 */
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { checkSpec, refusalFor } from "../../core/spec-check/check-spec.ts";
import { problemText, type SpecProblem } from "../../core/spec-check/problem.ts";

/**
 * @param what Begins every line of the error.
 * @returns The warnings.
 * @throws {SpecError} With a line for everything that does not hold.
 */
export async function checkPipeline(pipeline: ParsedPipeline, what: string): Promise<readonly SpecProblem[]> {
  const problems = await checkSpec(pipeline);
  const refusal = refusalFor(problems, what);
  if (refusal !== undefined) throw refusal;
  return problems;
}

/** Warnings that are errors once the pipeline is to run by itself, one line each. */
export function runErrors(problems: readonly SpecProblem[]): string[] {
  return problems.filter(({ rule }) => rule === "pipeline-input-artifact").map(lineOf);
}

/** The other warnings, one line each. */
export function runWarnings(problems: readonly SpecProblem[]): string[] {
  return problems.filter(({ rule, severity }) => severity === "warning" && rule !== "pipeline-input-artifact").map(lineOf);
}

function lineOf(problem: SpecProblem): string {
  return `${problemText(problem)} [${problem.rule}]`;
}
