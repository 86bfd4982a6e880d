/**
 * The driver's pass over the command and arguments of a step.
 *
 * Input parameters become text, IfPresent and Concat become elements; placeholders of outputs and artifacts stay for the launcher,
 * which alone knows local paths. The launcher reads the result as template text again, so a value that would look like a placeholder
 * or a clause there is left to the launcher as well: it inserts values without reading them. So is one in which the kubelet, which
 * expands `$(NAME)` and halves `$$` in every argument of a pod, would find something.
 *
 * Source: docs/spec/pod-spec-patch.md#container-main-in-short, docs/spec/placeholders.md#drv-24, #lau-16, #lau-17.
 *
 * @module
 */
import { SpecError } from "../errors.ts";
import type { ComponentSpec, ExecutorInput } from "../kfp-types.ts";
import { evaluateClause, looksLikeClause, parseClause } from "./clause.ts";
import { findPlaceholders, substituteInputParameters } from "./text.ts";
import { isNullValue, textOfValue } from "../values/value.ts";
import type { Value } from "../values/value.ts";

/** What the component says about its input parameters. */
export interface DriverArgumentsOptions {
  /** Defaults of the component's input parameters, for those the executor input does not have. */
  readonly defaults?: Readonly<Record<string, Value>>;
  /** Input parameters the component declares: one of them without value is empty text, any other name is an error. */
  readonly declared?: ReadonlySet<string>;
}

/** The options for a component: its defaults and its declared input parameters. */
export function declaredInputs(component: ComponentSpec): Required<DriverArgumentsOptions> {
  const parameters = Object.entries(component.inputDefinitions?.parameters ?? {});
  return {
    defaults: Object.fromEntries(
      parameters.flatMap(([name, { defaultValue }]) => (defaultValue === undefined ? [] : [[name, defaultValue]])),
    ),
    declared: new Set(parameters.map(([name]) => name)),
  };
}

/**
 * Resolves what the driver can resolve. An element may become none (IfPresent without the branch) or several.
 *
 * @param elements Command followed by arguments, or either of them.
 * @throws {SpecError} PLACEHOLDER_INVALID for a parameter the component does not have and for a malformed clause.
 * @throws {ResolveError} VALUE_INVALID for a value without text form.
 */
export function resolveDriverArguments(
  elements: readonly string[],
  executorInput: ExecutorInput,
  options: DriverArgumentsOptions = {},
): string[] {
  return elements.flatMap((element) => resolveElement(element, new DriverInputs(executorInput, options)));
}

function resolveElement(element: string, inputs: DriverInputs): string[] {
  const clause = parseClause(element);
  const resolveAll = (resolveText: (text: string) => string): string[] =>
    clause === undefined
      ? [resolveText(element)]
      : evaluateClause(clause, { isPresent: (name) => inputs.isPresent(name), resolveText });
  const resolved = resolveAll((text) => substituteInputParameters(text, (name) => inputs.text(name)));
  // Both have as many elements, because presence decides about elements and text does not.
  const deferred = resolveAll((text) => substituteInputParameters(text, (name) => inputs.textLauncherLacks(name)));
  return resolved.map((text, index) => {
    const fallback = deferred[index] ?? text;
    return readsAlike(text, fallback, inputs) ? text : fallback;
  });
}

/** Whether kubelet and launcher would find in the resolved text only what the author wrote. */
function readsAlike(resolved: string, deferred: string, inputs: DriverInputs): boolean {
  if (looksLikeClause(resolved) || expansionsIn(resolved) !== expansionsIn(deferred)) return false;
  const written = findPlaceholders(deferred).filter(
    ({ reference }) => reference.kind !== "input-parameter" || !inputs.has(reference.name),
  );
  const found = findPlaceholders(resolved);
  return found.length === written.length && found.every(({ text }, index) => text === written[index]?.text);
}

function expansionsIn(text: string): number {
  return text.match(/\$\$|\$\(/g)?.length ?? 0;
}

class DriverInputs {
  readonly #values: ReadonlyMap<string, Value>;
  readonly #artifacts: ReadonlySet<string>;
  readonly #defaults: ReadonlyMap<string, Value>;
  readonly #declared: ReadonlySet<string>;

  constructor({ inputs }: ExecutorInput, { defaults = {}, declared = new Set() }: DriverArgumentsOptions) {
    this.#values = new Map(Object.entries(inputs?.parameterValues ?? {}));
    this.#defaults = new Map(Object.entries(defaults));
    this.#declared = declared;
    const filled = Object.entries(inputs?.artifacts ?? {}).filter(([, { artifacts }]) => artifacts.length > 0);
    this.#artifacts = new Set(filled.map(([name]) => name));
  }

  /** Whether the executor input has the parameter, so that the launcher can resolve it too. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  isPresent(name: string): boolean {
    const value = this.#values.get(name) ?? this.#defaults.get(name);
    return (value?.kind.case !== undefined && !isNullValue(value)) || this.#artifacts.has(name);
  }

  text(name: string): string {
    const value = this.#values.get(name);
    return value === undefined ? this.#textWithoutValue(name) : textOfValue(value);
  }

  textLauncherLacks(name: string): string | undefined {
    return this.has(name) ? undefined : this.#textWithoutValue(name);
  }

  #textWithoutValue(name: string): string {
    const fallback = this.#defaults.get(name);
    if (fallback !== undefined) return textOfValue(fallback);
    if (this.#declared.has(name)) return "";
    throw new SpecError(
      "PLACEHOLDER_INVALID",
      `Cannot resolve {{$.inputs.parameters['${name}']}} in the command line: the component has no input parameter "${name}"`,
    );
  }
}
