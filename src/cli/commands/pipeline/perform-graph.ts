/**
 * What `kfp-runtime graph` does once its command line is read.
 *
 * @module
 */
import { resolve } from "node:path";
import { SpecError } from "../../../core/errors.ts";
import { FILE_SIZE_LIMIT, loadPipelineFile } from "../../../local/pipeline/pipeline-file.ts";
import { nodeFileSystem } from "../../../node/node-file-system.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { pipelineGraphOf, runGraphOf, type Graph } from "../../text/graph/graph-model.ts";
import { graphTreeLines } from "../../text/graph/graph-tree.ts";
import { terminalJson, writeLines } from "../../text/terminal-text.ts";
import { withRun } from "../history/common.ts";
import type { GraphCommand } from "./graph.ts";

/** @throws {UsageError} for a file or run that is not there; {SpecError} for a pipeline that cannot run. */
export async function performGraph(command: GraphCommand, host: CliHost): Promise<number> {
  const { stdout, environment } = host;
  const graph = await readGraph(command, host);
  switch (command.output) {
    case "json":
      stdout.write(`${terminalJson(graph)}\n`);
      break;
    case "mermaid": {
      const { mermaidLines } = await import("../../text/graph/mermaid.ts");
      writeLines(stdout, mermaidLines(graph));
      break;
    }
    case "svg": {
      const { svgText } = await import("../../text/graph/svg.ts");
      stdout.write(svgText(graph));
      break;
    }
    case "text": {
      const { isTerminal } = stdout;
      writeLines(stdout, graphTreeLines(graph, { environment, isTerminal, columns: isTerminal ? stdout.columns() : Infinity }));
      break;
    }
  }
  return EXIT_SUCCEEDED;
}

/** What looks like a file or is one is a file. */
async function readGraph({ what, home }: GraphCommand, host: CliHost): Promise<Graph> {
  const inFolder = (path: string): string => resolve(host.workingFolder, path);
  const looksLikeFile = /[/\\]|\.(?:ya?ml|json)$/i.test(what);
  if (looksLikeFile || (await nodeFileSystem.stat(inFolder(what)))?.kind === "file") {
    const files = {
      readText: (path: string) => nodeFileSystem.readAnyText(inFolder(path), { maxBytes: FILE_SIZE_LIMIT, strictUtf8: true }),
      stat: (path: string) => nodeFileSystem.stat(inFolder(path)),
    };
    return pipelineGraphOf((await loadPipelineFile(files, what)).parsed);
  }
  return await withRun({ home, run: what }, host, ({ run }) => {
    if (run.pipeline !== undefined) return runGraphOf(run.pipeline, run);
    throw new SpecError("SPEC_INVALID", `Cannot draw run ${run.runId}: ${run.pipelineProblem ?? "it has no pipeline"}`);
  });
}
