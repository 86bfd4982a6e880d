/**
 * What a driver found out as output parameters of an Argo template, for whoever hands results over without files.
 *
 * Argo's executor reads the files that a template's outputs name and takes an output's default where there is none. Nobody does that for
 * a node without a pod: an output that is left out stays unresolved, and the controller tries again for ever. So every declared output has
 * a value here.
 *
 * Source: docs/spec/resident-driver.md#what-argo-checks-and-does-with-such-a-template, docs/spec/argo-workflows.md#how-argo-invokes-the-driver.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import type { OutputFile } from "./output-files.ts";

/** An output parameter that a template declares. */
export interface OutputDeclaration {
  readonly name: string;
  /** Its value where the driver says nothing. */
  readonly default?: string;
}

/** The value of an output parameter. */
export interface OutputValue {
  readonly name: string;
  readonly value: string;
}

/**
 * A value for every declared output, in the order of the declarations.
 *
 * @param said What the driver would write, by output: the path of a file is the name of its output.
 * @throws {SpecError} SPEC_INVALID for an output with neither value nor default.
 */
export function declaredOutputs(said: readonly OutputFile[], declared: readonly OutputDeclaration[]): OutputValue[] {
  const values = new Map(said.map(({ path, text }) => [path, text]));
  return declared.map(({ name, default: fallback }) => {
    const value = values.get(name) ?? fallback;
    if (value !== undefined) return { name, value };
    throw new SpecError(
      "SPEC_INVALID",
      `Output parameter "${name}" of the driver template has no default, and the driver has no value for it`,
    );
  });
}
