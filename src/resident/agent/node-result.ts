/**
 * The end of one drive as the controller takes it.
 *
 * A phase that does not end the node is never reported: a node that says `Running` is out of reach of the workflow's deadline, which is
 * how KFP terminates runs. What the pipeline or its author did wrong is `Failed`; what the machinery did wrong is `Error`, which
 * the retry strategy of later upstreams tries again.
 *
 * Source: docs/spec/resident-driver.md#response-body, #requeue-without-writes, #retries, #kfp-api-server-away.
 *
 * @module
 */
import { ApiError, errorMessage, HostError, KfpError, KubeError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/values/value.ts";
import type { OutputValue } from "../../driver/outputs/declared-outputs.ts";

/** What a task set holds of a node that has ended. */
export interface NodeResult {
  readonly phase: "Succeeded" | "Failed" | "Error";
  readonly message?: string;
  readonly outputs?: readonly OutputValue[];
}

/** Of a message; all undelivered results of a run share one object. */
const LONGEST_MESSAGE = 1024;

export function succeeded(outputs: readonly OutputValue[]): NodeResult {
  return { phase: "Succeeded", outputs };
}

/** @param error Whatever the drive threw. */
export function failed(error: unknown): NodeResult {
  return { phase: isMachinery(error) ? "Error" : "Failed", message: shortMessage(errorMessage(error)) };
}

/** For a node that is not driven at all. */
export function refused(reason: string): NodeResult {
  return { phase: "Failed", message: shortMessage(`refused: ${reason}`) };
}

/** As Argo's NodeResult. */
export function nodeResultJson({ phase, message, outputs }: NodeResult): JsonObject {
  return {
    phase,
    ...(message === undefined ? {} : { message }),
    ...(outputs === undefined ? {} : { outputs: { parameters: outputs.map(({ name, value }) => ({ name, value })) } }),
  };
}

/** True where another try of the same may well succeed. */
function isMachinery(error: unknown): boolean {
  if (!(error instanceof KfpError)) return true;
  if (error instanceof ApiError) return error.code === "API_UNAVAILABLE" || error.code === "TOKEN_UNREADABLE";
  if (error instanceof KubeError) return error.code === "KUBE_UNAVAILABLE";
  return error instanceof HostError || error.code === "INVARIANT_BROKEN";
}

function shortMessage(text: string): string {
  const message = `driver: ${text}`;
  return message.length <= LONGEST_MESSAGE ? message : `${message.slice(0, LONGEST_MESSAGE - 1).toWellFormed()}…`;
}
