/**
 * The name of a secret or a config map: from the run, or from the config's older text.
 *
 * Source: docs/spec/kubernetes-executor-config.md#secret-and-configmap-volumes.
 *
 * @module
 */
import type { InputParameterSpec } from "../../../core/kfp-types.ts";
import type { ResolveDynamic } from "../contribution.ts";

/** Both places where an entry can name its object, and the words for messages. */
export interface ObjectName {
  /** Of the entry: `secretAsEnv[0]`. */
  readonly member: string;
  /** Member that holds the parameter: `secretNameParameter`. */
  readonly parameterMember: string;
  readonly parameter: InputParameterSpec | undefined;
  /** The deprecated text. */
  readonly name: string;
  /** `secret name`. */
  readonly what: string;
  /** Of an entry that has neither. */
  readonly missing: string;
}

/**
 * @returns `undefined` when the run gives no name: the entry is left out.
 * @throws {SpecError} SPEC_INVALID when the entry names nothing, or the run gives something that is not a name.
 */
export async function objectName(
  { member, parameterMember, parameter, name, what, missing }: ObjectName,
  resolve: ResolveDynamic,
): Promise<string | undefined> {
  if (parameter !== undefined) return resolve.text({ member: `${member}.${parameterMember}`, spec: parameter, what });
  if (name === "") throw resolve.refuse(member, missing);
  return name;
}
