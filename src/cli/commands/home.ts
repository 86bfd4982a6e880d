/**
 * `kfp-runtime home` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import type { CommandEntry, CommandOption } from "../command-entry.ts";
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
  completes: "folder",
} as const satisfies CommandOption;

/** `kfp-runtime home` on the command line. */
export const homeEntry: CommandEntry<HomeCommand> = {
  name: "home",
  describe: "Show what the home folder uses, or clear it",
  operands: [{ name: "action", describe: "What to do", required: false, choices: ["show", "clear"], default: "show" }],
  options: { home: HOME_OPTION },
  read: (values) => ({ kind: "home", action: values["action"] === "clear" ? "clear" : "show", home: single(values, "home") }),
};
