/**
 * What a run of a compiled pipeline leaves, computed from its YAML alone: every row with its type, state, place, inputs, outputs and
 * children. Shares no code with drivers and launchers. User programs are those of stub-program.ts.
 *
 * @module
 */
import { member, type CompiledPipeline } from "../../support/pipeline-model.ts";
import { exitCodeOf, stubText } from "../stub-program.ts";
import { conditionHolds } from "./conditions.ts";
import {
  inOrder,
  type Dag,
  type ModelArtifact,
  type ModelFacts,
  type ModelInput,
  type ModelOutput,
  type ModelRow,
  type Plain,
} from "./rows.ts";
import { TaskInputs, type Place } from "./task-inputs.ts";
import { parsedOutput, textOf } from "./values.ts";

/** Every row of the run, by label. */
export function modelRun({ spec }: CompiledPipeline, facts: ModelFacts): Map<string, ModelRow> {
  return new RunModel(spec, facts).run();
}

class RunModel {
  readonly #spec: Plain;
  readonly #facts: ModelFacts;
  readonly #rows = new Map<string, ModelRow>();

  constructor(spec: Plain, facts: ModelFacts) {
    this.#spec = spec;
    this.#facts = facts;
  }

  run(): Map<string, ModelRow> {
    const component = member(this.#spec, "root");
    const inputs = new Map(
      Object.entries(this.#facts.parameters).map(([key, value]): [string, ModelInput[]] => [
        key,
        [["RUNTIME_VALUE_INPUT", value]],
      ]),
    );
    const row = this.#add({ label: "ROOT", type: "ROOT", scopePath: "root", iteration: undefined }, inputs);
    this.#runTasks({ row, component, iterations: [] }, undefined);
    this.#close(row, component);
    return this.#rows;
  }

  #add(place: Pick<ModelRow, "label" | "type" | "scopePath" | "iteration">, inputs: Map<string, ModelInput[]>): ModelRow {
    const row: ModelRow = {
      ...place,
      ...{ state: "SUCCEEDED", iterationCount: undefined, inputs, inputArtifacts: new Map() },
      ...{ outputs: new Map(), outputArtifacts: new Map(), children: 0 },
    };
    this.#rows.set(row.label, row);
    return row;
  }

  /** The tasks of one DAG, or of one iteration of a loop, in an order that the dependencies allow. */
  #runTasks(dag: Dag, iteration: number | undefined): void {
    const tasks = new Map(Object.entries(member(dag.component, "dag", "tasks")) as [string, Plain][]);
    const done = new Map<string, ModelRow | undefined>();
    while (done.size < tasks.size) {
      const [key, task] =
        [...tasks].find(([name, spec]) => !done.has(name) && upstreamOf(spec).every((other) => done.has(other))) ?? [];
      if (key === undefined || task === undefined) throw new Error("the tasks depend on each other in a circle");
      const waits = member(task, "triggerPolicy")["strategy"] === "ALL_UPSTREAM_TASKS_COMPLETED";
      const lost = upstreamOf(task).some((name) => done.get(name) === undefined || done.get(name)?.state === "FAILED");
      done.set(key, lost && !waits ? undefined : this.#runTask({ dag, iteration, siblings: done }, key, task));
    }
  }

  #runTask(place: Place, key: string, task: Plain): ModelRow {
    const { dag, iteration } = place;
    const component = member(this.#spec, "components", String(member(task, "componentRef")["name"]));
    const executor = member(
      this.#spec,
      "deploymentSpec",
      "executors",
      textOf((component["executorLabel"] as string | undefined) ?? ""),
    );
    const isDag = component["dag"] !== undefined;
    const condition = textOf((member(task, "triggerPolicy")["condition"] as string | undefined) ?? "");
    const label = `${dag.row.label}/${key}${iteration === undefined ? "" : `[${String(iteration)}]`}`;
    const step = new TaskInputs(place, { key, task, component }, this.#facts);
    const inputs = step.resolve();
    dag.row.children += 1;
    const row = this.#add(
      {
        label,
        type: isDag ? dagType(key, task, condition) : executor["importer"] === undefined ? "RUNTIME" : "IMPORTER",
        scopePath: `${dag.row.scopePath}.${key}`,
        iteration,
      },
      inputs,
    );
    for (const [name, artifacts] of step.artifacts()) row.inputArtifacts.set(name, artifacts);
    // An importer has no driver that would store its inputs.
    if (row.type === "IMPORTER") row.inputs.clear();
    const values = new Map([...inputs].flatMap(([name, [first]]) => (first === undefined ? [] : [[name, first[1]] as const])));
    if (condition !== "" && !conditionHolds(condition, values)) row.state = "SKIPPED";
    else if (isDag) this.#runDag({ row, component, iterations: dag.iterations, ...artifactItemOf(task) }, step);
    else this.#runLeaf({ row, component, iterations: dag.iterations }, String(member(task, "componentRef")["name"]), executor);
    return row;
  }

  #runDag(dag: Dag, step: TaskInputs): void {
    const { row, component, iterations } = dag;
    const count = step.addItems(row);
    row.iterationCount = count;
    if (count === 0) {
      row.state = "SKIPPED";
      return;
    }
    // What is below an iteration is in that iteration, however deep.
    if (count === undefined) this.#runTasks(dag, row.iteration);
    else for (let index = 0; index < count; index += 1) this.#runTasks({ ...dag, iterations: [...iterations, index] }, index);
    this.#close(row, component);
  }

  #runLeaf({ row, component, iterations }: Dag, componentName: string, executor: Plain): void {
    const container = member(executor, "container");
    const command = [
      ...((container["command"] as string[] | undefined) ?? []),
      ...((container["args"] as string[] | undefined) ?? []),
    ];
    const isCluster = textOf((container["image"] as string | undefined) ?? "").startsWith("argostub/");
    const declared = member(component, "outputDefinitions");
    if (executor["container"] !== undefined && !isCluster) row.outputArtifacts.set("executor-logs", [own(row, "executor-logs")]);
    if (executor["container"] !== undefined && command.length === 0) row.outputArtifacts.clear();
    if (
      executor["container"] !== undefined &&
      !isCluster &&
      (command.length === 0 || exitCodeOf(command.slice(1)) !== undefined)
    ) {
      row.state = "FAILED";
      return;
    }
    for (const [name, definition] of Object.entries(member(declared, "parameters"))) {
      const type = member(definition)["parameterType"];
      const made = this.#facts.clusterOutput(row.label, name);
      const value = isCluster ? made : parsedOutput(stubText({ componentName, name, type, iterations }), type);
      if (value !== undefined) row.outputs.set(name, [[undefined, value]]);
    }
    for (const name of Object.keys(member(declared, "artifacts"))) row.outputArtifacts.set(name, [own(row, name)]);
  }

  /** Outputs and state of a DAG from its children. */
  #close(row: ModelRow, component: Plain): void {
    const children = [...this.#rows.values()].filter(({ label }) => label.slice(0, label.lastIndexOf("/")) === row.label);
    const outputs = member(component, "dag", "outputs");
    for (const [name, output] of Object.entries(member(outputs, "parameters"))) {
      const { valueFromParameter, valueFromOneof } = member(output);
      const selectors = valueFromParameter === undefined ? member(valueFromOneof)["parameterSelectors"] : [valueFromParameter];
      const found = (selectors as Plain[]).flatMap(({ producerSubtask, outputParameterKey }) =>
        children
          .filter((child) => keyOf(child) === producerSubtask)
          .flatMap((child) => climbing(child, String(outputParameterKey)).map((entry) => stamped(row, child, entry))),
      );
      if (found.length > 0) row.outputs.set(name, found);
    }
    for (const [name, output] of Object.entries(member(outputs, "artifacts"))) {
      const selectors = member(output)["artifactSelectors"] as Plain[];
      const found = selectors.flatMap(({ producerSubtask, outputArtifactKey }) =>
        children
          .filter((child) => keyOf(child) === producerSubtask)
          .flatMap((child) =>
            (child.outputArtifacts.get(String(outputArtifactKey)) ?? []).map((entry) => stamped(row, child, entry)),
          ),
      );
      if (found.length > 0) row.outputArtifacts.set(name, found);
    }
    const states = new Set(children.map(({ state }) => state));
    if (states.has("FAILED")) row.state = "FAILED";
    else if (states.size === 1 && states.has("SKIPPED")) row.state = "SKIPPED";
  }
}

