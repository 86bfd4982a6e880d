/**
 * What executes a component: an executor that exists, with an image or a URI, and output types that can be stored.
 *
 * @module
 */
import { artifactTypeOfSchema } from "../spec/artifact-type.ts";
import { errorMessage } from "../errors.ts";
import { ParameterType, type ImporterSpec } from "../kfp-types.ts";
import { quote, type SpecProblem } from "./problem.ts";
import { executorOfReached, own, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

/** Finds components whose executor is missing or cannot be executed, and outputs whose type cannot be stored. */
export function checkExecutors(graph: PipelineGraph): SpecProblem[] {
  return graph.reached
    .filter(({ dag, name }) => dag === undefined && name !== undefined)
    .flatMap((reached) => [...executorProblems(graph, reached), ...outputTypeProblems(reached)]);
}

function placeOf({ path, name }: ReachedComponent): Pick<SpecProblem, "severity" | "taskPath" | "component"> {
  return { severity: "error", taskPath: path, ...(name === undefined ? {} : { component: name }) };
}

function executorProblems(graph: PipelineGraph, reached: ReachedComponent): SpecProblem[] {
  const { implementation } = reached.component;
  const place = placeOf(reached);
  const label = implementation.case === "executorLabel" ? implementation.value : "";
  const remedy = "compile the pipeline again with the KFP SDK, version 2";
  if (label === "") {
    const reason = "its component is neither a DAG nor has it an executor, so nothing can be executed for it";
    return [{ rule: "component-missing", ...place, reason, remedy }];
  }
  const executor = executorOfReached(graph, reached);
  if (executor === undefined) {
    const reason = `its component refers to executor ${quote(label)}, which the deployment spec does not have`;
    return [{ rule: "executor-missing", ...place, reason, remedy }];
  }
  switch (executor.spec.case) {
    case "container":
      if (executor.spec.value.image !== "") return [];
      return [{ rule: "executor-invalid", ...place, reason: "its container names no image", remedy: "give it an image" }];
    case "importer":
      return importerProblems(reached, executor.spec.value);
    case undefined:
      return [{ rule: "executor-invalid", ...place, reason: `executor ${quote(label)} is empty`, remedy }];
    default:
      // Kinds that exist elsewhere are refused by whoever cannot run them.
      return [];
  }
}

function importerProblems(reached: ReachedComponent, { artifactUri, typeSchema }: ImporterSpec): SpecProblem[] {
  const { component, calls } = reached;
  const problems: SpecProblem[] = [];
  const add = (reason: string, remedy: string, rule: SpecProblem["rule"] = "executor-invalid"): void => {
    problems.push({ rule, ...placeOf(reached), reason, remedy });
  };
  const source = artifactUri?.value;
  if (source?.case === undefined) add("its importer has no artifact URI", "give it one");
  if (source?.case === "constant" && (source.value.kind.case !== "stringValue" || source.value.kind.value === "")) {
    add("the artifact URI of its importer is not a text", "give it a URI such as s3://bucket/key");
  }
  if (source?.case === "runtimeParameter" && own(component.inputDefinitions?.parameters, source.value) === undefined) {
    const isGiven = calls.every(({ task }) => own(task.inputs?.parameters, source.value) !== undefined);
    if (!isGiven) {
      const reason = `the artifact URI of its importer is input ${quote(source.value)}, which its component does not have`;
      add(reason, "declare the input", "placeholder-unknown");
    }
  }
  const outputs = Object.keys(component.outputDefinitions?.artifacts ?? {}).length;
  if (outputs !== 1) add(`an importer must have one output artifact, its component has ${outputs}`, "declare exactly one");
  try {
    artifactTypeOfSchema(typeSchema);
  } catch (error) {
    add(errorMessage(error), "give the importer an artifact class", "artifact-type");
  }
  return problems;
}

function outputTypeProblems(reached: ReachedComponent): SpecProblem[] {
  const { parameters, artifacts } = reached.component.outputDefinitions ?? {};
  const problems: SpecProblem[] = [];
  for (const [output, { parameterType }] of sortedEntries(parameters)) {
    if (isWritable(parameterType)) continue;
    const type = ParameterType[parameterType] ?? String(parameterType);
    const reason = `a program cannot write an output parameter of type ${type}`;
    problems.push({ rule: "parameter-type", ...placeOf(reached), output, reason, remedy: "set its parameterType" });
  }
  for (const [output, { artifactType }] of sortedEntries(artifacts)) {
    try {
      artifactTypeOfSchema(artifactType);
    } catch (error) {
      const remedy = "set its artifactType";
      problems.push({ rule: "artifact-type", ...placeOf(reached), output, reason: errorMessage(error), remedy });
    }
  }
  return problems;
}

function isWritable(type: ParameterType): boolean {
  return (
    type !== ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED &&
    type !== ParameterType.TASK_FINAL_STATUS &&
    type !== ParameterType.TASK_CONFIG &&
    ParameterType[type] !== undefined
  );
}
