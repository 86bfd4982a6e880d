/**
 * Placeholders: one door to the modules that find them and resolve them.
 *
 * Text form: placeholder-text. IfPresent and Concat: placeholder-clause. The driver's pass over a command line: placeholder-driver.
 * The launcher's pass: placeholder-launcher. Facts of run and task: placeholder-context. Importer metadata: placeholder-metadata.
 *
 * @module
 */
export { WORKSPACE_PATH } from "./artifact-uri.ts";
export { jobPlaceholderValue } from "./placeholder-context.ts";
export type { PlaceholderContext } from "./placeholder-context.ts";
export { declaredInputs, resolveDriverArguments } from "./placeholder-driver.ts";
export type { DriverArgumentsOptions } from "./placeholder-driver.ts";
export { resolveLauncherArguments, resolveParameterReferences } from "./placeholder-launcher.ts";
export type { LauncherArgumentsContext } from "./placeholder-launcher.ts";
export { resolveMetadataPlaceholders } from "./placeholder-metadata.ts";
export { findPlaceholders, replacePlaceholders, substituteInputParameters, wholePlaceholder } from "./placeholder-text.ts";
export type { ContextName, Placeholder, PlaceholderReference } from "./placeholder-text.ts";
