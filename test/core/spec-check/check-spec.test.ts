import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SpecError } from "../../../src/core/errors.ts";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import { checkSpec, refusalFor } from "../../../src/core/spec-check/check-spec.ts";
import { problemText, SPEC_RULES, type SpecProblem } from "../../../src/core/spec-check/problem.ts";
import { readYaml } from "../../../src/core/values/yaml-text.ts";
import { conformancePipelines } from "../../conformance/pipelines.ts";

const DATASET = { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" };

/** A pipeline with one of everything, without a problem. */
function soundPipeline(): JsonObject {
  const spec = {
    pipelineInfo: { name: "sound" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: {
      inputDefinitions: {
        parameters: {
          text: { parameterType: "STRING", defaultValue: "a", isOptional: true },
          count: { parameterType: "NUMBER_INTEGER", defaultValue: 3, isOptional: true },
          maybe: { parameterType: "STRING", isOptional: true },
          needed: { parameterType: "STRUCT" },
        },
        artifacts: { extra: { artifactType: DATASET, isOptional: true } },
      },
      outputDefinitions: { parameters: { all: { parameterType: "LIST" } }, artifacts: { data: { artifactType: DATASET } } },
      dag: {
        outputs: {
          parameters: { all: { valueFromParameter: { producerSubtask: "loop", outputParameterKey: "lengths" } } },
          artifacts: { data: { artifactSelectors: [{ producerSubtask: "make", outputArtifactKey: "data" }] } },
        },
        tasks: {
          make: {
            componentRef: { name: "comp-make" },
            taskInfo: { name: "make" },
            inputs: {
              parameters: {
                text: { runtimeValue: { constant: "x {{$.inputs.parameters['pipelinechannel--text']}}" } },
                cpu_limit: { runtimeValue: { constant: "{{$.inputs.parameters['pipelinechannel--text']}}" } },
                "pipelinechannel--text": { componentInputParameter: "text" },
                fields: { componentInputParameter: "needed" },
                count: { runtimeValue: { constant: 4 } },
              },
            },
          },
          loop: {
            componentRef: { name: "comp-loop" },
            taskInfo: { name: "loop" },
            dependentTasks: ["make"],
            parameterIterator: { itemInput: "item", items: { inputParameter: "items" } },
            inputs: {
              parameters: { items: { taskOutputParameter: { producerTask: "make", outputParameterKey: "items" } } },
              artifacts: { data: { taskOutputArtifact: { producerTask: "make", outputArtifactKey: "data" } } },
            },
          },
          literal: {
            componentRef: { name: "comp-literal" },
            taskInfo: { name: "literal" },
            parameterIterator: { itemInput: "item", items: { raw: '[{"a": 1}]' } },
            inputs: { parameters: { count: { componentInputParameter: "count" } } },
            triggerPolicy: {
              condition:
                "inputs.parameter_values['count'] > 2 && int(inputs.parameter_values['count']) != 7 && inputs.parameter_values['count'] != 'x'",
            },
          },
          bring: {
            componentRef: { name: "comp-bring" },
            taskInfo: { name: "bring" },
            inputs: { parameters: { uri: { componentInputParameter: "text" } } },
          },
          last: {
            componentRef: { name: "comp-last" },
            taskInfo: { name: "last" },
            dependentTasks: ["loop"],
            inputs: {
              parameters: {
                status: { taskFinalStatus: { producerTask: "loop" } },
                all: { taskOutputParameter: { producerTask: "loop", outputParameterKey: "lengths" } },
                text: { taskOutputParameter: { producerTask: "loop", outputParameterKey: "lengths" } },
              },
            },
            triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" },
          },
        },
      },
    },
    components: {
      "comp-make": {
        executorLabel: "exec-make",
        inputDefinitions: {
          parameters: {
            text: { parameterType: "STRING" },
            fields: { parameterType: "STRUCT" },
            count: { parameterType: "NUMBER_INTEGER", literals: [3, 4] },
            omitted: { parameterType: "STRING", isOptional: true },
            defaulted: { parameterType: "BOOLEAN", defaultValue: false },
          },
          artifacts: { before: { artifactType: DATASET, isOptional: true } },
        },
        outputDefinitions: { parameters: { items: { parameterType: "LIST" } }, artifacts: { data: { artifactType: DATASET } } },
      },
      "comp-loop": {
        inputDefinitions: {
          parameters: { item: { parameterType: "STRING" }, items: { parameterType: "LIST" } },
          artifacts: { data: { artifactType: DATASET } },
        },
        outputDefinitions: { parameters: { lengths: { parameterType: "LIST" } } },
        dag: {
          outputs: {
            parameters: { lengths: { valueFromParameter: { producerSubtask: "measure", outputParameterKey: "length" } } },
          },
          tasks: {
            measure: {
              componentRef: { name: "comp-measure" },
              taskInfo: { name: "measure" },
              inputs: {
                parameters: { number: { componentInputParameter: "item" } },
                artifacts: { data: { componentInputArtifact: "data" } },
              },
            },
          },
        },
      },
      "comp-literal": {
        inputDefinitions: { parameters: { item: { parameterType: "STRUCT" }, count: { parameterType: "NUMBER_INTEGER" } } },
        dag: {
          tasks: {
            measure: {
              componentRef: { name: "comp-number" },
              taskInfo: { name: "measure" },
              inputs: {
                parameters: {
                  number: { componentInputParameter: "item", parameterExpressionSelector: 'parseJson(string_value)["a"]' },
                },
              },
            },
          },
        },
      },
      "comp-measure": {
        executorLabel: "exec-measure",
        inputDefinitions: {
          parameters: { number: { parameterType: "NUMBER_DOUBLE" } },
          artifacts: { data: { artifactType: { schemaTitle: "system.Artifact" } } },
        },
        outputDefinitions: { parameters: { length: { parameterType: "NUMBER_INTEGER" } } },
      },
      "comp-number": {
        executorLabel: "exec-number",
        inputDefinitions: { parameters: { number: { parameterType: "NUMBER_DOUBLE" } } },
      },
      "comp-bring": {
        executorLabel: "exec-bring",
        inputDefinitions: { parameters: { uri: { parameterType: "STRING" } } },
        outputDefinitions: { artifacts: { artifact: { artifactType: DATASET } } },
      },
      "comp-last": {
        executorLabel: "exec-last",
        inputDefinitions: {
          parameters: {
            status: { parameterType: "TASK_FINAL_STATUS" },
            all: { parameterType: "LIST" },
            text: { parameterType: "STRING" },
          },
        },
      },
    },
    deploymentSpec: {
      executors: {
        "exec-make": {
          container: {
            image: "i",
            command: ["sh", "-c", "{{$}} {{$.outputs.output_file}} {{$.pipeline_job_uuid}}"],
            args: [
              "{{$.inputs.parameters['text']}}",
              "{{$.outputs.parameters['items'].output_file}}",
              "{{$.outputs.artifacts['data'].path}}",
              '{"IfPresent": {"InputName": "omitted", "Then": ["--omitted", "{{$.inputs.parameters[\'omitted\']}}"]}}',
            ],
            env: [{ name: "TEXT", value: "{{$.inputs.parameters['fields']}}" }],
          },
        },
        "exec-measure": { container: { image: "i", command: ["true"], args: ["{{$.inputs.artifacts['data'].uri}}"] } },
        "exec-number": { container: { image: "i", command: ["true"] } },
        "exec-bring": {
          importer: {
            artifactUri: { runtimeParameter: "uri" },
            typeSchema: DATASET,
            metadata: { from: "{{$.inputs.parameters['uri']}}" },
          },
        },
        "exec-last": { container: { image: "i", command: ["true"] } },
      },
    },
  };
  // Changes to one part must not show in another.
  return JSON.parse(JSON.stringify(spec)) as JsonObject;
}

type Path = string;

/** Sets the member at a path of keys joined by "/"; `undefined` removes it. */
function changed(changes: Readonly<Record<Path, JsonValue | undefined>>): JsonObject {
  const spec = soundPipeline();
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split("/");
    const last = keys.pop() as string;
    let target = spec;
    for (const key of keys) {
      const next = (target[key] ??= {});
      target = next as JsonObject;
    }
    if (value === undefined) delete target[last];
    else target[last] = value;
  }
  return spec;
}

const check = (spec: JsonObject): Promise<SpecProblem[]> => checkSpec(parsePipelineSpec(spec));
const MAKE = "root/dag/tasks/make";
const LOOP = "root/dag/tasks/loop";
const LITERAL = "root/dag/tasks/literal";
const LAST = "root/dag/tasks/last";

interface Row {
  readonly name: string;
  readonly changes: Readonly<Record<Path, JsonValue | undefined>>;
  readonly problem: Partial<SpecProblem>;
  readonly text: RegExp;
}

const ERRORS: readonly Row[] = [
  {
    name: "a root that is not a DAG",
    changes: { "root/dag": undefined },
    problem: { rule: "root-missing", taskPath: "root" },
    text: /root of the pipeline is not a DAG/,
  },
  {
    name: "a component that does not exist",
    changes: { [`${MAKE}/componentRef/name`]: "comp-none" },
    problem: { rule: "component-missing", taskPath: "root.make" },
    text: /refers to component "comp-none", which the pipeline spec does not have/,
  },
  {
    name: "a task without component",
    changes: { [`${MAKE}/componentRef`]: undefined },
    problem: { rule: "component-missing" },
    text: /refers to no component/,
  },
  {
    name: "a component with neither DAG nor executor",
    changes: { "components/comp-number/executorLabel": undefined },
    problem: { rule: "component-missing", taskPath: "root.literal.measure", component: "comp-number" },
    text: /neither a DAG nor has it an executor/,
  },
  {
    name: "an executor that does not exist",
    changes: { "components/comp-number/executorLabel": "exec-none" },
    problem: { rule: "executor-missing", component: "comp-number" },
    text: /refers to executor "exec-none"/,
  },
  {
    name: "a property that every object has",
    changes: { "components/comp-number/executorLabel": "constructor" },
    problem: { rule: "executor-missing" },
    text: /refers to executor "constructor"/,
  },
  {
    name: "an executor without image",
    changes: { "deploymentSpec/executors/exec-make/container/image": undefined },
    problem: { rule: "executor-invalid", taskPath: "root.make" },
    text: /names no image/,
  },
  {
    name: "an empty executor",
    changes: { "deploymentSpec/executors/exec-number": {} },
    problem: { rule: "executor-invalid" },
    text: /executor "exec-number" is empty/,
  },
  {
    name: "an importer without URI",
    changes: { "deploymentSpec/executors/exec-bring/importer/artifactUri": undefined },
    problem: { rule: "executor-invalid", taskPath: "root.bring" },
    text: /no artifact URI/,
  },
  {
    name: "an importer whose URI is a number",
    changes: { "deploymentSpec/executors/exec-bring/importer/artifactUri": { constant: 3 } },
    problem: { rule: "executor-invalid" },
    text: /URI of its importer is not a text/,
  },
  {
    name: "an importer whose URI is an input it does not have",
    changes: { "deploymentSpec/executors/exec-bring/importer/artifactUri": { runtimeParameter: "url" } },
    problem: { rule: "placeholder-unknown", taskPath: "root.bring" },
    text: /is input "url", which its component does not have/,
  },
  {
    name: "importer metadata of an input it does not have",
    changes: { "deploymentSpec/executors/exec-bring/importer/metadata": { a: ["{{$.inputs.parameters['nowhere']}}"] } },
    problem: { rule: "placeholder-unknown" },
    text: /metadata of its importer names input parameter "nowhere"/,
  },
  {
    name: "an importer with two outputs",
    changes: { "components/comp-bring/outputDefinitions/artifacts/more": { artifactType: DATASET } },
    problem: { rule: "executor-invalid" },
    text: /must have one output artifact, its component has 2/,
  },
  {
    name: "an output artifact without type",
    changes: { "components/comp-make/outputDefinitions/artifacts/data": {} },
    problem: { rule: "artifact-type", output: "data" },
    text: /must have a schemaTitle/,
  },
  {
    name: "an output parameter without type",
    changes: { "components/comp-measure/outputDefinitions/parameters/length": { type: "INT" } },
    problem: { rule: "parameter-type", output: "length", taskPath: "root.loop.measure" },
    text: /cannot write an output parameter of type PARAMETER_TYPE_ENUM_UNSPECIFIED/,
  },
  {
    name: "a dependency that does not exist",
    changes: { [`${LOOP}/dependentTasks`]: ["make", "mkae"] },
    problem: { rule: "dependency-missing", taskPath: "root.loop" },
    text: /depends on task "mkae", which its DAG does not have; its tasks are "bring", "last", "literal"/,
  },
  {
    name: "tasks that wait for each other",
    changes: { [`${MAKE}/dependentTasks`]: ["last"] },
    problem: { rule: "dependency-cycle", taskPath: "root" },
    text: /in a circle: last -> loop -> make -> last/,
  },
  {
    name: "a task that waits for itself",
    changes: { [`${MAKE}/dependentTasks`]: ["make"] },
    problem: { rule: "dependency-cycle" },
    text: /in a circle: make -> make/,
  },
  {
    name: "a component in itself",
    changes: {
      "components/comp-literal/dag/tasks/again": {
        componentRef: { name: "comp-literal" },
        inputs: {
          parameters: { item: { componentInputParameter: "item" }, count: { componentInputParameter: "count" } },
        },
      },
    },
    problem: { rule: "component-recursive", component: "comp-literal" },
    text: /component "comp-literal" contains itself: comp-literal -> comp-literal/,
  },
  {
    name: "a required parameter that is not given",
    changes: { [`${MAKE}/inputs/parameters/fields`]: undefined },
    problem: { rule: "input-missing", taskPath: "root.make", component: "comp-make", input: "fields" },
    text: /^input "fields" of task "root\.make" \(component "comp-make"\): the parameter is required/,
  },
  {
    name: "a required artifact that is not given",
    changes: { [`${LOOP}/inputs/artifacts/data`]: undefined },
    problem: { rule: "input-missing", taskPath: "root.loop", input: "data" },
    text: /the artifact is required/,
  },
  {
    name: "a required artifact from an artifact of the pipeline",
    changes: { [`${LOOP}/inputs/artifacts/data`]: { componentInputArtifact: "extra" } },
    problem: { rule: "input-missing", input: "data" },
    text: /takes an artifact of the pipeline, which nobody can give/,
  },
  {
    name: "a parameter that the pipeline does not have",
    changes: { [`${MAKE}/inputs/parameters/fields`]: { componentInputParameter: "need" } },
    problem: { rule: "input-source", taskPath: "root.make", input: "fields" },
    text: /takes input "need" of the pipeline, which has no such parameter; its parameters are "count", "maybe"/,
  },
  {
    name: "a parameter that the enclosing component does not have",
    changes: { "components/comp-loop/dag/tasks/measure/inputs/parameters/number": { componentInputParameter: "itme" } },
    problem: { rule: "input-source", taskPath: "root.loop.measure", input: "number" },
    text: /takes input "itme" of component "comp-loop"/,
  },
  {
    name: "an artifact that the enclosing component does not have",
    changes: { "components/comp-loop/dag/tasks/measure/inputs/artifacts/data": { componentInputArtifact: "date" } },
    problem: { rule: "input-source", input: "data" },
    text: /has no such artifact; its artifacts are "data"/,
  },
  {
    name: "an output parameter that its producer does not have",
    changes: {
      [`${LOOP}/inputs/parameters/items`]: { taskOutputParameter: { producerTask: "make", outputParameterKey: "itens" } },
    },
    problem: { rule: "input-source", input: "items" },
    text: /output parameter "itens" of task "make", which has no such output; its output parameters are "items"/,
  },
  {
    name: "an output artifact that its producer does not have",
    changes: { [`${LOOP}/inputs/artifacts/data`]: { taskOutputArtifact: { producerTask: "make", outputArtifactKey: "items" } } },
    problem: { rule: "input-source", input: "data" },
    text: /output artifact "items" of task "make", which has no such output/,
  },
  {
    name: "a producer that does not exist",
    changes: {
      [`${LOOP}/inputs/parameters/items`]: { taskOutputParameter: { producerTask: "mk", outputParameterKey: "items" } },
    },
    problem: { rule: "dependency-missing", input: "items" },
    text: /takes an output of task "mk", which its DAG does not have/,
  },
  {
    name: "an input without source",
    changes: { [`${MAKE}/inputs/parameters/fields`]: {} },
    problem: { rule: "input-source", input: "fields" },
    text: /its kind of source is not known/,
  },
  {
    name: "a runtime parameter, which nobody compiles any more",
    changes: { [`${MAKE}/inputs/parameters/fields`]: { runtimeValue: { runtimeParameter: "x" } } },
    problem: { rule: "input-source" },
    text: /its kind of source is not known/,
  },
  {
    name: "a number for a struct",
    changes: { [`${MAKE}/inputs/parameters/fields`]: { componentInputParameter: "count" } },
    problem: { rule: "parameter-type", input: "fields" },
    text: /it gets a number, but STRUCT needs a struct/,
  },
  {
    name: "a text for a number, which is not parsed",
    changes: { [`${MAKE}/inputs/parameters/count`]: { componentInputParameter: "text" } },
    problem: { rule: "parameter-type", input: "count" },
    text: /it gets a string, but NUMBER_INTEGER needs a number/,
  },
  {
    name: "the output of a loop for a number: it is a list",
    changes: { "components/comp-last/inputDefinitions/parameters/all/parameterType": "NUMBER_INTEGER" },
    problem: { rule: "parameter-type", input: "all" },
    text: /it gets a list, but NUMBER_INTEGER needs a number/,
  },
  {
    name: "an input without type",
    changes: { "components/comp-make/inputDefinitions/parameters/fields": { type: "STRING" } },
    problem: { rule: "parameter-type", input: "fields" },
    text: /no usable parameter type/,
  },
  {
    name: "a constant of another type",
    changes: { [`${MAKE}/inputs/parameters/fields`]: { runtimeValue: { constant: "x" } } },
    problem: { rule: "parameter-type", input: "fields" },
    text: /it is a string, but STRUCT needs a struct/,
  },
  {
    name: "a constant that is none of the literals",
    changes: { [`${MAKE}/inputs/parameters/count`]: { runtimeValue: { constant: 5 } } },
    problem: { rule: "parameter-type", input: "count" },
    text: /it must be one of 3, 4/,
  },
  {
    name: "a constant that names an input the task does not have",
    changes: {
      [`${MAKE}/inputs/parameters/text`]: { runtimeValue: { constant: "{{$.inputs.parameters['pipelinechannel--txt']}}" } },
    },
    problem: { rule: "placeholder-unknown", input: "text" },
    text: /names input "pipelinechannel--txt", which the task does not have/,
  },
  {
    name: "the same inside a struct",
    changes: {
      [`${MAKE}/inputs/parameters/fields`]: {
        runtimeValue: { constant: { a: ["{{$.inputs.parameters['pipelinechannel--txt']}}"] } },
      },
    },
    problem: { rule: "placeholder-unknown", input: "fields" },
    text: /names input "pipelinechannel--txt"/,
  },
  {
    name: "constants that refer to each other",
    changes: {
      [`${MAKE}/inputs/parameters/pipelinechannel--text`]: {
        runtimeValue: { constant: "{{$.inputs.parameters['pipelinechannel--text']}}" },
      },
      "components/comp-make/inputDefinitions/parameters/pipelinechannel--text": { parameterType: "STRING" },
    },
    problem: { rule: "placeholder-unknown", input: "pipelinechannel--text" },
    text: /refers to itself: "pipelinechannel--text" -> "pipelinechannel--text"/,
  },
  {
    name: "a default of another type",
    changes: { "root/inputDefinitions/parameters/count/defaultValue": "3" },
    problem: { rule: "default-type", taskPath: "root", input: "count" },
    text: /^input "count" of the pipeline: its default does not fit: it is a string, but NUMBER_INTEGER needs a number/,
  },
  {
    name: "a whole number with a fraction",
    changes: { "root/inputDefinitions/parameters/count/defaultValue": 1.5 },
    problem: { rule: "default-type" },
    text: /it has a fraction/,
  },
  {
    name: "the default of a component",
    changes: { "components/comp-make/inputDefinitions/parameters/defaulted/defaultValue": 1 },
    problem: { rule: "default-type", component: "comp-make", input: "defaulted" },
    text: /it is a number, but BOOLEAN needs a boolean/,
  },
  {
    name: "an output of a DAG from a task that does not exist",
    changes: { "root/dag/outputs/parameters/all/valueFromParameter/producerSubtask": "lop" },
    problem: { rule: "dag-output", output: "all", taskPath: "root" },
    text: /^output "all" of the pipeline: it comes from task "lop", which the DAG does not have/,
  },
  {
    name: "an output of a DAG from an output that does not exist",
    changes: { "root/dag/outputs/artifacts/data/artifactSelectors": [{ producerSubtask: "make", outputArtifactKey: "dat" }] },
    problem: { rule: "dag-output", output: "data" },
    text: /output artifact "dat" of task "make", which has no such output; its output artifacts are "data"/,
  },
  {
    name: "one of several outputs that does not exist",
    changes: {
      "root/dag/outputs/parameters/all": {
        valueFromOneof: {
          parameterSelectors: [
            { producerSubtask: "loop", outputParameterKey: "lengths" },
            { producerSubtask: "loop", outputParameterKey: "length" },
          ],
        },
      },
    },
    problem: { rule: "dag-output", output: "all" },
    text: /output parameter "length" of task "loop"/,
  },
  {
    name: "an output of a DAG that its component does not declare",
    changes: { "root/outputDefinitions/parameters/all": undefined },
    problem: { rule: "dag-output", output: "all" },
    text: /its component does not declare it/,
  },
  {
    name: "a loop over nothing",
    changes: { [`${LITERAL}/parameterIterator/items`]: undefined },
    problem: { rule: "iterator-invalid", taskPath: "root.literal" },
    text: /its iterator has no items/,
  },
  {
    name: "a loop over text that is not JSON",
    changes: { [`${LITERAL}/parameterIterator/items/raw`]: "[1," },
    problem: { rule: "iterator-invalid" },
    text: /items of the loop cannot be read/,
  },
  {
    name: "a loop over a map",
    changes: { [`${LITERAL}/parameterIterator/items/raw`]: '{"a": 1}' },
    problem: { rule: "iterator-invalid" },
    text: /items of the loop are not a list/,
  },
  {
    name: "a loop over an input that is not there",
    changes: { [`${LOOP}/parameterIterator/items/inputParameter`]: "itms" },
    problem: { rule: "iterator-invalid", taskPath: "root.loop" },
    text: /iterates over input "itms", which the task does not have/,
  },
  {
    name: "a loop over a struct",
    changes: { "components/comp-loop/inputDefinitions/parameters/items/parameterType": "STRUCT" },
    problem: { rule: "iterator-invalid", input: "items" },
    text: /a struct cannot be iterated/,
  },
  {
    name: "a loop whose body takes no items",
    changes: { [`${LITERAL}/parameterIterator/itemInput`]: "itme" },
    problem: { rule: "iterator-invalid", input: "itme" },
    text: /items of the loop go to it, but the component does not declare it/,
  },
  {
    name: "a loop over artifacts that are not there",
    changes: {
      [`${LOOP}/parameterIterator`]: undefined,
      [`${LOOP}/artifactIterator`]: { itemInput: "data", items: { inputArtifact: "files" } },
      [`${LOOP}/inputs/parameters/item`]: { runtimeValue: { constant: "x" } },
    },
    problem: { rule: "iterator-invalid" },
    text: /iterates over input "files"/,
  },
  {
    name: "a loop around a single step",
    changes: { [`${MAKE}/parameterIterator`]: { itemInput: "text", items: { raw: "[1]" } } },
    problem: { rule: "iterator-invalid", taskPath: "root.make" },
    text: /a loop needs a DAG as its body/,
  },
  {
    name: "a final status of a task that is not waited for",
    changes: { [`${LAST}/dependentTasks`]: undefined },
    problem: { rule: "final-status", input: "status" },
    text: /the task depends on no other task/,
  },
  {
    name: "a final status of a task that does not exist",
    changes: { [`${LAST}/inputs/parameters/status`]: { taskFinalStatus: { producerTask: "lop" } } },
    problem: { rule: "dependency-missing", input: "status" },
    text: /takes an output of task "lop"/,
  },
  {
    name: "a command with an input that does not exist",
    changes: { "deploymentSpec/executors/exec-make/container/command": ["{{$.inputs.parameters['txt']}}"] },
    problem: { rule: "placeholder-unknown", taskPath: "root.make", component: "comp-make" },
    text: /its command names input parameter "txt", which the component does not have/,
  },
  {
    name: "arguments with an output that does not exist",
    changes: { "deploymentSpec/executors/exec-measure/container/args": ["{{$.outputs.parameters['lenght'].output_file}}"] },
    problem: { rule: "placeholder-unknown" },
    text: /its arguments names? output parameter "lenght", .*; its output parameters are "length"/,
  },
  {
    name: "an artifact where there is a parameter of that name",
    changes: { "deploymentSpec/executors/exec-measure/container/args": ["{{$.inputs.artifacts['number'].path}}"] },
    problem: { rule: "placeholder-unknown" },
    text: /input artifact "number"/,
  },
  {
    name: "an environment variable with an input that does not exist",
    changes: { "deploymentSpec/executors/exec-make/container/env": [{ name: "A", value: "{{$.inputs.parameters['txt']}}" }] },
    problem: { rule: "placeholder-unknown" },
    text: /its environment variable "A" names input parameter "txt"/,
  },
  {
    name: "IfPresent of an input that does not exist",
    changes: { "deploymentSpec/executors/exec-make/container/args": ['{"IfPresent": {"InputName": "txt", "Then": ["a"]}}'] },
    problem: { rule: "placeholder-unknown" },
    text: /asks whether input "txt" is present/,
  },
  {
    name: "an input that does not exist inside Concat",
    changes: {
      "deploymentSpec/executors/exec-make/container/args": ['{"Concat": ["a", "{{$.outputs.artifacts[\'dat\'].uri}}"]}'],
    },
    problem: { rule: "placeholder-unknown" },
    text: /output artifact "dat"/,
  },
  {
    name: "a clause that cannot be read",
    changes: { "deploymentSpec/executors/exec-make/container/args": ['{"IfPresent": {"Then": ["a"]}}'] },
    problem: { rule: "placeholder-unknown" },
    text: /IfPresent must have an InputName/,
  },
  {
    name: "a clause in a clause in a clause, thousands of times",
    changes: {
      "deploymentSpec/executors/exec-make/container/args": [`${'{"Concat": ['.repeat(20_000)}"a"${"]}".repeat(20_000)}`],
    },
    problem: { rule: "placeholder-unknown" },
    text: /nested more than 200 levels deep/,
  },
  {
    name: "a task with a dot in its key",
    changes: {
      "root/dag/tasks/a.b": {
        componentRef: { name: "comp-bring" },
        inputs: { parameters: { uri: { componentInputParameter: "text" } } },
      },
    },
    problem: { rule: "task-key-invalid", taskPath: "root.a.b" },
    text: /its key has a dot/,
  },
  {
    name: "items that are nested too deeply",
    changes: { [`${LITERAL}/parameterIterator/items/raw`]: `${"[".repeat(50_000)}${"]".repeat(50_000)}` },
    problem: { rule: "iterator-invalid" },
    text: /the items of the loop cannot be read: it is nested more than 30 levels deep/,
  },
  {
    name: "items that are nested just too deeply",
    changes: { [`${LITERAL}/parameterIterator/items/raw`]: `${"[".repeat(31)}${"]".repeat(31)}` },
    problem: { rule: "iterator-invalid" },
    text: /the items of the loop cannot be used: it is nested more than 30 levels deep/,
  },
  ...(
    [
      ["inputs.parameter_values['count'] = 3", /is not valid: syntax error at line 1, column/],
      ["input.parameter_values['count'] == 3", /undeclared reference to 'input'/],
      ["nope(3)", /undeclared reference to 'nope'/],
      ["'a' + 1 == 'a1'", /no such overload: '_\+_'/],
      ["'inputs'", /its result is a string, not a boolean/],
      ["inputs.parameter_values['item'] == ", /syntax error/],
      ["size(inputs.parameter_values)", /its result is a int, not a boolean/],
      ["inputs.parameters_values['count'] == 3", /undefined field 'parameters_values'/],
      ["string(inputs.parameter_values['count']).matches('(')", /is not valid: error parsing regexp: missing closing \)/],
      ["matches('a', '[')", /is not valid: error parsing regexp: missing closing \]/],
    ] as const
  ).map(([condition, text]) => ({
    name: `condition ${condition}`,
    changes: { [`${LITERAL}/triggerPolicy/condition`]: condition },
    problem: { rule: "condition-invalid" as const, taskPath: "root.literal" },
    text,
  })),
  {
    name: "a condition over a text that is taken for a truth value",
    changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['text']" },
    problem: { rule: "condition-invalid", taskPath: "root.make" },
    text: /its result is a string, not a boolean/,
  },
  {
    name: "a condition that compares a text with a number",
    changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['text'] > 3" },
    problem: { rule: "condition-invalid" },
    text: /no such overload: '_>_' applied to '\(string, int\)'/,
  },
  {
    name: "a condition over an input that the task does not have",
    changes: {
      [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['maybe'] == 'x' || inputs.parameter_values.txt == 'y'",
    },
    problem: { rule: "condition-input-unknown", input: "maybe" },
    text: /names it, but the task has no such input; its parameters are "count", /,
  },
  {
    name: "a selector that is not an expression",
    changes: {
      "components/comp-literal/dag/tasks/measure/inputs/parameters/number/parameterExpressionSelector":
        "parseJson(string_value)[a",
    },
    problem: { rule: "selector-invalid", taskPath: "root.literal.measure", input: "number" },
    text: /its selector is not valid: syntax error/,
  },
  {
    name: "a selector with a pattern that is not a regular expression",
    changes: {
      "components/comp-literal/dag/tasks/measure/inputs/parameters/number/parameterExpressionSelector":
        "string_value.matches('(')",
    },
    problem: { rule: "selector-invalid" },
    text: /its selector is not valid: error parsing regexp/,
  },
  {
    name: "a selector over something else",
    changes: {
      "components/comp-literal/dag/tasks/measure/inputs/parameters/number/parameterExpressionSelector": "parseJson(value)['a']",
    },
    problem: { rule: "selector-invalid" },
    text: /undeclared reference to 'value'/,
  },
];

