/**
 * Whole seconds, the only precision the API stores.
 *
 * Source: docs/spec/api-server.md#stored-fields, #state-history.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { TimestampSchema, type Timestamp } from "@bufbuild/protobuf/wkt";

/** A timestamp of whole unix seconds. */
export function timestampOfSeconds(seconds: number): Timestamp {
  return create(TimestampSchema, { seconds: BigInt(seconds) });
}

/** Unix seconds, fractions cut off; 0 when absent. */
export function secondsOfTimestamp(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : Number(timestamp.seconds);
}

/** The timestamp without its fraction; undefined when it is absent or the epoch, which stands for "not set". */
export function wholeSeconds(timestamp: Timestamp | undefined): Timestamp | undefined {
  return timestamp === undefined || timestamp.seconds === 0n ? undefined : timestampOfSeconds(Number(timestamp.seconds));
}
