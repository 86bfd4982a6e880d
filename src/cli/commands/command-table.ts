/**
 * All commands, in the order of the help text.
 *
 * @module
 */
import type { CommandEntry } from "../command-entry.ts";
import { cacheEntry, type CacheCommand } from "./cache/cache.ts";
import { completionEntry, type CompletionCommand } from "./completion/completion.ts";
import { artifactsEntry, type ArtifactsCommand } from "./history/artifacts.ts";
import { diffEntry, type DiffCommand } from "./history/diff.ts";
import { logsEntry, type LogsCommand } from "./history/logs.ts";
import { runsEntry, type RunsCommand } from "./history/runs.ts";
import { showEntry, type ShowCommand } from "./history/show.ts";
import { homeEntry, type HomeCommand } from "./home.ts";
import { graphEntry, type GraphCommand } from "./pipeline/graph.ts";
import { lintEntry, type LintCommand } from "./pipeline/lint.ts";
import { rewriteWorkflowEntry, type RewriteWorkflowCommand } from "./pipeline/rewrite-workflow.ts";
import { resumeEntry, type ResumeCommand } from "./resume.ts";
import { runEntry, type RunCommand } from "./run.ts";
import { serveEntry, type ServeCommand } from "./serve.ts";

/** What a command that does something asks for. */
export type AskedCommand =
  | RunCommand
  | ResumeCommand
  | ServeCommand
  | RunsCommand
  | ShowCommand
  | LogsCommand
  | ArtifactsCommand
  | DiffCommand
  | LintCommand
  | GraphCommand
  | RewriteWorkflowCommand
  | CacheCommand
  | CompletionCommand
  | HomeCommand;

/** By name. */
export const COMMAND_TABLE: readonly CommandEntry<AskedCommand>[] = [
  ...[runEntry, resumeEntry, serveEntry, runsEntry, showEntry, logsEntry, artifactsEntry, diffEntry],
  ...[lintEntry, graphEntry, rewriteWorkflowEntry, cacheEntry, homeEntry, completionEntry],
];

/** The entry of a command, if there is one of that name. */
export function findCommand(name: string | undefined): CommandEntry<AskedCommand> | undefined {
  return COMMAND_TABLE.find((entry) => entry.name === name);
}
