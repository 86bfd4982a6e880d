/**
 * Paging, sorting and filtering of every list call: request fields to a checked query, and back to a page token.
 *
 * A token freezes sort, filter and the first row of the next page; it is base64 of JSON and opaque to clients. Keys are the wire's
 * words; which column they mean is the store's business. Pure.
 *
 * A predicate on `tags.KEY` keeps that word as its key.
 *
 * Source: docs/spec/api-server.md#lists, #api-15, #api-16, #api-17.
 *
 * @module
 */
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  FilterSchema,
  Predicate_Operation as Operation,
  type Predicate,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/filter_pb.js";
import { LIST_RESOURCES, type ListResourceName } from "./list-resources.ts";
import { invalidArgument } from "../service-error.ts";
import { secondsOfTimestamp } from "../timestamps.ts";

/** Rows per page where the request names none. */
export const DEFAULT_PAGE_SIZE = 20;
/** Rows per page at most: larger sizes are cut to it. */
export const MAX_PAGE_SIZE = 200;
/** Conditions of one filter. */
export const MAX_PREDICATES = 100;
/** Values of one filter, all its conditions together. */
export const MAX_FILTER_VALUES = 10_000;

/** Comparison of a column with one value. */
export type ScalarOperation = "=" | "!=" | ">" | ">=" | "<" | "<=";

/** One condition. 64-bit integers travel as text of digits in `int` values, so that the token can carry them as JSON. */
export interface ListPredicate {
  readonly key: string;
  readonly operation: ScalarOperation | "in" | "contains";
  readonly values: readonly (string | number | { readonly int64: string })[];
}

/** A list request, checked: what to select and where the page begins. */
export interface ListQuery {
  readonly resource: ListResourceName;
  readonly pageSize: number;
  readonly sortKey: string;
  readonly descending: boolean;
  readonly predicates: readonly ListPredicate[];
  /** First row of the page, unless it is the first page. */
  readonly from?: RowPosition;
}

/** Value of the sort column and id of a row. */
export interface RowPosition {
  readonly value: string | number;
  readonly id: string;
}

/** The members that all list requests share, as they arrive. */
export interface ListRequest {
  readonly pageSize: number;
  readonly pageToken: string;
  readonly sortBy: string;
  readonly filter: string;
}

/**
 * Checks the paging fields of a request.
 *
 * @param maxPageSize Larger sizes are cut to it in silence; at most 200.
 * @throws {ServiceError} invalidArgument.
 */
export function parseListRequest(
  resource: ListResourceName,
  request: ListRequest,
  maxPageSize: number = MAX_PAGE_SIZE,
): ListQuery {
  if (request.pageSize < 0) throw invalidArgument(`Page size ${request.pageSize} is negative`);
  const pageSize = Math.min(request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize, maxPageSize);
  const sort = parseSort(resource, request.sortBy);
  const predicates = parseFilter(resource, request.filter);
  if (request.pageToken === "") return { resource, pageSize, ...sort, predicates };

  const token = parseToken(resource, request.pageToken);
  if (request.sortBy.trim() !== "" || predicates.length > 0) {
    const sameSort = sort.sortKey === token.sortKey && sort.descending === token.descending;
    if (!sameSort || JSON.stringify(predicates) !== JSON.stringify(token.predicates)) {
      throw invalidArgument("The page token belongs to another sort order or filter: repeat both, or send the token alone");
    }
  }
  return { ...token, pageSize };
}

/** The token of the page that starts at a row. */
export function pageTokenFrom(query: ListQuery, next: RowPosition): string {
  const { resource, sortKey, descending, predicates } = query;
  return Buffer.from(JSON.stringify({ resource, sortKey, descending, predicates, from: next })).toString("base64");
}

function parseSort(resource: ListResourceName, sortBy: string): Pick<ListQuery, "sortKey" | "descending"> {
  const words = sortBy.toLowerCase().split(/\s+/).filter(Boolean);
  const [field = LIST_RESOURCES[resource].defaultSortKey, direction = "asc"] = words;
  if (words.length > 2 || (direction !== "asc" && direction !== "desc")) {
    throw invalidArgument(`Cannot parse sort order "${sortBy}": expected "field", "field asc" or "field desc"`);
  }
  return { sortKey: canonicalKey(resource, field), descending: direction === "desc" };
}

function canonicalKey(resource: ListResourceName, key: string): string {
  const { keys, messageKeys } = LIST_RESOURCES[resource];
  const canonical = Object.hasOwn(keys, key) ? keys[key] : undefined;
  if (canonical !== undefined) return canonical;
  if (messageKeys.includes(key)) throw invalidArgument(`Lists of ${resource} cannot be sorted or filtered by "${key}"`);
  throw invalidArgument(`Lists of ${resource} have no field "${key}"; known are ${Object.keys(keys).join(", ")}`);
}

