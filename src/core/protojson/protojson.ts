/**
 * The protojson dialect in both directions, for pipeline specs, executor input and output, and the driver's JSON flags.
 *
 * @module
 */
export { parseLenient } from "./parse.ts";
export type { LenientMessage, ParseOptions } from "./parse.ts";
export { printJson } from "./print.ts";
export type { PrintOptions } from "./print.ts";