const WARNINGS: readonly Row[] = [
  {
    name: "an input that the component does not declare",
    changes: { [`${MAKE}/inputs/parameters/txt`]: { runtimeValue: { constant: "x" } } },
    problem: { rule: "input-undeclared", input: "txt" },
    text: /the component does not declare it; its inputs are "count", /,
  },
  {
    name: "an artifact of another type",
    changes: { "components/comp-loop/inputDefinitions/artifacts/data/artifactType/schemaTitle": "system.Model" },
    problem: { rule: "artifact-type-mismatch", taskPath: "root.loop", input: "data" },
    text: /gets an artifact of type system\.Dataset, but declares system\.Model/,
  },
  {
    name: "an artifact that the pipeline requires",
    changes: { "root/inputDefinitions/artifacts/extra/isOptional": false },
    problem: { rule: "pipeline-input-artifact", taskPath: "root", input: "extra" },
    text: /nobody can give an artifact to a run/,
  },
  {
    name: "an output that no task gives",
    changes: { "root/dag/outputs/parameters": {} },
    problem: { rule: "dag-output", output: "all" },
    text: /no task of its DAG gives it/,
  },
  {
    name: "a final status for a task that runs only after success",
    changes: { [`${LAST}/triggerPolicy`]: undefined },
    problem: { rule: "final-status", input: "status" },
    text: /runs only when everything before it has succeeded/,
  },
  {
    name: "a condition that may fail",
    changes: {
      [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['text'] == 'a' && inputs.parameter_values['text'] > 3",
    },
    problem: { rule: "condition-invalid" },
    text: /may fail: no such overload/,
  },
  {
    name: "a condition with a malformed pattern that may never be looked at",
    changes: { [`${MAKE}/triggerPolicy/condition`]: "true || inputs.parameter_values['text'].matches('(')" },
    problem: { rule: "condition-invalid" },
    text: /may fail: error parsing regexp: missing closing \)/,
  },
  ...(
    [
      ["command", "{{$.inputs.parameters['text'}}", /"\{\{\$.inputs.parameters\['text'\}\}" in its command is not a placeholder/],
      [
        "command",
        "a {{$.foo.bar}} b",
        /: "\{\{\$.foo.bar\}\}" in its command is not a placeholder that is known and stays as it is/,
      ],
      ["args", '{"Concat": ["{{$.inputs.parameters[text]}}"]}', / in its arguments is not a placeholder/],
      ["args", "{{$.inputs.parameters['text']", /"\{\{\$.inputs.parameters\['text'\]" in its arguments has no end/],
    ] as const
  ).map(([field, text, message]) => ({
    name: `placeholder ${text}`,
    changes: { [`deploymentSpec/executors/exec-make/container/${field}`]: [text] },
    problem: { rule: "placeholder-unknown" as const, taskPath: "root.make" },
    text: message,
  })),
];

