/**
 * `kfp-runtime home` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import type { CommandEntry, CommandOption } from "../command-entry.ts";
import { readDuration, readPath, single } from "../option-values.ts";

/** Where runs are kept unless `--home` says otherwise, below the working folder. */
export const DEFAULT_HOME = ".kfp-runtime";

/** `kfp-runtime home`. */
export interface HomeCommand {
  readonly kind: "home";
  readonly home: string;
  readonly action: HomeAction;
  /** Of a backup: the folder to make, as given. */
  readonly target?: string;
  /** Of a sweep: runs that ended longer ago are removed. */
  readonly olderThanMs?: number;
  /** Of a sweep: only says what would be removed. */
  readonly dryRun: boolean;
  readonly output: "text" | "json";
}

/** What to do with a home. */
export type HomeAction = (typeof ACTIONS)[number];

const ACTIONS = ["show", "clear", "check", "backup", "gc"] as const;

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
  describe: "Show what the home folder uses, clear it, check it, copy it, or remove what nobody needs",
  operands: [
    { name: "action", describe: "What to do", required: false, choices: ACTIONS, default: "show" },
    { name: "target", describe: "Folder of a backup, which must not exist", required: false },
  ],
  options: {
    home: HOME_OPTION,
    "older-than": {
      type: "string",
      requiresArg: true,
      describe: "gc: remove runs, too, that ended longer ago than this, as 720h",
    },
    "dry-run": { type: "boolean", default: false, describe: "gc: only say what would be removed" },
    output: { choices: ["text", "json"], default: "text", describe: "What the result is printed as" },
  },
  read: (values) => {
    const action = ACTIONS.find((known) => known === values["action"]) ?? "show";
    const target = values["target"] as string | undefined;
    if (action === "backup" && (target === undefined || target === "")) {
      throw new UsageError("USAGE_INVALID", "Which folder? Try kfp-runtime home backup FOLDER");
    }
    if (action !== "backup" && target !== undefined) {
      throw new UsageError("USAGE_INVALID", `Unexpected word ${target}: home ${action} takes none`);
    }
    const hasAge = values["older-than"] !== undefined;
    if (action !== "gc" && hasAge) throw new UsageError("USAGE_INVALID", "Option --older-than belongs to home gc");
    const dryRun = values["dry-run"] === true;
    if (action !== "gc" && dryRun) throw new UsageError("USAGE_INVALID", "Option --dry-run belongs to home gc");
    return {
      kind: "home",
      ...{ action, dryRun },
      output: single(values, "output") === "json" ? "json" : "text",
      home: readPath(values, "home"),
      ...(target === undefined ? {} : { target }),
      ...(hasAge ? { olderThanMs: readDuration(single(values, "older-than"), "older-than") } : {}),
    };
  },
};
