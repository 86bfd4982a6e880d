/**
 * Placeholders such as `{{$.inputs.parameters['x']}}`: what they look like and where they are in a text.
 *
 * A placeholder runs from `{{$` to the next `}}`; names stand between `['` and `']`, unescaped. Nothing here knows values.
 *
 * Source: docs/spec/placeholders.md#placeholder-table.
 *
 * @module
 */

/** Placeholders for facts of run and task, without braces and `$.`. */
export type ContextName =
  | "pipeline_job_name"
  | "pipeline_job_resource_name"
  | "pipeline_job_uuid"
  | "pipeline_job_create_time_utc"
  | "pipeline_job_schedule_time_utc"
  | "pipeline_task_name"
  | "pipeline_task_uuid"
  | "pipeline_root"
  | "workspace_path";

const CONTEXT_NAMES: ReadonlySet<string> = new Set<ContextName>([
  "pipeline_job_name",
  "pipeline_job_resource_name",
  "pipeline_job_uuid",
  "pipeline_job_create_time_utc",
  "pipeline_job_schedule_time_utc",
  "pipeline_task_name",
  "pipeline_task_uuid",
  "pipeline_root",
  "workspace_path",
]);

/** What a placeholder asks for. */
export type PlaceholderReference =
  | { readonly kind: "executor-input" }
  | { readonly kind: "input-parameter"; readonly name: string }
  | { readonly kind: "output-parameter-file"; readonly name: string }
  | {
      readonly kind: "artifact";
      readonly side: "inputs" | "outputs";
      readonly name: string;
      /** `list`: all artifacts under the name; the others ask for something of the first one. */
      readonly field: "path" | "uri" | "metadata" | "list";
      /** Only with `metadata`: one entry of it. */
      readonly metadataKey?: string;
    }
  | { readonly kind: "executor-output-file" }
  | { readonly kind: "context"; readonly name: ContextName }
  | { readonly kind: "unknown" };

/** A placeholder in a text; positions count UTF-16 units. */
export interface Placeholder {
  readonly start: number;
  /** One past the last character. */
  readonly end: number;
  /** With its braces. */
  readonly text: string;
  readonly reference: PlaceholderReference;
}

const OPEN = "{{$";
const CLOSE = "}}";

/** The placeholders of a text from left to right, not overlapping. */
export function findPlaceholders(text: string): Placeholder[] {
  const found: Placeholder[] = [];
  let from = text.indexOf(OPEN);
  while (from >= 0) {
    const close = text.indexOf(CLOSE, from + OPEN.length);
    if (close < 0) break;
    // Of several openings before one end, the last one is the placeholder: {{$ {{$.pipeline_root}}
    const start = text.lastIndexOf(OPEN, close - OPEN.length);
    const end = close + CLOSE.length;
    found.push({ start, end, text: text.slice(start, end), reference: referenceOf(text.slice(start + OPEN.length, close)) });
    from = text.indexOf(OPEN, end);
  }
  return found;
}

/** The placeholder that a text consists of, if it is exactly one. */
export function wholePlaceholder(text: string): Placeholder | undefined {
  const [first] = findPlaceholders(text);
  return first?.text === text ? first : undefined;
}

/**
 * Replaces placeholders in one pass from left to right; what is inserted is never looked at again.
 *
 * @param replace The text to insert; `undefined` leaves the placeholder as it is.
 */
export function replacePlaceholders(text: string, replace: (placeholder: Placeholder) => string | undefined): string {
  let result = "";
  let done = 0;
  for (const placeholder of findPlaceholders(text)) {
    result += text.slice(done, placeholder.start) + (replace(placeholder) ?? placeholder.text);
    done = placeholder.end;
  }
  return result + text.slice(done);
}

/** As {@link replacePlaceholders}, for `{{$.inputs.parameters['name']}}` alone. */
export function substituteInputParameters(text: string, lookup: (name: string) => string | undefined): string {
  return replacePlaceholders(text, ({ reference }) =>
    reference.kind === "input-parameter" ? lookup(reference.name) : undefined,
  );
}

function referenceOf(body: string): PlaceholderReference {
  if (body === "") return { kind: "executor-input" };
  if (body === ".outputs.output_file" || body === ".outputMetadataUri") return { kind: "executor-output-file" };
  const context = body.slice(1);
  if (body.startsWith(".") && isContextName(context)) return { kind: "context", name: context };
  return parameterReference(body) ?? artifactReference(body) ?? { kind: "unknown" };
}

function isContextName(name: string): name is ContextName {
  return CONTEXT_NAMES.has(name);
}

function parameterReference(body: string): PlaceholderReference | undefined {
  const input = between(body, ".inputs.parameters['", "']");
  if (input !== undefined) return { kind: "input-parameter", name: input };
  const output = between(body, ".outputs.parameters['", "'].output_file");
  return output === undefined ? undefined : { kind: "output-parameter-file", name: output };
}

function artifactReference(body: string): PlaceholderReference | undefined {
  for (const side of ["inputs", "outputs"] as const) {
    const rest = between(body, `.${side}.artifacts['`, "");
    if (rest === undefined) continue;
    for (const field of ["path", "uri", "metadata"] as const) {
      const name = between(rest, "", `'].${field}`);
      if (name !== undefined) return { kind: "artifact", side, name, field };
    }
    const split = rest.indexOf("'].metadata['");
    const metadataKey = split < 0 ? undefined : between(rest.slice(split + "'].metadata['".length), "", "']");
    if (metadataKey !== undefined) return { kind: "artifact", side, name: rest.slice(0, split), field: "metadata", metadataKey };
    const name = between(rest, "", "']");
    // A quote would mean a form we do not know, such as ['N'].properties['k'].
    if (name !== undefined && !name.includes("'")) return { kind: "artifact", side, name, field: "list" };
  }
  return undefined;
}

function between(text: string, prefix: string, suffix: string): string | undefined {
  if (text.length <= prefix.length + suffix.length || !text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  return text.slice(prefix.length, text.length - suffix.length);
}
