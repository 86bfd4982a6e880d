/**
 * One call of `kfp-runtime`, from its arguments to its exit code. Errors end here, each as one line.
 *
 * @module
 */
import { formatVersion } from "../program/build-info.ts";
import { errorMessage, HostError, KfpError, SpecError, UsageError } from "../core/errors.ts";
import { parseCommandLine, type Command } from "./command-line.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_SUCCEEDED, EXIT_USAGE, type CliHost } from "./host.ts";
import { say, writeLines, type TerminalText } from "./text/terminal-text.ts";

/** What the scripts of shells begin with (commands/completion/shell-scripts.ts). */
const COMPLETION_WORD = "__complete";

/** Never throws. */
export async function runCommandLine(argv: readonly string[], host: CliHost): Promise<number> {
  try {
    if (argv[0] === COMPLETION_WORD) {
      const { answerCompletion } = await import("./commands/completion/perform-completion.ts");
      return await answerCompletion(argv.slice(1), host);
    }
    return await runCommand(await parseCommandLine(argv, host.stdout.isTerminal ? host.stdout.columns() : 100), host);
  } catch (error) {
    writeLines(host.stderr, errorLines(error));
    if (error instanceof HostError && error.code === "INTERRUPTED") return EXIT_CANCELLED;
    return error instanceof UsageError || error instanceof SpecError ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function runCommand(command: Command, host: CliHost): Promise<number> {
  switch (command.kind) {
    case "help":
      host.stdout.write(command.text);
      return EXIT_SUCCEEDED;
    case "version":
      host.stdout.write(`${formatVersion("kfp-runtime")}\n`);
      return EXIT_SUCCEEDED;
    case "home": {
      const { performHome } = await import("./commands/perform-home.ts");
      return performHome(command, host);
    }
    case "runs": {
      const { performRuns } = await import("./commands/history/perform-runs.ts");
      return performRuns(command, host);
    }
    case "show": {
      const { performShow } = await import("./commands/history/perform-show.ts");
      return performShow(command, host);
    }
    case "logs": {
      const { performLogs } = await import("./commands/history/perform-logs.ts");
      return performLogs(command, host);
    }
    case "artifacts": {
      const { performArtifacts } = await import("./commands/history/perform-artifacts.ts");
      return performArtifacts(command, host);
    }
    case "serve": {
      const { performServe } = await import("./commands/perform-serve.ts");
      return performServe(command, host);
    }
    case "lint": {
      const { performLint } = await import("./commands/pipeline/perform-lint.ts");
      return performLint(command, host);
    }
    case "graph": {
      const { performGraph } = await import("./commands/pipeline/perform-graph.ts");
      return performGraph(command, host);
    }
    case "rewrite-workflow": {
      const { performRewriteWorkflow } = await import("./commands/pipeline/perform-rewrite-workflow.ts");
      return performRewriteWorkflow(command, host);
    }
    case "diff": {
      const { performDiff } = await import("./commands/history/perform-diff.ts");
      return performDiff(command, host);
    }
    case "cache": {
      const { performCache } = await import("./commands/cache/perform-cache.ts");
      return performCache(command, host);
    }
    case "completion": {
      const { performCompletion } = await import("./commands/completion/perform-completion.ts");
      return performCompletion(command, host);
    }
    case "resume": {
      const { performResume } = await import("./commands/perform-resume.ts");
      return performResume(command, host);
    }
    case "run": {
      const { performRun } = await import("./commands/perform-run.ts");
      return performRun(command, host);
    }
  }
}

/** Problems found together come as several lines; what nobody foresaw keeps its stack, for a report. */
function errorLines(error: unknown): TerminalText[] {
  if (error instanceof KfpError || error instanceof HostError) {
    return error.message.split("\n").map((line) => say`kfp-runtime: ${line}`);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : errorMessage(error);
  const [first = "", ...more] = stack.split("\n");
  return [say`kfp-runtime: this should not have happened, please report it: ${first}`, ...more.map((line) => say`${line}`)];
}
