/**
 * Status metadata and times of a task row, as the server stores them.
 *
 * Source: docs/spec/driver-flows.md#drv-17, docs/spec/launcher-flow.md#lau-8.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { StatusMetadataSchema, type PipelineTask, type StatusMetadata } from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";

/**
 * Status metadata with a message; custom properties, which other components own, are kept. An empty message clears the old one.
 */
export function statusMetadata(message: string, previous: StatusMetadata | undefined): StatusMetadata {
  return create(StatusMetadataSchema, { message, customProperties: { ...previous?.customProperties } });
}

/** Now, in the whole seconds the server stores. */
export function timestampNow(clock: Pick<Clock, "now">): Timestamp {
  return timestampFromDate(new Date(Math.floor(clock.now().getTime() / 1000) * 1000));
}

/** Custom properties of both, those of the row that is wanted on top; the message is left to the caller. */
export function mergeMetadata(row: PipelineTask, wanted: PipelineTask): StatusMetadata {
  const customProperties = { ...row.statusMetadata?.customProperties, ...wanted.statusMetadata?.customProperties };
  return create(StatusMetadataSchema, { customProperties });
}
