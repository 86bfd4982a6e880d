/**
 * The main file of `driver agent`: picks the adapters, runs, exits.
 *
 * @module
 */
import { connectFromEnvironment } from "../../apiclient/connect.ts";
import { createKubeObjects } from "../../kube/kube-objects.ts";
import { createKubeRest } from "../../kube/kube-rest.ts";
import { argumentLimitBytes } from "../../node/argument-limit.ts";
import { logStream } from "../../node/log-stream.ts";
import { nodeFileSystem } from "../../node/node-file-system.ts";
import { cleanEnvironment, originalEnvironment } from "../../node/original-env.ts";
import { startStatusServer } from "../../node/status-server.ts";
import { createLogger, readLogFormat } from "../../node/stderr-logger.ts";
import { listenToStopSignals } from "../../node/stop-signals.ts";
import { systemClock } from "../../node/system-clock.ts";
import { openRunStore } from "../../objectstore/open-run-store.ts";
import { noFiles } from "./no-files.ts";
import { runAgent } from "./run-agent.ts";
import type { AgentCommand } from "./options.ts";

/** Above the agent's own limits for drives under way and the hand-over. */
const STOP_LIMIT_MS = 28_000;

/** @param argv Without `agent`. */
export async function main(argv: readonly string[]): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS });
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const stream = logStream(environment["KFP_LOG_FILE"], process.stderr);
  const clock = systemClock;
  const { randomUUID } = process.getBuiltinModule("node:crypto");
  const exitCode = await runAgent(argv, {
    environment,
    ...{ clock, signal, stdout: process.stdout, stderr: process.stderr },
    randomUuid: randomUUID,
    argumentLimitBytes: argumentLimitBytes(),
    createLogger: (verbosity, fields = {}) =>
      createLogger({ clock, stream, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity, fields }),
    openKube: () => createKubeObjects({ clock, random: Math.random }, { environment }),
    connect: async ({ connection, tenants }: AgentCommand, logger) => {
      // A token of the agent's own would go along where it has none to show.
      const known = tenants.identity === "agent" ? environment : { ...environment, KFP_TOKEN_PATH: "" };
      const api = await connectFromEnvironment({ clock, logger, fileSystem: nodeFileSystem }, connection, known);
      return {
        api,
        apiAs: (tokens) => api.as(tokens),
        openKube: (token) => createKubeRest({ clock }, { environment, ...(token === undefined ? {} : { token }) }),
        // Neither files nor credentials of this process are for what a tenant's pipeline names.
        openStore: (kube) => (request) =>
          openRunStore(
            { clock, files: noFiles, kube: () => Promise.resolve(kube), environment: {} },
            { ...request, localOnly: false, localRootAllowed: false },
          ),
        close: () => api.close(),
      };
    },
    startStatus: ({ host, port }, pages) => startStatusServer({ host, port, pages }),
    usage: () => {
      const { user, system } = process.cpuUsage();
      return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
    },
  });
  leave(exitCode);
}
