/**
 * What `kfp-runtime artifacts` does once its command line is read.
 *
 * @module
 */
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import { isLocalUri } from "../../../core/executor/artifact-uri.ts";
import { HostError, UsageError } from "../../../core/errors.ts";
import { artifactPresence, runArtifacts, type ArtifactPresence, type RunArtifact } from "../../../local/history/run-artifacts.ts";
import type { HistoryRun } from "../../../local/history/stored-run.ts";
import { exists } from "../../../node/files/path-kind.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../../host.ts";
import { artifactTableLines } from "../../text/history/artifact-text.ts";
import { say, terminalJson, writeLines } from "../../text/terminal-text.ts";
import type { ArtifactsCommand } from "./artifacts.ts";
import { withRun } from "./common.ts";
import { openInDesktop } from "./open-in-desktop.ts";

/** An artifact as `--output json` tells of it. */
export interface ListedArtifact {
  readonly task: string;
  readonly key: string;
  readonly name: string;
  readonly type: string;
  /** Empty for a single metric. */
  readonly uri: string;
  readonly place: ArtifactPresence["place"];
  /** Of what lies on this machine. */
  readonly sizeBytes?: number;
  readonly numberValue?: number;
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/**
 * @throws {UsageError} USAGE_INVALID when there is no such run or artifact, or it cannot be opened here; {HostError} HOME_UNUSABLE, or
 *   when the desktop has no program for it.
 */
export async function performArtifacts(command: ArtifactsCommand, host: CliHost): Promise<number> {
  const { stdout } = host;
  return await withRun(command, host, async ({ run }) => {
    const all = runArtifacts(run, { withLogs: command.all || command.artifact !== undefined });
    const chosen = command.artifact === undefined ? all : findArtifacts(all, command.artifact, run);
    if (command.open) {
      await openInDesktop(await placeToOpen(command, chosen, run), host.environment);
      return EXIT_SUCCEEDED;
    }
    const listed: ListedArtifact[] = [];
    for (const artifact of chosen) listed.push(listedArtifact(artifact, await artifactPresence(artifact.artifact)));
    if (command.output === "json") stdout.write(`${terminalJson({ runId: run.runId, artifacts: listed })}\n`);
    else if (listed.length === 0) writeLines(stdout, [say`Run ${run.runId} has made no artifacts`]);
    else writeLines(stdout, artifactTableLines(listed, stdout.isTerminal ? stdout.columns() : Infinity));
    return EXIT_SUCCEEDED;
  });
}

function findArtifacts(all: readonly RunArtifact[], text: string, { runId }: HistoryRun): readonly RunArtifact[] {
  const ways: ((artifact: RunArtifact) => boolean)[] = [
    ({ task, key }) => `${task}.${key}` === text,
    ({ key }) => key === text,
    ({ artifact: { name } }) => name === text,
    ({ task }) => task === text,
    ({ task, key }) => `${task.replace(/\[.*$/s, "")}.${key}` === text,
  ];
  for (const fits of ways) {
    const found = all.filter(fits);
    if (found.length > 0) return found;
  }
  const known = [...new Set(all.map(({ task, key }) => `${task}.${key}`))];
  const names = known.length === 0 ? "there are none" : `there are ${known.slice(0, 10).join(", ")}`;
  throw new UsageError("USAGE_INVALID", `Cannot find artifact "${text}" in run ${runId}: ${names}`);
}

function listedArtifact({ task, key, artifact }: RunArtifact, presence: ArtifactPresence): ListedArtifact {
  const { name, type, uri, metadata, numberValue } = artifact;
  return {
    ...{ task, key, name, type, uri, place: presence.place },
    ...("sizeBytes" in presence ? { sizeBytes: presence.sizeBytes } : {}),
    ...(numberValue === undefined ? {} : { numberValue }),
    metadata,
  };
}

async function placeToOpen(
  { artifact: text }: ArtifactsCommand,
  chosen: readonly RunArtifact[],
  run: HistoryRun,
): Promise<string> {
  const refuse = (reason: string): UsageError =>
    new UsageError("USAGE_INVALID", `Cannot open ${text ?? "the artifacts"}: ${reason}`);
  if (text === undefined) {
    const folder = join(run.pipelineRoot, run.pipeline?.spec.pipelineInfo?.name ?? "", run.runId);
    if (!isLocalUri(folder)) throw refuse(`they lie in ${folder}; name one of them`);
    if (!(await exists(folder))) throw refuse(`${folder} does not exist`);
    return folder;
  }
  const uris = [...new Set(chosen.map(({ artifact }) => artifact.uri))];
  const [uri = "", ...others] = uris;
  if (others.length > 0) {
    const names = chosen.slice(0, 5).map(({ task, key }) => `${task}.${key}`);
    throw refuse(`it names ${uris.length} artifacts, as ${names.join(", ")}`);
  }
  if (uri === "") throw refuse("it is a number, and nothing stored");
  if (!isLocalUri(uri)) throw refuse(`it lies in ${uri}`);
  if (!(await exists(uri))) throw new HostError("FILE_READ_FAILED", `Cannot open ${text}: ${uri} does not exist any more`);
  return uri;
}
