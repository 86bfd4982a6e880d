/**
 * Logs of retried attempts: each attempt of a pod writes to its own log artifact.
 *
 * Source: docs/spec/inputs-and-user-command.md#retry-index-of-the-log.
 *
 * @module
 */
import { clone } from "@bufbuild/protobuf";
import { EXECUTOR_LOGS_KEY } from "./executor-input.ts";
import { ExecutorInputSchema } from "../kfp-types.ts";
import type { ExecutorInput } from "../kfp-types.ts";

/**
 * The retry index in an Argo node name such as `wf.root.train.executor(3)`.
 *
 * @returns The digits between the last parentheses; `undefined` when there is no integer, as in loops (`(0:0)`).
 */
export function retryIndexFromNodeName(nodeName: string): string | undefined {
  const open = nodeName.lastIndexOf("(");
  const close = nodeName.lastIndexOf(")");
  const index = open < 0 ? "" : nodeName.slice(open + 1, Math.max(open + 1, close));
  return /^[+-]?[0-9]+$/.test(index) ? index : undefined;
}

/**
 * An executor input whose log artifact carries the retry index: `-<index>` at the end of its URI, and of its custom path if it has
 * one. Adding it twice changes nothing.
 *
 * @param retryIndex Digits; the empty text leaves everything as it is.
 */
export function qualifyExecutorLogs(executorInput: ExecutorInput, retryIndex: string): ExecutorInput {
  const qualified = clone(ExecutorInputSchema, executorInput);
  const logs = qualified.outputs?.artifacts[EXECUTOR_LOGS_KEY]?.artifacts ?? [];
  const [log] = logs;
  if (log === undefined || logs.length !== 1) return qualified;
  log.uri = withSuffix(log.uri, retryIndex);
  if (log.customPath !== undefined) log.customPath = withSuffix(log.customPath, retryIndex);
  return qualified;
}

function withSuffix(location: string, retryIndex: string): string {
  if (location === "" || retryIndex === "" || location.endsWith(`-${retryIndex}`)) return location;
  return `${location}-${retryIndex}`;
}