describe("checkSpec()", () => {
  test("finds nothing in a sound pipeline", async () => {
    expect(await check(soundPipeline())).toEqual([]);
  });

  test.for(ERRORS)("refuses: $name", async ({ changes, problem, text }) => {
    const problems = await check(changed(changes));
    const errors = problems.filter(({ severity }) => severity === "error");
    expect(errors).toContainEqual(expect.objectContaining({ severity: "error", ...problem }));
    const found = errors.find((error) =>
      Object.entries(problem).every(([key, value]) => error[key as keyof SpecProblem] === value),
    );
    expect(problemText(found as SpecProblem)).toMatch(text);
    for (const error of problems) expect(problemText(error)).not.toContain("\n");
  });

  test.for(WARNINGS)("warns: $name", async ({ changes, problem, text }) => {
    const problems = await check(changed(changes));
    expect(problems).toEqual([expect.objectContaining({ severity: "warning", ...problem })]);
    expect(problemText(problems[0] as SpecProblem)).toMatch(text);
    expect(refusalFor(problems, "Cannot run p.yaml")).toBeUndefined();
  });

  test("has a row for every rule", () => {
    const covered = new Set([...ERRORS, ...WARNINGS].map(({ problem }) => problem.rule as string));
    expect([...covered, "plan-too-large"].toSorted()).toEqual(Object.keys(SPEC_RULES).toSorted());
  });

  test.for<{ name: string; changes: Row["changes"] }>([
    {
      name: "has() and in of inputs that are not there",
      changes: {
        [`${MAKE}/triggerPolicy/condition`]:
          "has(inputs.parameter_values.other) && inputs.parameter_values.other == 'x' || 'more' in inputs.parameter_values",
      },
    },
    {
      name: "a comparison of different types, which is false",
      changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['defaulted'] == 'True'" },
    },
    {
      name: "a truth value as condition",
      changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['defaulted']" },
    },
    {
      name: "an optional input without value, whatever its type",
      changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['omitted'] == null" },
    },
    {
      name: "membership in a list of another type",
      changes: { [`${MAKE}/triggerPolicy/condition`]: "inputs.parameter_values['text'] in [1, 'a']" },
    },
    { name: "null for an optional input", changes: { "root/inputDefinitions/parameters/maybe/defaultValue": null } },
    {
      name: "every kind of value for a text",
      changes: { [`${MAKE}/inputs/parameters/text`]: { componentInputParameter: "needed" } },
    },
    {
      name: "text that is iterated over: it may hold a list",
      changes: { "components/comp-loop/inputDefinitions/parameters/items/parameterType": "STRING" },
    },
    {
      name: "a constant that is a placeholder of the run",
      changes: { [`${MAKE}/inputs/parameters/text`]: { runtimeValue: { constant: "{{$.pipeline_job_uuid}}" } } },
    },
    {
      name: "components that nothing calls, whatever they hold",
      changes: { "components/comp-unused": { executorLabel: "exec-none" } },
    },
    {
      name: "placeholders that only user code understands",
      changes: { "deploymentSpec/executors/exec-make/container/args": ["{{$custom.x}} {{$", "{{ jinja }}"] },
    },
  ])("accepts: $name", async ({ changes }) => {
    expect(await check(changed(changes))).toEqual([]);
  });

  test("reports all problems at once, in the order of the tasks, in one error", async () => {
    const spec = changed({
      [`${LAST}/inputs/parameters/all`]: undefined,
      [`${MAKE}/inputs/parameters/fields`]: undefined,
      [`${LITERAL}/triggerPolicy/condition`]: "1 +",
      "components/comp-number/executorLabel": "exec-none",
      "root/inputDefinitions/artifacts/extra/isOptional": false,
    });
    const error = refusalFor(await check(spec), "Cannot run p.yaml") as SpecError;
    expect(error).toBeInstanceOf(SpecError);
    expect(error.code).toBe("SPEC_INVALID");
    expect(error.message.split("\n").map((line) => /^Cannot run p\.yaml: .* \[([\w-]+)\]$/.exec(line)?.[1])).toEqual([
      "pipeline-input-artifact",
      "input-missing",
      "condition-invalid",
      "input-missing",
      "executor-missing",
    ]);
  });

  test("shows at most fifty problems", async () => {
    const tasks = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`t${index}`, { componentRef: { name: "none" } }]));
    const error = refusalFor(await check(changed({ "root/dag/tasks": tasks, "root/dag/outputs": {} })), "Cannot run p.yaml");
    const lines = error?.message.split("\n") ?? [];
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe("Cannot run p.yaml: there are 30 more problems");
    expect(error?.code).toBe("COMPONENT_NOT_FOUND");
  });

  describe("of a plan", () => {
    const levels = (depth: number, width: number): JsonObject => {
      const tasks = (name: string): JsonObject =>
        Object.fromEntries(Array.from({ length: width }, (_, index) => [`t${index}`, { componentRef: { name } }]));
      const dag = (level: number): [string, JsonObject] => [`comp-${level}`, { dag: { tasks: tasks(`comp-${level + 1}`) } }];
      const components = Object.fromEntries(Array.from({ length: depth - 1 }, (_, index) => dag(index + 1)));
      return {
        pipelineInfo: { name: "p" },
        root: { dag: { tasks: tasks("comp-1") } },
        components: { ...components, [`comp-${depth}`]: { executorLabel: "e" } },
        deploymentSpec: { executors: { e: { container: { image: "i" } } } },
      };
    };

    test.for([
      { depth: 24, width: 2, reason: /expands to 33,554,430 tasks, the limit is 20,000/ },
      { depth: 60, width: 10, reason: /expands to more than a quadrillion tasks/ },
      { depth: 150, width: 1, reason: /nested 150 levels deep, the limit is 100/ },
    ])("refuses $width to the power of $depth tasks", async ({ depth, width, reason }) => {
      const problems = await check(levels(depth, width));
      expect(problems).toEqual([expect.objectContaining({ rule: "plan-too-large", taskPath: "root" })]);
      expect(problems[0]?.reason).toMatch(reason);
    });

    test("refuses text that multiplies", async () => {
      const spec = levels(10, 2);
      const root = spec["components"] as Record<string, { dag: { tasks: Record<string, JsonObject> } }>;
      const [task] = Object.values(root["comp-9"]?.dag.tasks ?? {});
      Object.assign(task as JsonObject, { triggerPolicy: { condition: `'${"x".repeat(60_000)}' != ''` } });
      expect(await check(spec)).toEqual([]);
      Object.assign(task as JsonObject, { parameterIterator: { items: { raw: `["${"x".repeat(200_000)}"]` } } });
      expect(await check(spec)).toContainEqual(expect.objectContaining({ rule: "plan-too-large" }));
    });

    test("takes thousands of tasks, and components far down", async () => {
      expect(await check(levels(1, 5000))).toEqual([]);
      expect(await check(levels(100, 1))).toEqual([]);
      // Neither recursion nor the square of the number.
      expect(await check(levels(20_000, 1))).toHaveLength(1);
    });
  });
});

