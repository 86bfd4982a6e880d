/**
 * What `kfp-runtime serve` does once its command line is read.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { HostError } from "../../core/errors.ts";
import { readLocalObjects } from "../../local/objects/read-objects.ts";
import type { RunNews } from "../../local/serve/run-manager.ts";
import type { ServedHome } from "../../local/serve/serve-home.ts";
import { fileProblem } from "../../node/files/file-problem.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { systemClock } from "../../node/system-clock.ts";
import { buildInfo } from "../../program/build-info.ts";
import { EXIT_SUCCEEDED, type CliHost } from "../host.ts";
import { durationText } from "../text/duration-text.ts";
import { say, terminalJson, writeLines, type TerminalText } from "../text/terminal-text.ts";
import { capacityOf, LEAST_PARALLELISM } from "./run.ts";
import type { ServeCommand } from "./serve.ts";

/** @throws {HostError} when the home cannot be used; {ApiError} when the address cannot be listened at. */
export async function performServe(command: ServeCommand, host: CliHost): Promise<number> {
  const { stdout, stderr, workingFolder, environment, programFolder, processors } = host;
  const signal = host.stopSignal({ withStdin: command.stopWithStdin });
  const log = (line: TerminalText): void => writeLines(stderr, [say`${new Date().toISOString()} ${line}`]);
  const secrets = command.secrets === undefined ? undefined : resolve(workingFolder, command.secrets);
  // Read again for every run; a name that is wrong from the start would fail all of them.
  if (secrets !== undefined) await readLocalObjects(secrets);
  const { serveHome } = await import("../../local/serve/serve-home.ts");
  const served = await serveHome(
    {
      ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID },
      onNews: (news) => log(newsText(news)),
      onNotice: (text) => log(say`${text}`),
    },
    {
      ...{ environment, programFolder, build: buildInfo },
      homeFolder: resolve(workingFolder, command.home),
      host: command.host,
      restPort: command.restPort,
      grpcPort: command.grpcPort,
      allowed: { hosts: command.allowedHosts, origins: command.allowedOrigins },
      runLayout: command.runLayout,
      needsToken: command.needsToken,
      maxRuns: command.maxRuns,
      parallelism: command.parallelism ?? Math.max(LEAST_PARALLELISM, processors),
      ...capacityOf(command.capacity, host),
      isolation: command.isolation,
      ...(secrets === undefined ? {} : { secrets }),
    },
  );
  const readyFile = command.readyFile === undefined ? undefined : resolve(workingFolder, command.readyFile);
  let isReady = false;
  try {
    if (readyFile !== undefined) await writeReady(readyFile, addresses(served));
    isReady = true;
    if (command.output === "json") stdout.write(`${terminalJson(addresses(served))}\n`);
    else writeLines(stdout, addressLines(served));
    await aborted(signal);
    log(say`stopping: steps are asked to end, their runs go on with the next start; once more to end at once`);
  } finally {
    if (readyFile !== undefined && isReady) await rm(readyFile, { force: true });
    await served.stop();
  }
  return EXIT_SUCCEEDED;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
}

/** What `--output json` and `--ready-file` say. */
function addresses({ home, rest, grpc, tokenFile }: ServedHome): object {
  return {
    ...{ home: home.folder, pid: process.pid, version: buildInfo.version },
    rest: { ...rest, url: urlOf(rest) },
    grpc,
    ...(tokenFile === undefined ? {} : { tokenFile }),
  };
}

function addressLines({ home, rest, grpc, tokenFile }: ServedHome): TerminalText[] {
  return [
    say`kfp-runtime ${buildInfo.version} serves ${home.folder}`,
    say`  REST   ${urlOf(rest)}`,
    say`  gRPC   ${grpc.host}:${grpc.port}`,
    ...(tokenFile === undefined ? [] : [say`  token  in ${tokenFile}`]),
    say`Ctrl-C stops it`,
  ];
}

function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** In one step: whoever waits for the file reads all of it. */
async function writeReady(path: string, content: object): Promise<void> {
  const part = `${path}.${process.pid}`;
  try {
    await writeFile(part, `${JSON.stringify(content)}\n`);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw new HostError("FILE_WRITE_FAILED", `Cannot write the file of --ready-file, ${path}: ${fileProblem(error)}`, {
      cause: error,
      details: { path },
    });
  }
}

function newsText(news: RunNews): TerminalText {
  switch (news.kind) {
    case "started":
      return say`run ${news.runId} started: ${news.displayName}`;
    case "ended":
      return say`run ${news.runId} ${news.state} after ${durationText(news.durationMs)}`;
    case "refused":
      return say`run ${news.runId} FAILED, nothing has run: ${news.message}`;
    case "left":
      return say`run ${news.runId} goes on with the next start`;
  }
}
