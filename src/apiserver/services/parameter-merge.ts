/**
 * How the parameters of an update join the stored ones.
 *
 * Entries are matched by key: type, parameter key, producer task name if there is a producer, its iteration if there is one; for
 * entries of collections and iterators without a complete producer also the value. The incoming entry wins, the others stay where they
 * are, new ones are appended in their order. Nothing can be deleted.
 *
 * Source: docs/spec/api-server.md#parameter-merge (keys are tuples here, not joined text: docs/spec/api-server.md#api-7).
 *
 * @module
 */
import { IoType, type IoParameter } from "../../core/kfp-types.ts";
import { canonicalValue } from "./stored-value.ts";

/** Types that hold several values under one key. */
const MULTI_VALUED: ReadonlySet<IoType> = new Set([
  IoType.COLLECTED_INPUTS,
  IoType.ITERATOR_INPUT,
  IoType.ITERATOR_INPUT_RAW,
  IoType.ITERATOR_OUTPUT,
]);

/** Merges two lists; the lists themselves are not changed. */
export function mergeParameters(stored: readonly IoParameter[], incoming: readonly IoParameter[]): IoParameter[] {
  if (incoming.length === 0) return [...stored];
  const merged = new Map<string, IoParameter>();
  for (const parameter of stored) merged.set(parameterIdentity(parameter), parameter);
  for (const parameter of incoming) merged.set(parameterIdentity(parameter), parameter);
  return [...merged.values()];
}

/** The key two entries are the same by. */
export function parameterIdentity(parameter: IoParameter): string {
  const { type, parameterKey, producer } = parameter;
  const iteration = producer?.iteration;
  const needsValue = MULTI_VALUED.has(type) && iteration === undefined;
  return JSON.stringify([
    type,
    parameterKey,
    producer === undefined ? null : producer.taskName,
    iteration === undefined ? null : String(iteration),
    needsValue ? canonicalValue(parameter.value) : null,
  ]);
}
