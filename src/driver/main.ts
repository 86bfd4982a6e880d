/**
 * The driver's main file: picks the adapters, runs, exits.
 *
 * @module
 */
import { argumentLimitBytes } from "../node/argument-limit.ts";
import { nodeFileSystem } from "../node/node-file-system.ts";
import { logStream } from "../node/log-stream.ts";
import { cleanEnvironment, originalEnvironment } from "../node/original-env.ts";
import { createLogger, readLogFormat } from "../node/stderr-logger.ts";
import { listenToStopSignals } from "../node/stop-signals.ts";
import { systemClock } from "../node/system-clock.ts";
import { runDriver } from "./run.ts";

/** Above what interruption.ts takes: a stopped driver has recorded its failure, or given up, within 10 s. */
const STOP_LIMIT_MS = 15_000;

async function main(): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS });
  const { stderr } = process;
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const log = logStream(environment["KFP_LOG_FILE"], stderr);
  const exitCode = await runDriver(process.argv.slice(2), {
    environment,
    // Only --version writes there; opening it costs every start a few milliseconds.
    get stdout() {
      return process.stdout;
    },
    stderr,
    clock: systemClock,
    files: nodeFileSystem,
    get argumentLimitBytes() {
      return argumentLimitBytes();
    },
    // Loaded with the first id: node:crypto is slow to load.
    randomUuid: () => process.getBuiltinModule("node:crypto").randomUUID(),
    createLogger: (verbosity) =>
      createLogger({ clock: systemClock, stream: log, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity }),
    connect: async (request, logger) => {
      const { connectFromEnvironment } = await import("../apiclient/connect.ts");
      const deps = { clock: systemClock, logger, fileSystem: nodeFileSystem };
      const connection = await connectFromEnvironment(deps, request, environment);
      return { api: connection, capDeadlines: (withinMs) => connection.capDeadlines(withinMs), close: () => connection.close() };
    },
    kube: async () => {
      const { createKubeRest } = await import("../kube/kube-rest.ts");
      return createKubeRest({ clock: systemClock }, { environment });
    },
    openStore: async (request) => {
      const { openRunStore } = await import("../objectstore/open-run-store.ts");
      const kube = async () => (await import("../kube/kube-rest.ts")).createKubeRest({ clock: systemClock }, { environment });
      return openRunStore({ clock: systemClock, files: nodeFileSystem, kube, environment }, request);
    },
    beforeDrive: async (options, logger) => {
      if (environment["KFP_INSPECT"] === undefined) return;
      const { waitIfInspected } = await import("../inspect/inspect.ts");
      const subject = { taskName: "root", ...options };
      await waitIfInspected({ environment, logger, clock: systemClock, events: process }, subject);
    },
    signal,
  });
  leave(exitCode);
}

// One program in one image: what serves drivers is a word of the driver's.
if (process.argv[2] === "agent") {
  void import("../resident/agent/main.ts").then(async ({ main: agent }) => await agent(process.argv.slice(3)));
} else if (process.argv[2] === "plugin") {
  void import("../resident/plugin/main.ts").then(async ({ main: plugin }) => await plugin(process.argv.slice(3)));
} else if (process.argv[2] === "webhook" || process.argv[2] === "webhook-certificate") {
  void import("../webhook/main.ts").then(async ({ main: webhook }) => await webhook(process.argv.slice(2)));
} else void main();
