/**
 * Whether JSON fits a schema: the few keywords that the OpenAPI document of the server uses.
 *
 * @module
 */
type Schema = Readonly<Record<string, unknown>>;

const KNOWN = new Set(
  "$ref type properties additionalProperties required items anyOf enum pattern format minimum maximum minLength deprecated description contentMediaType".split(
    " ",
  ),
);

/** Problems with their paths; empty when it fits. An unknown keyword is a problem, too. */
export function schemaProblems(document: Schema, schema: Schema, json: unknown, path = "$"): string[] {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) return [`${path}: keyword ${unknown.join(", ")}`];
  const check = (inner: unknown, value: unknown, at: string) => schemaProblems(document, inner as Schema, value, at);
  const { $ref, anyOf, type } = schema;
  if (typeof $ref === "string") return check(resolveRef(document, $ref), json, path);
  if (Array.isArray(anyOf)) {
    return anyOf.some((each) => check(each, json, path).length === 0) ? [] : [`${path}: fits none of anyOf`];
  }
  if (type !== undefined && !hasType(json, type))
    return [`${path}: ${JSON.stringify(json)} is not of type ${JSON.stringify(type)}`];
  if (typeof json === "string") return textProblem(schema, json).map((problem) => `${path}: ${problem}`);
  if (Array.isArray(json)) {
    return schema["items"] === undefined ? [] : json.flatMap((item, index) => check(schema["items"], item, `${path}[${index}]`));
  }
  if (typeof json !== "object" || json === null) return [];
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, unknown>>;
  const missing = ((schema["required"] ?? []) as string[]).filter((name) => !Object.hasOwn(json, name));
  return [
    ...missing.map((name) => `${path}: ${name} is missing`),
    ...Object.entries(json).flatMap(([name, value]) => {
      if (Object.hasOwn(properties, name)) return check(properties[name], value, `${path}.${name}`);
      const rest = schema["additionalProperties"];
      if (rest === false) return [`${path}: ${name} is not declared`];
      return rest === undefined || rest === true ? [] : check(rest, value, `${path}.${name}`);
    }),
  ];
}

/** What `#/a/b` points to. */
export function resolveRef(document: Schema, ref: string): unknown {
  return ref
    .split("/")
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

function hasType(json: unknown, type: unknown): boolean {
  switch (type) {
    case "object":
      return typeof json === "object" && json !== null && !Array.isArray(json);
    case "array":
      return Array.isArray(json);
    case "integer":
      return Number.isInteger(json);
    default:
      return typeof json === type;
  }
}

function textProblem(schema: Schema, text: string): string[] {
  const values = schema["enum"] as readonly string[] | undefined;
  if (values !== undefined && !values.includes(text)) return [`${text} is not one of the enum`];
  if (typeof schema["pattern"] === "string" && !new RegExp(schema["pattern"]).test(text))
    return [`${text} does not fit the pattern`];
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text);
  return schema["format"] === "date-time" && !isTime ? [`${text} is not a time`] : [];
}