function upstreamOf(task: Plain): string[] {
  const sources = [
    ...Object.values(member(task, "inputs", "parameters")),
    ...Object.values(member(task, "inputs", "artifacts")),
  ].flatMap((input) =>
    ["taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"].flatMap(
      (kind) => (member(input, kind)["producerTask"] as string | undefined) ?? [],
    ),
  );
  return [...new Set([...((task["dependentTasks"] as string[] | undefined) ?? []), ...sources])];
}

function artifactItemOf(task: Plain): { readonly artifactItem?: string } {
  const { itemInput } = member(task["artifactIterator"]);
  return typeof itemInput === "string" ? { artifactItem: itemInput } : {};
}

function dagType(key: string, task: Plain, condition: string): string {
  if (task["parameterIterator"] !== undefined || task["artifactIterator"] !== undefined) return "LOOP";
  if (condition !== "") return "CONDITION_BRANCH";
  return /^condition-\d+$/.test(key) ? "CONDITION" : "DAG";
}

function keyOf({ scopePath }: ModelRow): string {
  return scopePath.slice(scopePath.lastIndexOf(".") + 1);
}

function own({ label }: ModelRow, key: string): ModelArtifact {
  return [undefined, `${label}:${key}`];
}

/** A loop inside a loop hands on one list; everything else what it has. */
function climbing(child: ModelRow, key: string): ModelOutput[] {
  const entries = child.outputs.get(key) ?? [];
  if (child.iterationCount === undefined || child.iteration === undefined || entries.length === 0) return entries;
  return [[child.iteration, inOrder(entries).map(([, value]) => value)]];
}

/** In a loop's row every entry has the iteration of the child it came from. */
function stamped<Entry extends readonly [number | undefined, ...unknown[]]>(row: ModelRow, child: ModelRow, entry: Entry): Entry {
  if (row.iterationCount === undefined) return entry;
  const [, ...rest] = entry;
  return [child.iteration, ...rest] as unknown as Entry;
}