function parseFilter(resource: ListResourceName, text: string): ListPredicate[] {
  if (text.trim() === "") return [];
  let filter;
  try {
    filter = fromJson(FilterSchema, parseFilterText(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidArgument(`Cannot parse the filter: ${reason}`);
  }
  const { length } = filter.predicates;
  if (length > MAX_PREDICATES)
    throw invalidArgument(`The filter has ${length} predicates, at most ${MAX_PREDICATES} are possible`);
  const predicates = filter.predicates.map((predicate) => listPredicate(resource, predicate));
  const values = predicates.reduce((sum, predicate) => sum + predicate.values.length, 0);
  if (values > MAX_FILTER_VALUES)
    throw invalidArgument(`The filter has ${values} values, at most ${MAX_FILTER_VALUES} are possible`);
  return predicates;
}

/** Some clients encode the text once more than HTTP needs; plain JSON is tried first so that "+" and "%" survive. */
function parseFilterText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    if (!text.includes("%")) throw error;
    return JSON.parse(decodeURIComponent(text.replaceAll("+", " "))) as JsonValue;
  }
}

const SCALAR_OPERATIONS: ReadonlyMap<Operation, ScalarOperation> = new Map([
  [Operation.EQUALS, "="],
  [Operation.NOT_EQUALS, "!="],
  [Operation.GREATER_THAN, ">"],
  [Operation.GREATER_THAN_EQUALS, ">="],
  [Operation.LESS_THAN, "<"],
  [Operation.LESS_THAN_EQUALS, "<="],
]);

/** What begins the key of a predicate on a tag. */
export const TAG_KEY_PREFIX = "tags.";

function isTagKey(resource: ListResourceName, key: string): boolean {
  return LIST_RESOURCES[resource].hasTags === true && key.startsWith(TAG_KEY_PREFIX) && key.length > TAG_KEY_PREFIX.length;
}

function listPredicate(resource: ListResourceName, predicate: Predicate): ListPredicate {
  const { value, operation } = predicate;
  if (isTagKey(resource, predicate.key)) {
    if (operation !== Operation.EQUALS || value.case !== "stringValue") {
      throw invalidArgument(`Filter on "${predicate.key}": tags can only be compared by EQUALS with a string value`);
    }
    return { key: predicate.key, operation: "=", values: [value.value] };
  }
  const key = canonicalKey(resource, predicate.key);
  const name = Operation[operation] ?? String(operation);
  const wrong = (needs: string) => invalidArgument(`Filter on "${predicate.key}": ${name} needs ${needs}`);
  if (value.case === undefined) throw wrong("a value");
  if (operation === Operation.IN) {
    switch (value.case) {
      case "intValues":
      case "stringValues":
        return { key, operation: "in", values: value.value.values };
      case "longValues":
        return { key, operation: "in", values: value.value.values.map(int64) };
      default:
        throw wrong("a list of values");
    }
  }
  if (operation === Operation.IS_SUBSTRING) {
    if (value.case !== "stringValue") throw wrong("a string value");
    return { key, operation: "contains", values: [value.value] };
  }
  const scalar = SCALAR_OPERATIONS.get(operation);
  if (scalar === undefined) throw invalidArgument(`Filter on "${predicate.key}" has no known operation (${name})`);
  switch (value.case) {
    case "intValue":
    case "stringValue":
      return { key, operation: scalar, values: [value.value] };
    case "longValue":
      return { key, operation: scalar, values: [int64(value.value)] };
    case "timestampValue":
      return { key, operation: scalar, values: [secondsOfTimestamp(value.value)] };
    default:
      throw wrong("a single value");
  }
}

function int64(value: bigint): number | { int64: string } {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : { int64: value.toString() };
}

function parseToken(resource: ListResourceName, text: string): Omit<ListQuery, "pageSize"> & { from: RowPosition } {
  const token = decodeToken(text);
  if (!isRecord(token) || !isRecord(token["from"])) throw badToken();
  if (token["resource"] !== resource) throw invalidArgument("The page token belongs to another kind of list");
  const { sortKey, descending, predicates, from } = token;
  const { value, id } = from;
  if (typeof sortKey !== "string" || typeof descending !== "boolean" || !Array.isArray(predicates)) throw badToken();
  if ((typeof value !== "string" && typeof value !== "number") || typeof id !== "string") throw badToken();
  const known = Object.values(LIST_RESOURCES[resource].keys);
  if (predicates.length > MAX_PREDICATES) throw badToken();
  if (!known.includes(sortKey) || !predicates.every((one) => isPredicate(one, resource, known))) throw badToken();
  return { resource, sortKey, descending, predicates: predicates as ListPredicate[], from: { value, id } };
}

function decodeToken(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64").toString("utf8"));
  } catch {
    throw badToken();
  }
}

const OPERATIONS: ReadonlySet<unknown> = new Set([...SCALAR_OPERATIONS.values(), "in", "contains"]);

function isPredicate(one: unknown, resource: ListResourceName, keys: readonly string[]): boolean {
  if (!isRecord(one) || typeof one["key"] !== "string") return false;
  if (isTagKey(resource, one["key"])) {
    return one["operation"] === "=" && Array.isArray(one["values"]) && typeof one["values"][0] === "string";
  }
  if (!keys.includes(one["key"])) return false;
  if (!OPERATIONS.has(one["operation"]) || !Array.isArray(one["values"])) return false;
  if (one["operation"] !== "in" && one["values"].length !== 1) return false;
  return one["values"].every((value) => typeof value === "string" || typeof value === "number" || isInt64(value));
}

function isInt64(value: unknown): boolean {
  if (!isRecord(value) || typeof value["int64"] !== "string" || !/^-?\d{1,19}$/.test(value["int64"])) return false;
  const number = BigInt(value["int64"]);
  return BigInt.asIntN(64, number) === number;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badToken() {
  return invalidArgument("The page token is not one of this server");
}
