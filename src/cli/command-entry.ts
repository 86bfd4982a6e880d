/**
 * What a command of `kfp-runtime` is on the command line: its words, its options, and what a call of it asks for. Help, checks and
 * shell completion are made from it.
 *
 * @module
 */
import type { CommandModule } from "yargs";
import type { Values } from "./option-values.ts";

/** An option of a command, in the terms of yargs. */
export interface CommandOption {
  readonly type?: "string" | "boolean";
  readonly requiresArg?: boolean;
  readonly choices?: readonly string[];
  readonly default?: string | boolean;
  readonly describe: string;
  /** What a shell offers as its value besides the choices; nothing where neither is there. */
  readonly completes?: "file" | "folder" | "run";
}

/** What a word of a command means, for the shell to complete. */
export type OperandKind = "pipeline" | "run" | "task" | "artifact" | "run-or-pipeline";

/** A word of a command that is not an option. */
export interface Operand {
  readonly name: string;
  readonly describe: string;
  readonly required: boolean;
  /** The last one may take all further words. */
  readonly repeated?: boolean;
  readonly choices?: readonly string[];
  readonly default?: string;
  readonly completes?: OperandKind;
}

/** A command, with the type of what a call of it asks for. */
export interface CommandEntry<Asked extends { readonly kind: string }> {
  readonly name: string;
  readonly describe: string;
  readonly operands: readonly Operand[];
  /** By name, without dashes. */
  readonly options: Readonly<Record<string, CommandOption>>;
  /** Said when a required word is missing. */
  readonly missing?: string;
  /** @throws {UsageError} for what the table cannot say. */
  read(values: Values): Asked;
}

/** The entry as yargs takes it. @param take Gets what a call asks for. */
export function commandModule<Asked extends { readonly kind: string }>(
  entry: CommandEntry<Asked>,
  take: (asked: Asked) => void,
): CommandModule {
  const words = entry.operands.map(({ name, required, repeated }) => {
    const text = repeated === true ? `${name}..` : name;
    return required ? `<${text}>` : `[${text}]`;
  });
  return {
    command: [entry.name, ...words].join(" "),
    describe: entry.describe,
    builder: (parser) => {
      for (const { name, describe, choices, required, default: preset } of entry.operands) {
        parser.positional(name, {
          type: "string",
          describe,
          ...(required ? { demandOption: true } : {}),
          ...(choices === undefined ? {} : { choices }),
          ...(preset === undefined ? {} : { default: preset }),
        });
      }
      return parser.options(entry.options);
    },
    handler: (values) => take(entry.read(values)),
  };
}
