/**
 * Values of the Kubernetes config that the run gives.
 *
 * Every member is resolved once, and what is remarkable about it is said once: claim names are asked for twice, for the cache and for
 * the pod.
 *
 * Source: docs/spec/kubernetes-executor-config.md#resolving-parameter-and-json-fields, docs/spec/kubernetes-executor-config.md#k8s-12.
 *
 * @module
 */
import { SpecError } from "../core/errors.ts";
import { valueToJson, type Value } from "../core/values/value.ts";
import type { PropagationPlan } from "../resolver/outputs/propagation-plan.ts";
import { resolveSetting } from "../resolver/inputs/parameters.ts";
import { resolveContext, type ResolveContext, type ResolveRequest } from "../resolver/inputs/resolve-context.ts";
import { lookup, scopeEntryOf } from "../resolver/run/spec-lookup.ts";
import type { Logger } from "../ports/logger.ts";
import type { DynamicField, ResolveDynamic } from "./pod-spec-patch/contribution.ts";
import { describeJson } from "./pod-spec-patch/kubernetes/json-object.ts";

/**
 * @param request As for the inputs of the task.
 * @param republish Takes the outputs that a run retry took from their parents and that are found on the way.
 */
export function dynamicValues(logger: Logger, request: ResolveRequest, republish: PropagationPlan): ResolveDynamic {
  const context = resolveContext(request, republish);
  const task = context.scopePath;
  const known = new Map<string, Promise<Value | undefined>>();
  const refuse: ResolveDynamic["refuse"] = (member, reason) =>
    new SpecError("SPEC_INVALID", `Cannot apply ${member} of task "${task}": ${reason}`, { details: { task, member } });
  const warn: ResolveDynamic["warn"] = (message, fields = {}) => logger.warn(message, { task, ...fields });
  const value: ResolveDynamic["value"] = (field) => {
    let found = known.get(field.member);
    if (found === undefined) {
      warnOfDoubts(context, field, warn);
      found = resolveSetting(context, { key: field.member, input: field.spec });
      known.set(field.member, found);
    }
    return found;
  };
  const text: ResolveDynamic["text"] = async (field) => {
    const found = await value(field);
    if (found === undefined) return undefined;
    const fail = (reason: string): SpecError => refuse(field.member, `failed to resolve ${field.what}: ${reason}`);
    if (found.kind.case !== "stringValue") throw fail(`Expected a string but got: ${describeJson(valueToJson(found))}`);
    if (found.kind.value === "") throw fail("Expected a non-empty string");
    return found.kind.value;
  };
  return { value, text, refuse, warn };
}

/** What the reference drops without a word. */
function warnOfDoubts(context: ResolveContext, { member, spec }: DynamicField, warn: ResolveDynamic["warn"]): void {
  if (spec.parameterExpressionSelector !== "") warn("A selector is not applied to settings of the pod", { member });
  if (spec.kind.case !== "componentInputParameter") return;
  const input = spec.kind.value;
  const { component } = scopeEntryOf(context.spec, context.parent);
  const isDeclared = lookup(component.inputDefinitions?.parameters, input) !== undefined;
  const isGiven = context.parent.inputs?.parameters.some(({ parameterKey }) => parameterKey === input) === true;
  if (input === "" || isDeclared || isGiven) return;
  warn("A setting is left out: the pipeline declares no such input", { member, input });
}
