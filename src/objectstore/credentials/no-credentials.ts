/**
 * The error of an environment that holds no credentials at all.
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";

export function noCredentials(cause?: unknown): StorageError {
  return new StorageError(
    "OBJECT_ACCESS_DENIED",
    "No credentials found in the environment. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a web identity, a profile or a pod identity, or configure a Secret for the provider in kfp-launcher.",
    { cause },
  );
}
