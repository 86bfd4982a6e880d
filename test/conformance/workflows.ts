/**
 * The Argo Workflows of the pipelines, as the reference's compiler makes them: every container that Argo would start, with its
 * placeholders filled.
 *
 * Source: docs/spec/argo-workflows.md#what-the-compiler-does.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import { expandReferences } from "../../src/local/engine/pod-command.ts";

interface Parameter {
  readonly name: string;
  readonly value?: string;
  readonly default?: string;
  readonly valueFrom?: { readonly path?: string };
}

interface Call {
  readonly name?: string;
  readonly template: string;
  readonly arguments?: { readonly parameters?: readonly Parameter[] };
  readonly hooks?: Readonly<Record<string, Call>>;
}

interface Container extends JsonObject {
  readonly args?: string[];
  readonly command: string[];
  readonly env?: (JsonObject & { name: string })[];
}

interface Template {
  readonly name: string;
  readonly inputs?: { readonly parameters?: readonly Parameter[] };
  readonly outputs?: { readonly parameters?: readonly Parameter[] };
  readonly dag?: { readonly tasks: readonly Call[] };
  readonly container?: Container;
  readonly initContainers?: readonly Container[];
  readonly metadata?: JsonObject;
  readonly securityContext?: JsonObject;
  readonly volumes?: readonly JsonObject[];
}

interface WorkflowSpec {
  readonly entrypoint: string;
  readonly arguments: { readonly parameters?: readonly Parameter[] };
  readonly templates: readonly Template[];
  readonly securityContext?: JsonObject;
}

/** A container template as one task of the workflow uses it. */
export interface StartedTemplate {
  readonly template: string;
  /** Names of the tasks from the entrypoint down. */
  readonly path: readonly string[];
  readonly main: Container;
  readonly initContainers: readonly Container[];
  readonly metadata: JsonObject;
  readonly podSecurityContext: JsonObject;
  readonly volumes: readonly JsonObject[];
}

export interface CompiledWorkflow {
  /** Of the pipeline, and with a point what the API server was told to pass to each program. */
  readonly name: string;
  readonly started: readonly StartedTemplate[];
}

/** A command line that Argo starts one of our programs with, without the program itself. */
export interface WorkflowCommandLine {
  readonly where: string;
  readonly program: "driver" | "launcher-v2";
  readonly argv: readonly string[];
}

/** What tasks have put out, by name of the parameter. */
const TASK_OUTPUTS: Readonly<Record<string, string>> = {
  "parent-dag-task-id-path": "task-1",
  "iteration-count": "2",
  condition: "true",
  "pod-spec-patch": "{}",
  "cached-decision": "false",
};

const WORKFLOW_FACTS: Readonly<Record<string, string>> = {
  "workflow.uid": "00000000-0000-4000-8000-000000000001",
  "workflow.name": "demo-run",
  item: "0",
  retries: "0",
};

/** Sorted by name. */
export function compiledWorkflows(): CompiledWorkflow[] {
  const folder = new URL("workflows/", import.meta.url);
  return readdirSync(folder)
    .toSorted()
    .map((file) => {
      const { spec } = parse(readFileSync(new URL(file, folder), "utf8")) as { spec: WorkflowSpec };
      return { name: file.replace(/\.yaml$/, ""), started: startedTemplates(spec) };
    });
}

/** Of main and init containers; not of the user's steps, whose command lines come from the driver. */
export function commandLines({ name, started }: CompiledWorkflow): WorkflowCommandLine[] {
  return started.flatMap(({ path, main, initContainers }) =>
    [...initContainers, main].flatMap(({ command: [program = ""], args = [], env = [] }) => {
      if (program !== "driver" && program !== "launcher-v2") return [];
      const variables = Object.fromEntries(env.map((variable) => [variable.name, `<${variable.name}>`]));
      const argv = args.map((arg) => expandReferences(arg, variables));
      return [{ where: `${name}: ${path.join("/")}`, program, argv }] as WorkflowCommandLine[];
    }),
  );
}

function startedTemplates(spec: WorkflowSpec): StartedTemplate[] {
  const templates = new Map(spec.templates.map((template) => [template.name, template]));
  const workflowValues = Object.fromEntries(
    (spec.arguments.parameters ?? []).map(({ name, value }) => [`workflow.parameters.${name}`, value ?? ""]),
  );

  const visit = (call: Call, outer: Readonly<Record<string, string>>, path: readonly string[]): StartedTemplate[] => {
    const template = templates.get(call.template);
    if (template === undefined) throw new Error(`there is no template ${call.template}`);
    const given = (call.arguments?.parameters ?? []).map(
      ({ name, value = "" }) => [`inputs.parameters.${name}`, fill(value, outer)] as const,
    );
    const scope: Record<string, string> = { ...WORKFLOW_FACTS, ...workflowValues };
    for (const { name, default: value } of template.inputs?.parameters ?? []) {
      if (value !== undefined) scope[`inputs.parameters.${name}`] = value;
    }
    Object.assign(scope, Object.fromEntries(given));
    for (const { name, valueFrom } of template.outputs?.parameters ?? []) {
      scope[`outputs.parameters.${name}.path`] = valueFrom?.path ?? "";
    }
    if (template.container !== undefined) return [filled(template, spec, scope, path)];
    return (template.dag?.tasks ?? []).flatMap((task) => {
      const inside = [...path, ...(task.name === undefined ? [] : [task.name])];
      const hooks = Object.values(task.hooks ?? {}).flatMap((hook) => visit(hook, scope, inside));
      return [...visit(task, scope, inside), ...hooks];
    });
  };
  return visit({ template: spec.entrypoint }, WORKFLOW_FACTS, []);
}

function filled(template: Template, spec: WorkflowSpec, scope: Readonly<Record<string, string>>, path: readonly string[]) {
  const { container, initContainers = [], metadata = {}, volumes = [] } = template;
  const value = { main: container ?? {}, initContainers, metadata, volumes } as unknown as JsonValue;
  return {
    ...(fillValue(value, scope) as unknown as Omit<StartedTemplate, "template" | "path" | "podSecurityContext">),
    ...{ template: template.name, path, podSecurityContext: template.securityContext ?? spec.securityContext ?? {} },
  };
}

function fillValue(value: JsonValue, scope: Readonly<Record<string, string>>): JsonValue {
  if (typeof value === "string") return fill(value, scope);
  if (Array.isArray(value)) return value.map((item) => fillValue(item, scope));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [fill(key, scope), fillValue(item, scope)]));
}

/** Placeholders of the pipeline language, `{{$...}}`, are none of Argo's. */
function fill(text: string, scope: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{\{(?!\$)([^{}]+)\}\}/g, (_, name: string) => {
    const [, output = ""] = /^tasks\.[^.]+\.outputs\.parameters\.(.*)$/.exec(name) ?? [];
    const value = scope[name] ?? TASK_OUTPUTS[output];
    if (value === undefined) throw new Error(`the workflow leaves {{${name}}} open`);
    return value;
  });
}
