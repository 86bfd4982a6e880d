/**
 * The protojson dialect in both directions, for pipeline specs, executor input and output, and the driver's JSON flags.
 *
 * @module
 */
export { parseLenient } from "./proto-json-parse.ts";
export type { LenientMessage, ParseOptions } from "./proto-json-parse.ts";
export { printJson } from "./proto-json-print.ts";
export type { PrintOptions } from "./proto-json-print.ts";
