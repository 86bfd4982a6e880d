/**
 * What `kfp-runtime completion` does, and what the scripts it prints ask for.
 *
 * @module
 */

import { LAST, shortIds } from "../../../local/history/run-reference.ts";
import { runArtifacts } from "../../../local/history/run-artifacts.ts";
import type { HistoryRun } from "../../../local/history/stored-run.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { escapeControls } from "../../text/terminal-text.ts";
import { COMMAND_TABLE } from "../command-table.ts";
import { withHistory, withRun } from "../history/common.ts";
import { HOME_OPTION } from "../home.ts";
import { completeWords, type Candidate, type HomeWords } from "./candidates.ts";
import type { CompletionCommand } from "./completion.ts";
import { SHELL_SCRIPTS } from "./shell-scripts.ts";

/** Runs offered; nobody reads more in a list under a prompt. */
const OFFERED_RUNS = 50;

/** Prints the script. */
export function performCompletion({ shell }: CompletionCommand, { stdout }: CliHost): number {
  stdout.write(SHELL_SCRIPTS[shell]);
  return EXIT_SUCCEEDED;
}

/** Answers a script (shell-scripts.ts). Never fails: whoever types has done nothing wrong yet. */
export async function answerCompletion(words: readonly string[], host: CliHost): Promise<number> {
  const { candidates, files } = await completeWords(COMMAND_TABLE, words, homeWords(host));
  const lines = candidates.map(({ value, description }) => `${value}\t${escapeControls(description)}`);
  host.stdout.write([...lines, `:${files}`].map((line) => `${line}\n`).join(""));
  return EXIT_SUCCEEDED;
}

function homeWords(host: CliHost): HomeWords {
  const inHome = (home: string | undefined): { readonly home: string } => ({ home: home ?? HOME_OPTION.default });
  const ofRun = async (
    home: string | undefined,
    run: string,
    words: (found: HistoryRun) => readonly Candidate[],
  ): Promise<readonly Candidate[]> =>
    await quietly(() => withRun({ ...inHome(home), run }, host, ({ run: found }) => words(found)));
  return {
    runs: (home) =>
      quietly(() =>
        withHistory(inHome(home), host, (history) => {
          const runs = history?.store.runs.overview() ?? [];
          const short = shortIds(runs);
          const ids = runs.slice(0, OFFERED_RUNS).map(({ runId, displayName, state }) => ({
            value: short.get(runId) ?? runId,
            description: `${displayName} ${state}`,
          }));
          return ids.length === 0 ? [] : [{ value: LAST, description: "The newest run" }, ...ids];
        }),
      ),
    tasks: (home, run) =>
      ofRun(home, run, ({ tasks }) => printable(tasks.map(({ label, result }) => ({ value: label, description: result.state })))),
    artifacts: (home, run) =>
      ofRun(home, run, (found) =>
        printable(
          runArtifacts(found, { withLogs: false }).map(({ task, key, artifact }) => ({
            value: `${task}.${key}`,
            description: artifact.type,
          })),
        ),
      ),
  };
}

/** Once each, and only what can be typed: a control character would reach the terminal with the prompt. */
function printable(candidates: readonly Candidate[]): Candidate[] {
  const safe = candidates.filter(({ value }) => escapeControls(value) === value);
  return [...new Map(safe.map((candidate) => [candidate.value, candidate])).values()];
}

async function quietly(read: () => Promise<readonly Candidate[]>): Promise<readonly Candidate[]> {
  try {
    return await read();
  } catch {
    return [];
  }
}
