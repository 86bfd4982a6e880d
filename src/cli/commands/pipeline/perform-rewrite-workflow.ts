/**
 * What `kfp-runtime rewrite-workflow` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { errorMessage, UsageError } from "../../../core/errors.ts";
import { oneLine } from "../../../core/one-line.ts";
import { readTextDocuments } from "../../../core/values/text-documents.ts";
import type { JsonValue } from "../../../core/values/value.ts";
import { FILE_SIZE_LIMIT, readFile } from "../../../local/pipeline/pipeline-file.ts";
import { readStreamText } from "../../../node/files/limited-text.ts";
import { nodeFileSystem } from "../../../node/node-file-system.ts";
import { buildInfo } from "../../../program/build-info.ts";
import { applyJsonPatch } from "../../../resident/rewrite/json-patch.ts";
import { rewriteWorkflow } from "../../../resident/rewrite/rewrite-workflow.ts";
import { EXIT_FAILED, EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { STANDARD_INPUT } from "../../unknown-words.ts";
import { kubernetesYaml } from "../../text/kubernetes-yaml.ts";
import { rewriteLines } from "../../text/rewrite-text.ts";
import { say, terminalJson, writeLines } from "../../text/terminal-text.ts";
import type { RewriteWorkflowCommand } from "./rewrite-workflow.ts";

/**
 * The workflow is printed in any case, so that the output can be piped on.
 *
 * @throws {UsageError} FILE_UNREADABLE when there is no workflow to look at.
 */
export async function performRewriteWorkflow(command: RewriteWorkflowCommand, host: CliHost): Promise<number> {
  const name = command.file === STANDARD_INPUT ? "standard input" : command.file;
  const workflow = await readWorkflow(command.file, name, host);
  const { loopParallelism } = command;
  const outcome = rewriteWorkflow(workflow, { version: buildInfo.version, loopParallelism });
  const result = outcome.kind === "rewritten" ? applyJsonPatch(workflow, outcome.patch) : workflow;
  host.stdout.write(command.output === "json" ? `${terminalJson(result)}\n` : kubernetesYaml(result));
  if (outcome.kind === "left-alone") {
    writeLines(host.stderr, [say`kfp-runtime: ${name} keeps its driver pods: ${oneLine(outcome.reason)}`]);
    return EXIT_FAILED;
  }
  if (command.diff) writeLines(host.stderr, rewriteLines(name, { before: workflow, after: result, outcome }));
  return EXIT_SUCCEEDED;
}

async function readWorkflow(file: string, name: string, host: CliHost): Promise<JsonValue> {
  const read = await readTextDocuments(file === STANDARD_INPUT ? await readStdin(host, name) : await readPath(file, host));
  if ("problem" in read) throw new UsageError("FILE_UNREADABLE", `Cannot read ${name}${read.problem}`);
  const [workflow, ...more] = read.documents;
  if (workflow === undefined || more.length > 0) {
    const count = workflow === undefined ? "no document" : `${more.length + 1} documents`;
    throw new UsageError("FILE_UNREADABLE", `Cannot read ${name}: it has ${count}, and one Workflow is expected`);
  }
  return workflow;
}

async function readStdin({ stdin }: CliHost, name: string): Promise<string> {
  try {
    return await readStreamText(stdin, { maxBytes: FILE_SIZE_LIMIT, strictUtf8: true });
  } catch (error) {
    throw new UsageError("FILE_UNREADABLE", `Cannot read ${name}: ${errorMessage(error)}`, { cause: error });
  }
}

async function readPath(file: string, { workingFolder }: CliHost): Promise<string> {
  const inFolder = (path: string): string => resolve(workingFolder, path);
  return await readFile(
    {
      readText: (path) => nodeFileSystem.readAnyText(inFolder(path), { maxBytes: FILE_SIZE_LIMIT, strictUtf8: true }),
      stat: (path) => nodeFileSystem.stat(inFolder(path)),
    },
    file,
  );
}
