/**
 * What `kfp-runtime lint` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { lintPipeline, type LintProblem, type LintSeverity } from "../../../local/pipeline/lint-pipeline.ts";
import { FILE_SIZE_LIMIT, readFile } from "../../../local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../../node/node-file-system.ts";
import { EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { lintJson, lintLines } from "../../text/lint/lint-text.ts";
import { terminalJson, writeLines } from "../../text/terminal-text.ts";
import type { LintCommand } from "./lint.ts";

/** The problems of one file. */
export interface LintedFile {
  /** As given on the command line. */
  readonly path: string;
  readonly problems: readonly LintProblem[];
}

/** @throws {UsageError} FILE_UNREADABLE when a file cannot be read at all. */
export async function performLint(command: LintCommand, host: CliHost): Promise<number> {
  const { stdout, workingFolder, environment } = host;
  const inFolder = (path: string): string => resolve(workingFolder, path);
  const files = {
    readText: (path: string) => nodeFileSystem.readAnyText(inFolder(path), { maxBytes: FILE_SIZE_LIMIT, strictUtf8: true }),
    stat: (path: string) => nodeFileSystem.stat(inFolder(path)),
  };
  const linted: LintedFile[] = [];
  for (const path of command.files) {
    linted.push({ path, problems: await lintPipeline(await readFile(files, path), path, { local: command.local }) });
  }
  switch (command.output) {
    case "json":
      stdout.write(`${terminalJson(lintJson(linted))}\n`);
      break;
    case "sarif": {
      const { sarifLog } = await import("../../text/lint/sarif.ts");
      stdout.write(`${terminalJson(sarifLog(linted, { workingFolder }))}\n`);
      break;
    }
    case "text": {
      const { isTerminal } = stdout;
      writeLines(stdout, lintLines(linted, { environment, isTerminal }));
      break;
    }
  }
  const counted: readonly LintSeverity[] = command.strict ? ["error", "warning"] : ["error"];
  const hasProblems = linted.some(({ problems }) => problems.some(({ severity }) => counted.includes(severity)));
  return hasProblems ? EXIT_FAILED : EXIT_SUCCEEDED;
}
