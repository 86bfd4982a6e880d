/** Says in an error of the cluster what the driver was doing. @module */
import { errorMessage, KfpError, KubeError } from "../../core/errors.ts";

/** The same kind of error where it is one of the cluster; any other comes back as it is, but for its message. */
export function prefixError(error: unknown, doing: string): Error {
  const message = `${doing}: ${errorMessage(error)}`;
  if (error instanceof KubeError) {
    return error.withMessage(message);
  }
  if (error instanceof KfpError) return error;
  return new Error(message, { cause: error });
}
