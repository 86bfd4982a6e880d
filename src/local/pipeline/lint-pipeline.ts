/**
 * Everything that can be said about a pipeline file without running it, as problems with a place in the file.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { SpecError, UsageError } from "../../core/errors.ts";
import { checkSpec } from "../../core/spec-check/check-spec.ts";
import { problemText, SPEC_RULES } from "../../core/spec-check/problem.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import { checkFeatures } from "./feature-check.ts";
import { parsePipelineText, type PipelineDocument } from "./pipeline-file.ts";
import { findPlace, type PipelinePlace } from "./source-places.ts";
import { locateYaml, type LocateYaml, type TextPlace } from "../../core/values/yaml-text.ts";

/** How much a problem matters. A note changes no exit code. */
export type LintSeverity = "error" | "warning" | "note";

/** Rules by their stable id, each with what it asks of a file: those of the static check, and three more. */
export const LINT_RULES = {
  ...SPEC_RULES,
  "file-invalid": "a file is YAML or JSON, and a compiled pipeline of a known version",
  "local-no-effect": "a feature has its effect in a local run",
  "local-unsupported": "a feature is supported in a local run",
} as const;

/** Stable id of a rule. */
export type LintRule = keyof typeof LINT_RULES;

/** One finding. */
export interface LintProblem {
  readonly rule: LintRule;
  readonly severity: LintSeverity;
  /** One line, without place in the file and rule. */
  readonly message: string;
  /** Dotted, from `root`; absent where it is about the file. */
  readonly task?: string;
  readonly component?: string;
  readonly input?: string;
  readonly output?: string;
  /** Where the text says it; absent where nothing of it is written there. */
  readonly place?: TextPlace;
}

/** What is looked for. */
export interface LintOptions {
  /** What a local run refuses is an error, and not only a note. */
  readonly local: boolean;
}

/** Checks the text of a file. @param path As it is called in messages. Never throws for what a text holds. */
export async function lintPipeline(text: string, path: string, { local }: LintOptions): Promise<LintProblem[]> {
  let document: PipelineDocument;
  try {
    document = await parsePipelineText(text, path);
  } catch (error) {
    if (error instanceof UsageError || error instanceof SpecError) return [fileProblem(error, path)];
    throw error;
  }
  const problems = await checkSpec(document.parsed);
  const placeOf = placeFinder(text, document.source);
  const found = problems.map((problem): LintProblem => {
    const { rule, severity, taskPath, component, input, output } = problem;
    const isRefused = local && rule === "pipeline-input-artifact";
    return {
      ...{ rule, severity: isRefused ? "error" : severity, message: problemText(problem), task: taskPath },
      ...(component === undefined ? {} : { component }),
      ...(input === undefined ? {} : { input }),
      ...(output === undefined ? {} : { output }),
      ...placeOf(problem),
    };
  });
  // What cannot be walked has no features to look for.
  const hasErrors = problems.some(({ severity }) => severity === "error");
  return hasErrors ? found : [...found, ...featureProblems(document, placeOf, local)];
}

function featureProblems(document: PipelineDocument, placeOf: PlaceFinder, local: boolean): LintProblem[] {
  const { features } = checkFeatures({ ...document, problems: [] });
  return features.map(({ treatment, tasks: [first], text }): LintProblem => {
    const taskPath = first === undefined ? "root" : `root.${first}`;
    const isRefused = treatment === "error";
    return {
      rule: isRefused ? "local-unsupported" : "local-no-effect",
      severity: isRefused && local ? "error" : "note",
      message: text,
      task: taskPath,
      ...placeOf({ taskPath }),
    };
  });
}

/** Without the words that name the file: the place says so. */
function fileProblem(error: UsageError | SpecError, path: string): LintProblem {
  const details: Readonly<Record<string, unknown>> = error.details;
  const { line, column } = details;
  const prefixes = [`Cannot read ${path} as YAML: line ${String(line)}, column ${String(column)}: `, `Cannot read ${path}: `];
  const own = [...prefixes, `Cannot run ${path}: `, `${path} is not a compiled pipeline: `].find((prefix) =>
    error.message.startsWith(prefix),
  );
  return {
    ...{ rule: "file-invalid", severity: "error", message: error.message.slice(own?.length ?? 0) },
    ...(typeof line === "number" && typeof column === "number" ? { place: { line, column } } : {}),
  };
}

type PlaceFinder = (place: PipelinePlace) => { readonly place?: TextPlace };

/** Reads the text again, once, when the first place is asked for. */
function placeFinder(text: string, source: JsonObject): PlaceFinder {
  let locate: LocateYaml | undefined;
  const wrapper = ["pipeline_spec", "pipelineSpec"].find((key) => isJsonObject(source[key]));
  const spec = wrapper === undefined ? source : (source[wrapper] as JsonObject);
  return (place) => {
    locate ??= locateYaml(text);
    // A second document becomes part of the source as well; in the text the spec then stands alone.
    const found =
      findPlace(spec, locate, place) ?? (wrapper === undefined ? undefined : findPlace(spec, locate, place, [wrapper]));
    return found === undefined ? {} : { place: found };
  };
}
