/**
 * Which tasks ListTasks is to answer, as the JSON text of a Filter message.
 *
 * Source: docs/spec/api-server.md#filter.
 *
 * @module
 */
import type { TaskFilter } from "../ports/kfp-api.ts";

/** The text of `filter`; empty when nothing restricts the list. All conditions have to hold. */
export function taskFilterText({ names, states }: TaskFilter): string {
  const predicates = [
    ...(names === undefined ? [] : [{ operation: "IN", key: "name", string_values: { values: names } }]),
    // The column holds the state's number.
    ...(states === undefined ? [] : [{ operation: "IN", key: "status", int_values: { values: states } }]),
  ];
  if (predicates.length === 0) return "";
  // The reference decodes the text as part of a URL once more, so what that would change is escaped.
  return JSON.stringify({ predicates }).replaceAll("%", "%25").replaceAll("+", "%2B");
}
