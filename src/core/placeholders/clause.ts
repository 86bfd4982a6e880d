/**
 * `{"IfPresent": …}` and `{"Concat": […]}`: elements of a command line that are written as JSON.
 *
 * The JSON is parsed first and its leaves are resolved afterwards, so that no value can break or extend the structure. Driver and
 * launcher share this evaluator: a leaf may keep placeholders that only the other one can resolve.
 *
 * Source: docs/spec/placeholders.md#lau-16, #drv-24, #later-upstream.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { SpecError } from "../errors.ts";
import { isDeeperThan } from "../values/json-depth.ts";
import { isJsonObject } from "../values/json-object.ts";

/** A structured argument of a command line: texts joined, or one of two lists of texts. */
export type Clause =
  | { readonly kind: "concat"; readonly parts: readonly ClausePart[] }
  | {
      readonly kind: "if-present";
      readonly inputName: string;
      readonly whenPresent: readonly ClausePart[];
      readonly otherwise: readonly ClausePart[];
    };

/** A text with placeholders, or a nested clause. */
export type ClausePart = string | Clause;

/** What a clause is evaluated against. */
export interface ClauseContext {
  /** Whether an input parameter of that name is not null, or an input artifact list not empty. */
  readonly isPresent: (inputName: string) => boolean;
  /** Resolves the placeholders of a leaf. */
  readonly resolveText: (text: string) => string;
}

/** Whether {@link parseClause} would take a closer look. */
export function looksLikeClause(element: string): boolean {
  return /^\s*\{\s*"(IfPresent|Concat)"\s*:/.test(element);
}

/**
 * The clause an element consists of; `undefined` when it is ordinary text.
 *
 * @throws {SpecError} PLACEHOLDER_INVALID when it is written as IfPresent, or is a Concat list, but its content is neither text nor
 *   clause.
 */
export function parseClause(element: string): Clause | undefined {
  if (!looksLikeClause(element)) return undefined;
  const text = element.trim();
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (error) {
    if (!text.startsWith('{"IfPresent":')) return undefined;
    throw new SpecError("PLACEHOLDER_INVALID", "Cannot parse an IfPresent clause of the command line: it is not valid JSON", {
      cause: error,
    });
  }
  if (!isJsonObject(json) || Object.keys(json).length !== 1) return undefined;
  if (isDeeperThan(json, NESTING_LIMIT)) throw malformed(`it is nested more than ${NESTING_LIMIT} levels deep`);
  if ("Concat" in json && !Array.isArray(json["Concat"])) return undefined;
  return clauseOf(json);
}

/** Lists and clauses in each other; what the SDK writes has three or four levels. */
const NESTING_LIMIT = 200;

/** The elements a clause stands for: exactly one for Concat, any number for IfPresent. */
export function evaluateClause(clause: Clause, context: ClauseContext): string[] {
  switch (clause.kind) {
    case "concat":
      return [clause.parts.flatMap((part) => elementsOf(part, context)).join("")];
    case "if-present": {
      const branch = context.isPresent(clause.inputName) ? clause.whenPresent : clause.otherwise;
      return branch.flatMap((part) => elementsOf(part, context));
    }
  }
}

function elementsOf(part: ClausePart, context: ClauseContext): string[] {
  return typeof part === "string" ? [context.resolveText(part)] : evaluateClause(part, context);
}

function clauseOf(json: JsonObject): Clause {
  const [name, ...others] = Object.keys(json);
  if (others.length === 0 && name === "Concat") {
    const parts = json[name];
    if (!Array.isArray(parts)) throw malformed("Concat must be a list");
    return { kind: "concat", parts: parts.flatMap(partsOf) };
  }
  if (others.length === 0 && name === "IfPresent") return ifPresentOf(json[name]);
  throw malformed("an object must be an IfPresent or a Concat clause");
}

function ifPresentOf(body: JsonValue | undefined): Clause {
  if (!isJsonObject(body)) throw malformed("IfPresent must be an object");
  const inputName = body["InputName"];
  if (typeof inputName !== "string" || inputName === "") throw malformed("IfPresent must have an InputName");
  return { kind: "if-present", inputName, whenPresent: branchOf(body["Then"]), otherwise: branchOf(body["Else"]) };
}

function branchOf(json: JsonValue | undefined): ClausePart[] {
  return Array.isArray(json) ? json.flatMap(partsOf) : partsOf(json ?? null);
}

/** Null contributes nothing. */
function partsOf(json: JsonValue): ClausePart[] {
  if (json === null) return [];
  if (typeof json === "string") return [json];
  if (isJsonObject(json)) return [clauseOf(json)];
  throw malformed("an item must be a text, an IfPresent or a Concat clause, or null");
}

function malformed(reason: string): SpecError {
  return new SpecError("PLACEHOLDER_INVALID", `Cannot evaluate an IfPresent or Concat clause of the command line: ${reason}`);
}
