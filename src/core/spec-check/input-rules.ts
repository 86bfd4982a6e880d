/**
 * Inputs of tasks: required ones are given, given ones are declared, and where they come from exists.
 *
 * Source: docs/spec/resolver.md#parameters-by-kind, #component-input, #task-output-parameter, #runtime-constants,
 * #task-final-status, #selector, #type-normalisation-and-literals, #component-defaults, #artifacts.
 *
 * @module
 */
import { ParameterType, type InputParameterSpec, type PipelineTaskSpec } from "../kfp-types.ts";
import { CHANNEL_PREFIX, checkConstant } from "./constant-rules.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { calleeOf, itemInputs, own, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";
import { kindMismatch, kindOfOutput, kindOfType, type Kind } from "./value-types.ts";

/** A task, where it stands. */
interface TaskCall {
  readonly graph: PipelineGraph;
  readonly parent: ReachedComponent;
  readonly available: Available;
  readonly task: PipelineTaskSpec;
  readonly callee: ReachedComponent;
  readonly at: Pick<SpecProblem, "severity" | "taskPath" | "component">;
}

/** What the tasks of one DAG can take from it. */
interface Available {
  readonly parameters: ReadonlySet<string>;
  readonly artifacts: ReadonlySet<string>;
  /** Those of them that a loop gives, item by item. */
  readonly items: ReadonlySet<string>;
}

/** Finds inputs that are missing, not declared, of another type, or come from where nothing of their kind can come from. */
export function checkInputs(graph: PipelineGraph): SpecProblem[] {
  const problems = graph.reached.flatMap((parent) => {
    const available = {
      parameters: availableParameters(parent),
      artifacts: availableArtifacts(parent),
      items: itemInputs(parent),
    };
    return sortedEntries(parent.dag?.tasks).flatMap(([taskKey, task]) => {
      const callee = calleeOf(graph, task);
      if (callee === undefined) return [];
      const component = callee.name === undefined ? {} : { component: callee.name };
      const at = { severity: "error", taskPath: `${parent.path}.${taskKey}`, ...component } as const;
      const place: TaskCall = { graph, parent, available, task, callee, at };
      return [...missingInputs(place), ...parameterProblems(place), ...artifactProblems(place)];
    });
  });
  return [...pipelineArtifacts(graph), ...problems];
}

/** Compiled components are pipelines, too, and may need artifacts as parts of others; only a run of their own cannot be. */
function pipelineArtifacts({ root }: PipelineGraph): SpecProblem[] {
  return sortedEntries(root?.component.inputDefinitions?.artifacts).flatMap(([input, { isOptional }]): SpecProblem[] => {
    if (isOptional) return [];
    const reason = "the pipeline requires an artifact, and nobody can give an artifact to a run";
    const remedy = "import it in the pipeline with dsl.importer, from a URI that is a parameter";
    return [{ rule: "pipeline-input-artifact", severity: "warning", taskPath: "root", input, reason, remedy }];
  });
}

function missingInputs({ task, callee, at }: TaskCall): SpecProblem[] {
  const { parameters, artifacts } = callee.component.inputDefinitions ?? {};
  const item = task.iterator.case === undefined ? undefined : task.iterator.value.itemInput;
  const missing = [
    ...sortedEntries(parameters)
      .filter(([, { defaultValue, isOptional, parameterType }]) => {
        return defaultValue === undefined && !isOptional && parameterType !== ParameterType.TASK_CONFIG;
      })
      .map(([input]) => ({ input, isGiven: own(task.inputs?.parameters, input) !== undefined, noun: "parameter" })),
    ...sortedEntries(artifacts)
      .filter(([, { isOptional }]) => !isOptional)
      .map(([input]) => ({ input, isGiven: own(task.inputs?.artifacts, input) !== undefined, noun: "artifact" })),
  ];
  return missing
    .filter(({ input, isGiven }) => !isGiven && input !== item)
    .map(({ input, noun }) => ({
      ...{ rule: "input-missing", ...at, input },
      reason: `the ${noun} is required, but the task gives none and the component has no default`,
      remedy: `pass the ${noun}, or make the input optional`,
    }));
}

