/**
 * Pipelines without a golden, each with its reason. The list is empty when all of the language and of the platform spec can be simulated.
 *
 * @module
 */
export const PENDING: readonly string[] = [
  // The launcher waits for a model container, which a simulation does not have.
  "importer_of_an_image",
];
