/**
 * Placeholders: one door to the modules that find them and resolve them.
 *
 * Text form: text. IfPresent and Concat: clause. The driver's pass over a command line: driver-pass. The launcher's pass: launcher-pass.
 * Facts of run and task: context, and run-facts which gathers them. Importer metadata: metadata.
 *
 * @module
 */
export { WORKSPACE_PATH } from "../executor/artifact-uri.ts";
export { jobPlaceholderValue } from "./context.ts";
export type { PlaceholderContext } from "./context.ts";
export { declaredInputs, resolveDriverArguments } from "./driver-pass.ts";
export type { DriverArgumentsOptions } from "./driver-pass.ts";
export { resolveLauncherArguments, resolveParameterReferences } from "./launcher-pass.ts";
export type { LauncherArgumentsContext } from "./launcher-pass.ts";
export { resolveMetadataPlaceholders } from "./metadata.ts";
export { findPlaceholders, replacePlaceholders, substituteInputParameters, wholePlaceholder } from "./text.ts";
export { runFacts } from "./run-facts.ts";
export type { RunFacts } from "./run-facts.ts";
export type { ContextName, Placeholder, PlaceholderReference } from "./text.ts";