function parameterProblems(place: TaskCall): SpecProblem[] {
  const { task, callee, at } = place;
  const declared = callee.component.inputDefinitions?.parameters;
  return sortedEntries(task.inputs?.parameters).flatMap(([input, source]): SpecProblem[] => {
    const definition = own(declared, input);
    if (definition === undefined) {
      const unknown = parameterSourceProblem(place, input, source);
      if (unknown !== undefined) return [unknown];
      return isOfSdk(input, source) ? [] : [undeclared(place, input, Object.keys(declared ?? {}))];
    }
    if (definition.parameterType === ParameterType.TASK_CONFIG) return [];
    const unknown = parameterSourceProblem(place, input, source);
    if (unknown !== undefined) return [unknown];
    if (source.parameterExpressionSelector !== "") return [];
    if (source.kind.case === "runtimeValue") {
      return source.kind.value.value.case === "constant"
        ? checkConstant({ task, input, definition, constant: source.kind.value.value.value, at })
        : [];
    }
    const kind = kindOfSource(place, source);
    const reason = kind === undefined ? undefined : kindMismatch(kind, definition.parameterType);
    if (reason === undefined) return [];
    const remedy = "change the type of one of them, or convert in a step between";
    return [{ rule: "parameter-type", ...at, input, reason, remedy }];
  });
}

/**
 * What the SDK gives to a task though its component does not declare it: the parts of a text, and the settings of the container that
 * come from parameters (`cpu_limit`, `base_image`).
 */
function isOfSdk(input: string, { kind }: InputParameterSpec): boolean {
  if (input.startsWith(CHANNEL_PREFIX)) return true;
  const constant = kind.case === "runtimeValue" && kind.value.value.case === "constant" ? kind.value.value.value.kind : undefined;
  return constant?.case === "stringValue" && constant.value.includes(`{{$.inputs.parameters['${CHANNEL_PREFIX}`);
}

/** Drivers hand it to the program all the same: no reason to refuse a run. */
function undeclared({ at }: TaskCall, input: string, known: readonly string[]): SpecProblem {
  const reason = "the task gives it, but the component does not declare it";
  return { rule: "input-undeclared", ...at, severity: "warning", input, reason, remedy: namesText(known, "inputs") };
}

function parameterSourceProblem(place: TaskCall, input: string, { kind }: InputParameterSpec): SpecProblem | undefined {
  const { graph, parent, available, task, at } = place;
  const problem = (reason: string, remedy: string, rule: SpecProblem["rule"] = "input-source"): SpecProblem => ({
    ...{ rule, ...at, input, reason, remedy },
  });
  switch (kind.case) {
    case "componentInputParameter": {
      const known = available.parameters;
      if (known.has(kind.value)) return undefined;
      return problem(
        `it takes input ${quote(kind.value)} of ${dagName(parent)}, which has no such parameter`,
        namesText(known, "parameters"),
      );
    }
    case "taskOutputParameter": {
      const { producerTask, outputParameterKey } = kind.value;
      const producer = own(parent.dag?.tasks, producerTask);
      if (producer === undefined) return problem(...unknownProducer(parent, producerTask), "dependency-missing");
      const outputs = calleeOf(graph, producer)?.component.outputDefinitions?.parameters ?? {};
      if (calleeOf(graph, producer) === undefined || own(outputs, outputParameterKey) !== undefined) return undefined;
      const reason = `it takes output parameter ${quote(outputParameterKey)} of task ${quote(producerTask)}, which has no such output`;
      return problem(reason, namesText(Object.keys(outputs), "output parameters"));
    }
    case "taskFinalStatus": {
      const { producerTask } = kind.value;
      if (own(parent.dag?.tasks, producerTask) === undefined) {
        return problem(...unknownProducer(parent, producerTask), "dependency-missing");
      }
      if (task.dependentTasks.length > 0) return undefined;
      return problem(
        "it asks for a final status, but the task depends on no other task",
        "add the task it watches to dependentTasks",
        "final-status",
      );
    }
    case "runtimeValue":
      if (kind.value.value.case === "constant") return undefined;
      break;
    default:
      break;
  }
  return problem(
    "its kind of source is not known",
    "take a constant, an input of the enclosing DAG, or an output of another task",
  );
}

function unknownProducer(parent: ReachedComponent, name: string): [reason: string, remedy: string] {
  return [
    `it takes an output of task ${quote(name)}, which its DAG does not have`,
    namesText(Object.keys(parent.dag?.tasks ?? {}), "tasks"),
  ];
}

function dagName({ name }: ReachedComponent): string {
  return name === undefined ? "the pipeline" : `component ${quote(name)}`;
}

