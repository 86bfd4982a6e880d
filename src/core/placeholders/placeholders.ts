/**
 * Placeholders: one door to the modules that find them and resolve them.
 *
 * Text form: placeholder-text. IfPresent and Concat: placeholder-clause. The driver's pass over a command line: placeholder-driver.
 * The launcher's pass: placeholder-launcher. Facts of run and task: placeholder-context. Importer metadata: placeholder-metadata.
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
export type { ContextName, Placeholder, PlaceholderReference } from "./text.ts";
