/**
 * Placeholders in commands, arguments, environment and importer metadata: they name inputs and outputs that the component has.
 *
 * Source: docs/spec/pod-spec-patch.md#container-main-in-short, docs/spec/placeholders.md#placeholder-table,
 * docs/spec/importer.md#artifact-construction.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { errorMessage, SpecError } from "../errors.ts";
import { parseClause, type Clause, type ClausePart } from "../placeholders/clause.ts";
import { findPlaceholders, type PlaceholderReference } from "../placeholders/text.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { executorOfReached, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

/** What placeholders of a component can name. */
interface Names {
  readonly inputParameters: ReadonlySet<string>;
  readonly inputArtifacts: ReadonlySet<string>;
  readonly outputParameters: ReadonlySet<string>;
  readonly outputArtifacts: ReadonlySet<string>;
}

type Finding = Pick<SpecProblem, "reason" | "remedy"> & Partial<Pick<SpecProblem, "severity">>;

/** Finds placeholders in commands, arguments and importers that will never resolve. */
export function checkPlaceholders(graph: PipelineGraph): SpecProblem[] {
  return graph.reached.flatMap((reached) => {
    if (reached.dag !== undefined) return [];
    const names = namesOf(reached);
    const findings = textsOf(graph, reached).flatMap(({ what, text, isElement }) => findingsIn(names, what, text, isElement));
    const unique = new Map(findings.map((finding) => [finding.reason, finding]));
    const place = {
      severity: "error",
      taskPath: reached.path,
      ...(reached.name === undefined ? {} : { component: reached.name }),
    } as const;
    return [...unique.values()].map((finding) => ({ rule: "placeholder-unknown" as const, ...place, ...finding }));
  });
}

interface PlacedText {
  readonly what: string;
  readonly text: string;
  /** Of the command line, where a text may be a clause. */
  readonly isElement: boolean;
}

function textsOf(graph: PipelineGraph, reached: ReachedComponent): PlacedText[] {
  const executor = executorOfReached(graph, reached);
  switch (executor?.spec.case) {
    case "container": {
      const { command, args, env } = executor.spec.value;
      return [
        ...command.map((text) => ({ what: "its command", text, isElement: true })),
        ...args.map((text) => ({ what: "its arguments", text, isElement: true })),
        ...env.map(({ name, value }) => ({ what: `its environment variable ${quote(name)}`, text: value, isElement: false })),
      ];
    }
    case "importer": {
      const { artifactUri, metadata } = executor.spec.value;
      const uri = artifactUri?.value;
      const uriText = uri?.case === "constant" && uri.value.kind.case === "stringValue" ? [uri.value.kind.value] : [];
      return [
        ...uriText.map((text) => ({ what: "the artifact URI of its importer", text, isElement: false })),
        ...jsonStrings(metadata ?? {}).map((text) => ({ what: "the metadata of its importer", text, isElement: false })),
      ];
    }
    default:
      return [];
  }
}

function jsonStrings(json: JsonValue): string[] {
  if (typeof json === "string") return [json];
  if (typeof json !== "object" || json === null) return [];
  if (Array.isArray(json)) return json.flatMap(jsonStrings);
  return Object.entries(json).flatMap(([key, value]) => [key, ...jsonStrings(value)]);
}

function namesOf({ component, calls }: ReachedComponent): Names {
  const { inputDefinitions, outputDefinitions } = component;
  const given = (kind: "parameters" | "artifacts"): string[] =>
    calls.flatMap(({ task }) => Object.keys(task.inputs?.[kind] ?? {}));
  return {
    inputParameters: new Set([...Object.keys(inputDefinitions?.parameters ?? {}), ...given("parameters")]),
    inputArtifacts: new Set([...Object.keys(inputDefinitions?.artifacts ?? {}), ...given("artifacts")]),
    outputParameters: new Set(Object.keys(outputDefinitions?.parameters ?? {})),
    outputArtifacts: new Set(Object.keys(outputDefinitions?.artifacts ?? {})),
  };
}

function findingsIn(names: Names, what: string, text: string, isElement: boolean): Finding[] {
  let clause: Clause | undefined;
  try {
    clause = isElement ? parseClause(text) : undefined;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return [{ reason: `${what} cannot be read: ${errorMessage(error)}`, remedy: "compile the component again" }];
  }
  return clause === undefined ? textFindings(names, what, text) : clauseFindings(names, what, clause);
}

function clauseFindings(names: Names, what: string, clause: Clause): Finding[] {
  const inParts = (parts: readonly ClausePart[]): Finding[] =>
    parts.flatMap((part) => (typeof part === "string" ? textFindings(names, what, part) : clauseFindings(names, what, part)));
  if (clause.kind === "concat") return inParts(clause.parts);
  const { inputName, whenPresent, otherwise } = clause;
  const known = new Set([...names.inputParameters, ...names.inputArtifacts]);
  const own = known.has(inputName)
    ? []
    : [
        {
          reason: `${what} asks whether input ${quote(inputName)} is present, which the component does not have`,
          remedy: namesText(known, "inputs"),
        },
      ];
  return [...own, ...inParts(whenPresent), ...inParts(otherwise)];
}

function textFindings(names: Names, what: string, text: string): Finding[] {
  const placeholders = findPlaceholders(text);
  const rest = text.slice(placeholders.at(-1)?.end ?? 0);
  const open = rest.indexOf(OPENING) < 0 ? [] : [leftAsItIs(what, rest.slice(rest.indexOf(OPENING)), "has no end")];
  const findings = placeholders.flatMap(({ reference, text: written }) => {
    if (reference.kind === "unknown") {
      // Other templates begin with {{$ too.
      return written.startsWith(OPENING) ? [leftAsItIs(what, written, "is not a placeholder that is known")] : [];
    }
    const wanted = wantedName(names, reference);
    if (wanted === undefined || wanted.known.has(wanted.name)) return [];
    const reason = `${what} names ${wanted.noun} ${quote(wanted.name)}, which the component does not have`;
    return [{ reason, remedy: namesText(wanted.known, `${wanted.noun}s`) }];
  });
  return [...findings, ...open];
}

const OPENING = "{{$.";

/** Programs get such a text as it is written; that may be what is meant. */
function leftAsItIs(what: string, written: string, problem: string): Finding {
  const reason = `${quote(written)} in ${what} ${problem} and stays as it is`;
  return { severity: "warning", reason, remedy: "placeholders look like {{$.inputs.parameters['name']}}" };
}

function wantedName(
  names: Names,
  reference: PlaceholderReference,
): { readonly noun: string; readonly name: string; readonly known: ReadonlySet<string> } | undefined {
  switch (reference.kind) {
    case "input-parameter":
      return { noun: "input parameter", name: reference.name, known: names.inputParameters };
    case "output-parameter-file":
      return { noun: "output parameter", name: reference.name, known: names.outputParameters };
    case "artifact":
      return reference.side === "inputs"
        ? { noun: "input artifact", name: reference.name, known: names.inputArtifacts }
        : { noun: "output artifact", name: reference.name, known: names.outputArtifacts };
    default:
      return undefined;
  }
}