/** Parameters a DAG's tasks can take: what it declares, and what its callers put into its row all the same. */
function availableParameters({ component, calls }: ReachedComponent): Set<string> {
  return new Set([
    ...Object.keys(component.inputDefinitions?.parameters ?? {}),
    ...calls.flatMap(({ task }) => [
      ...Object.keys(task.inputs?.parameters ?? {}),
      ...(task.iterator.case === "parameterIterator" ? [task.iterator.value.itemInput] : []),
    ]),
  ]);
}

function kindOfSource({ graph, parent, available }: TaskCall, { kind }: InputParameterSpec): Kind | undefined {
  switch (kind.case) {
    case "componentInputParameter": {
      // The items of a loop come as they are, whatever the compiler wrote beside them.
      if (available.items.has(kind.value)) return undefined;
      const definition = own(parent.component.inputDefinitions?.parameters, kind.value);
      return definition === undefined ? undefined : kindOfType(definition.parameterType);
    }
    case "taskOutputParameter": {
      const producer = own(parent.dag?.tasks, kind.value.producerTask);
      return producer === undefined ? undefined : kindOfOutput(graph, producer, kind.value.outputParameterKey);
    }
    case "taskFinalStatus":
      return "struct";
    default:
      return undefined;
  }
}

function artifactProblems(place: TaskCall): SpecProblem[] {
  const { graph, parent, available, task, callee, at } = place;
  const declared = callee.component.inputDefinitions?.artifacts;
  return sortedEntries(task.inputs?.artifacts).flatMap(([input, { kind }]): SpecProblem[] => {
    const definition = own(declared, input);
    if (definition === undefined) return [undeclared(place, input, Object.keys(declared ?? {}))];
    const problem = (reason: string, remedy: string, rule: SpecProblem["rule"] = "input-source"): SpecProblem[] => [
      { rule, ...at, input, reason, remedy },
    ];
    const wanted = definition.artifactType?.kind.value;
    switch (kind.case) {
      case "componentInputArtifact": {
        const known = available.artifacts;
        if (!known.has(kind.value)) {
          return problem(
            `it takes input ${quote(kind.value)} of ${dagName(parent)}, which has no such artifact`,
            namesText(known, "artifacts"),
          );
        }
        const source = own(parent.component.inputDefinitions?.artifacts, kind.value);
        if (parent.name === undefined && source?.isOptional === true && !definition.isOptional) {
          const reason = "it is required, but takes an artifact of the pipeline, which nobody can give to a run";
          return problem(reason, "make the input optional, or import the artifact with dsl.importer", "input-missing");
        }
        return typeProblem(at, input, source?.artifactType?.kind.value, wanted);
      }
      case "taskOutputArtifact": {
        const { producerTask, outputArtifactKey } = kind.value;
        const producer = own(parent.dag?.tasks, producerTask);
        if (producer === undefined) return problem(...unknownProducer(parent, producerTask), "dependency-missing");
        const producing = calleeOf(graph, producer);
        if (producing === undefined) return [];
        const outputs = producing.component.outputDefinitions?.artifacts ?? {};
        const output = own(outputs, outputArtifactKey);
        if (output !== undefined) return typeProblem(at, input, output.artifactType?.kind.value, wanted);
        const reason = `it takes output artifact ${quote(outputArtifactKey)} of task ${quote(producerTask)}, which has no such output`;
        return problem(reason, namesText(Object.keys(outputs), "output artifacts"));
      }
      default:
        return problem("its kind of source is not known", "take an input of the enclosing DAG, or an output of another task");
    }
  });
}

function availableArtifacts({ component, calls }: ReachedComponent): Set<string> {
  return new Set([
    ...Object.keys(component.inputDefinitions?.artifacts ?? {}),
    ...calls.flatMap(({ task }) => [
      ...Object.keys(task.inputs?.artifacts ?? {}),
      ...(task.iterator.case === "artifactIterator" ? [task.iterator.value.itemInput] : []),
    ]),
  ]);
}

/** The SDK's rule. A run does not look at the types of artifacts, so that this is no reason to refuse it. */
function typeProblem(at: TaskCall["at"], input: string, found: string | undefined, wanted: string | undefined): SpecProblem[] {
  const anyType = [undefined, "", "system.Artifact"];
  if (found === wanted || anyType.includes(found) || anyType.includes(wanted)) return [];
  const reason = `it gets an artifact of type ${found ?? ""}, but declares ${wanted ?? ""}`;
  const remedy = "change the type of one of them; the program gets the artifact as it is";
  return [{ rule: "artifact-type-mismatch", ...at, severity: "warning", input, reason, remedy }];
}
