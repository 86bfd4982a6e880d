/**
 * Paths with variables, as `google.api.http` writes them: `/apis/v2beta1/runs/{run_id}:terminate`. Pure.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway.
 *
 * @module
 */

/** A part of a path between slashes: its text, or the name of the variable it fills. */
type Segment = { readonly text: string } | { readonly variable: string };

/** A path that was taken apart. */
export interface PathTemplate {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** What stands after the colon of the last segment. */
  readonly verb: string | undefined;
}

/** Names of variables, with dots when they lead into a message, and the decoded text each stands for. */
export type PathVariables = Readonly<Record<string, string>>;

/** Takes a template apart. Variables fill whole segments; only the last segment may have a verb. */
export function parsePathTemplate(text: string): PathTemplate {
  const verb = /:([A-Za-z]+)$/.exec(text)?.[1];
  const path = verb === undefined ? text : text.slice(0, -verb.length - 1);
  const segments = path
    .slice(1)
    .split("/")
    .map((part): Segment => {
      const variable = /^\{([\w.]+)\}$/.exec(part)?.[1];
      return variable === undefined ? { text: part } : { variable };
    });
  return { text, segments, verb };
}

/**
 * Matches a path, still percent-encoded: a slash inside a variable is written `%2F`, and a variable is never empty.
 *
 * @returns The variables; `undefined` when the path is another one.
 * @throws {URIError} A variable is not well encoded.
 */
export function matchPath({ segments, verb }: PathTemplate, path: string): PathVariables | undefined {
  const suffix = verb === undefined ? "" : `:${verb}`;
  if (!path.endsWith(suffix)) return undefined;
  const parts = path.slice(1, path.length - suffix.length).split("/");
  if (parts.length !== segments.length) return undefined;
  const raw: [string, string][] = [];
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? "";
    if ("variable" in segment) {
      if (part === "") return undefined;
      raw.push([segment.variable, part]);
    } else if (part !== segment.text) {
      return undefined;
    }
  }
  return Object.fromEntries(raw.map(([name, part]) => [name, decodeURIComponent(part)]));
}

/** Orders templates so that the first that matches is the one to take: verbs first, then texts before variables. */
export function compareTemplates(left: PathTemplate, right: PathTemplate): number {
  if ((left.verb === undefined) !== (right.verb === undefined)) return left.verb === undefined ? 1 : -1;
  for (const [index, segment] of left.segments.entries()) {
    const other = right.segments[index];
    if (other === undefined) return 1;
    if ("variable" in segment !== "variable" in other) return "variable" in segment ? 1 : -1;
  }
  return 0;
}
