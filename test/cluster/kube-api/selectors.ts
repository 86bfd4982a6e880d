/**
 * Label and field selectors of list and watch requests.
 *
 * Standard: Kubernetes documentation, "Labels and Selectors" and "Field Selectors".
 *
 * @module
 */
import { KubeStatusError, type KubeObject } from "./kube-object.ts";

export type Selector = (object: KubeObject) => boolean;

/** @throws {KubeStatusError} BadRequest for a requirement that cannot be read. */
export function labelSelector(text: string): Selector {
  const requirements = splitRequirements(text).map(labelRequirement);
  return ({ metadata }) => requirements.every((holds) => holds(metadata.labels ?? {}));
}

/** @throws {KubeStatusError} BadRequest for a requirement that cannot be read. */
export function fieldSelector(text: string): Selector {
  const requirements = splitRequirements(text).map((requirement): Selector => {
    const [, field, operator, value = ""] = /^([\w.]+)(!=|==?)(.*)$/.exec(requirement) ?? [];
    if (field === undefined) throw unreadable(requirement);
    return (object) => (fieldText(object, field) === value) === (operator !== "!=");
  });
  return (object) => requirements.every((holds) => holds(object));
}

type LabelRequirement = (labels: Readonly<Record<string, string>>) => boolean;

function labelRequirement(requirement: string): LabelRequirement {
  const [, key = "", operator, list = ""] = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(requirement) ?? [];
  if (operator !== undefined) {
    const values = new Set(list.split(",").map((value) => value.trim()));
    const isIn = (labels: Readonly<Record<string, string>>): boolean => Object.hasOwn(labels, key) && values.has(labels[key]!);
    return operator === "in" ? isIn : (labels) => !isIn(labels);
  }
  const [, name = "", comparison, value = ""] = /^([^=!\s]+)\s*(?:(!=|==?)\s*(\S*))?$/.exec(requirement) ?? [];
  if (name !== "") {
    if (comparison === undefined) return (labels) => Object.hasOwn(labels, name);
    return comparison === "!=" ? (labels) => labels[name] !== value : (labels) => labels[name] === value;
  }
  const [, absent] = /^!\s*([^=!\s]+)$/.exec(requirement) ?? [];
  if (absent === undefined) throw unreadable(requirement);
  return (labels) => !Object.hasOwn(labels, absent);
}

/** At commas outside of parentheses. */
function splitRequirements(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function fieldText(object: KubeObject, field: string): string {
  let value: unknown = object;
  for (const name of field.split(".")) value = (value as Record<string, unknown> | undefined)?.[name];
  return typeof value === "string" ? value : "";
}

function unreadable(requirement: string): KubeStatusError {
  return new KubeStatusError(400, "BadRequest", `unable to parse requirement: ${requirement}`);
}