const repository = join(import.meta.dirname, "../../..");

function yamlFiles(folder: string): string[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(folder, name));
}

function specOf(text: string): JsonObject {
  const read = readYaml(text);
  if ("problem" in read) throw new Error(read.problem);
  const [spec, platform] = read.documents;
  return (platform === undefined ? spec : { pipeline_spec: spec, platform_spec: platform }) as JsonObject;
}

describe("pipelines that run", () => {
  /** Text that is no placeholder although it looks like one is what it is about. */
  const warned = new Map([["test/fixtures/pipelines/placeholders.yaml", ["placeholder-unknown"]]]);

  test.for([...yamlFiles("test/fixtures/pipelines"), ...yamlFiles("examples")])("%s has no problem", async (file) => {
    const problems = await check(specOf(readFileSync(join(repository, file), "utf8")));
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(problems.map(({ rule }) => rule)).toEqual(warned.get(file) ?? []);
  });

  test("nothing in the conformance pipelines has one but artifacts that a component needs", async () => {
    for (const { name, text } of conformancePipelines()) {
      const others = (await check(specOf(text))).filter(({ rule }) => rule !== "pipeline-input-artifact");
      expect(others, name).toEqual([]);
    }
  });
});

describe("hostile specs", () => {
  const sources = [
    soundPipeline(),
    ...yamlFiles("test/fixtures/pipelines").map((file) => specOf(readFileSync(join(repository, file), "utf8"))),
  ];
  const words = [
    "",
    "root",
    "make",
    "comp-make",
    "comp-loop",
    "constructor",
    "__proto__",
    "{{$}}",
    "a{{$.inputs.parameters['x']}}",
    "1 +",
  ];
  const junk = fc.oneof(fc.constantFrom(...words), fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.constant(undefined));

  /** Every place of a document: the container and the key in it. */
  const placesOf = (json: JsonValue | undefined): Array<[Record<string, JsonValue | undefined>, string]> => {
    if (typeof json !== "object" || json === null) return [];
    const container = json as Record<string, JsonValue | undefined>;
    return Object.keys(container).flatMap((key) => [[container, key] as [typeof container, string], ...placesOf(container[key])]);
  };

  test("never make the check throw, nor report without a place", { timeout: 60_000 }, async () => {
    const mutation = fc.record({ at: fc.nat(), from: fc.nat(), junk, copies: fc.boolean() });
    let checked = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sources.length - 1),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        async (source, mutations) => {
          const spec = structuredClone(sources[source]) as JsonObject;
          for (const { at, from, junk: value, copies } of mutations) {
            const places = placesOf(spec);
            const [target, key] = places[at % places.length] ?? [{}, ""];
            const [origin, originKey] = places[from % places.length] ?? [{}, ""];
            const copied = structuredClone(copies ? origin[originKey] : (value as JsonValue | undefined));
            if (copied === undefined) delete target[key];
            else target[key] = copied;
          }
          let parsed;
          try {
            parsed = parsePipelineSpec(spec);
            void parsed.deployment;
          } catch (error) {
            expect(error).toBeInstanceOf(SpecError);
            return;
          }
          checked += 1;
          for (const problem of await checkSpec(parsed)) {
            expect(problem.taskPath).toMatch(/^root/);
            expect(problemText(problem)).not.toMatch(/\n|undefined|\[object/);
            expect(SPEC_RULES).toHaveProperty([problem.rule]);
          }
        },
      ),
      { numRuns: 1200 },
    );
    expect(checked).toBeGreaterThan(100);
  });
});
