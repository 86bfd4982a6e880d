/**
 * The main file of `driver plugin`: picks the adapters, runs, exits.
 *
 * @module
 */
import { connectFromEnvironment } from "../../apiclient/connect.ts";
import { createKubeRest } from "../../kube/kube-rest.ts";
import { argumentLimitBytes } from "../../node/argument-limit.ts";
import { logStream } from "../../node/log-stream.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { cleanEnvironment, originalEnvironment } from "../../node/original-env.ts";
import { createLogger, readLogFormat } from "../../node/stderr-logger.ts";
import { listenToStopSignals } from "../../node/stop-signals.ts";
import { systemClock } from "../../node/system-clock.ts";
import { openRunStore } from "../../objectstore/open-run-store.ts";
import { runPlugin } from "./run-plugin.ts";

/** Above what drives under way and answers get; below what the kubelet gives. */
const STOP_LIMIT_MS = 28_000;

/** @param argv Without `plugin`. */
export async function main(argv: readonly string[]): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS });
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const stream = logStream(environment["KFP_LOG_FILE"], process.stderr);
  const clock = systemClock;
  const { randomUUID } = process.getBuiltinModule("node:crypto");
  const kube = () => Promise.resolve(createKubeRest({ clock }, { environment }));
  const exitCode = await runPlugin(argv, {
    ...{ environment, clock, signal, stdout: process.stdout, stderr: process.stderr, files: nodeFileSystem, kube },
    randomUuid: randomUUID,
    argumentLimitBytes: argumentLimitBytes(),
    createLogger: (verbosity, fields = {}) =>
      createLogger({ clock, stream, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity, fields }),
    connect: async (flags, logger) => {
      const api = await connectFromEnvironment({ clock, logger, fileSystem: nodeFileSystem }, flags, environment);
      return { api, close: () => api.close() };
    },
    openStore: (request) => openRunStore({ clock, files: nodeFileSystem, kube, environment }, request),
  });
  leave(exitCode);
}
