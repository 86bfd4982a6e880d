/**
 * `kfp-runtime home` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandModule } from "yargs";
import { single } from "../option-values.ts";

/** Where runs are kept unless `--home` says otherwise, below the working folder. */
export const DEFAULT_HOME = ".kfp-runtime";

/** `kfp-runtime home`. */
export interface HomeCommand {
  readonly kind: "home";
  readonly action: "show" | "clear";
  readonly home: string;
}

/** The same for every command that uses a home. */
export const HOME_OPTION = {
  type: "string",
  requiresArg: true,
  default: DEFAULT_HOME,
  describe: "Folder for state, database and artifacts",
} as const;

/** Options by name. */
export const HOME_OPTIONS = { home: HOME_OPTION } as const;

/** @param take Gets what a call asks for. */
export function homeModule(take: (command: HomeCommand) => void): CommandModule {
  return {
    command: "home [action]",
    describe: "Show what the home folder uses, or clear it",
    builder: (parser) => parser.positional("action", { choices: ["show", "clear"], default: "show" }).options(HOME_OPTIONS),
    handler: (values) =>
      take({ kind: "home", action: values["action"] === "clear" ? "clear" : "show", home: single(values, "home") }),
  };
}
