/** The warning about fields of a message that this version does not know. @module */
import type { Logger } from "../ports/logger.ts";

/**
 * Warns once of everything that was left out of a message; says nothing where nothing was.
 *
 * @param where What was read, such as `--executor_input`.
 * @param unknownFields JSON paths, as the lenient parser names them.
 */
export function warnOfUnknownFields(logger: Pick<Logger, "warn">, where: string, unknownFields: readonly string[]): void {
  if (unknownFields.length === 0) return;
  logger.warn("Fields unknown to this version are ignored", { in: where, fields: unknownFields.join(", ") });
}
