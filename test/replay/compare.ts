/**
 * Where two JSON values differ, as paths with both values.
 *
 * Lists of named things are compared by name. A list that only has another order is one difference, at `PATH.order`.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";

export interface Difference {
  readonly field: string;
  readonly theirs: JsonValue | undefined;
  readonly ours: JsonValue | undefined;
}

export function compareJson(field: string, theirs: JsonValue | undefined, ours: JsonValue | undefined): Difference[] {
  if (sameJson(theirs, ours)) return [];
  if (Array.isArray(theirs) && Array.isArray(ours)) return compareLists(field, theirs, ours);
  if (isObject(theirs) && isObject(ours)) {
    return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].flatMap((key) =>
      compareJson(`${field}.${key}`, theirs[key], ours[key]),
    );
  }
  return [{ field, theirs, ours }];
}

function compareLists(field: string, theirs: JsonValue[], ours: JsonValue[]): Difference[] {
  const names = (list: JsonValue[]): (string | undefined)[] => list.map(nameOf);
  const [theirNames, ourNames] = [names(theirs), names(ours)];
  const isNamed = (list: (string | undefined)[]): list is string[] =>
    list.every((name) => name !== undefined) && new Set(list).size === list.length;
  if (isNamed(theirNames) && isNamed(ourNames)) {
    const at = (list: JsonValue[], of: string[], name: string): JsonValue | undefined => list[of.indexOf(name)];
    const members = [...new Set([...theirNames, ...ourNames])].flatMap((name) =>
      compareJson(`${field}[${name}]`, at(theirs, theirNames, name), at(ours, ourNames, name)),
    );
    return members.length > 0 ? members : [{ field: `${field}.order`, theirs: theirNames, ours: ourNames }];
  }
  const texts = (list: JsonValue[]): string => list.map(sortedText).toSorted().join("\n");
  if (texts(theirs) === texts(ours)) return [{ field: `${field}.order`, theirs, ours }];
  if (theirs.length !== ours.length) return [{ field, theirs, ours }];
  return theirs.flatMap((value, index) => compareJson(`${field}[${index}]`, value, ours[index]));
}

/** What tells the members of a list apart: containers, variables, volumes and mounts. */
function nameOf(value: JsonValue): string | undefined {
  if (!isObject(value)) return undefined;
  const { name, mountPath, artifactId } = value;
  // Artifacts of a list may all have one name.
  if (artifactId !== undefined) return undefined;
  return typeof mountPath === "string" ? mountPath : typeof name === "string" ? name : undefined;
}

function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sortedText(a) === sortedText(b));
}

/** The same text for equal values, whatever the order of their members. */
export function sortedText(value: JsonValue): string {
  return JSON.stringify(value, (_, member: JsonValue) =>
    isObject(member) ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

/** A member that is a text in every recording; of anything else its JSON. */
export function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

export function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
