/**
 * The launcher's main file: picks the adapters, passes signals on, exits.
 *
 * @module
 */
import path from "node:path";
import { argumentLimitBytes } from "../node/argument-limit.ts";
import { logStream } from "../node/log-stream.ts";
import { nodeFileSystem } from "../node/node-file-system.ts";
import { cleanEnvironment, originalEnvironment } from "../node/original-env.ts";
import { createLogger, readLogFormat } from "../node/stderr-logger.ts";
import { listenToStopSignals } from "../node/stop-signals.ts";
import { systemClock } from "../node/system-clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { CommandOptions, OutputSink, SignalSource } from "../ports/process-runner.ts";
import { runLauncher } from "./run.ts";

/** Signals that mean something to the user's program only. */
const PASSED_SIGNALS = ["SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/** Above what interruption.ts takes: the saving of a stopped step ends within 20 s. */
const STOP_LIMIT_MS = 25_000;

async function main(): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS, beforeEnd: endCommand });
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const { stdout, stderr } = process;
  const log = logStream(environment["KFP_LOG_FILE"], stderr);
  let opened: Promise<KubeApi> | undefined;
  const kube = (): Promise<KubeApi> => {
    opened ??= import("../kube/kube-rest.ts").then(({ createKubeRest }) =>
      createKubeRest({ clock: systemClock }, { environment }),
    );
    return opened;
  };
  const exitCode = await runLauncher(process.argv.slice(2), {
    environment,
    userEnvironment: environment,
    stdin: "inherit",
    userStdout: sinkOf(stdout),
    userStderr: sinkOf(stderr),
    stdout,
    stderr,
    clock: systemClock,
    files: nodeFileSystem,
    processRunner: {
      get argumentLimitBytes() {
        return argumentLimitBytes();
      },
      run: async (options: CommandOptions) => (await import("../node/process-runner.ts")).createProcessRunner().run(options),
    },
    createLogger: (verbosity) =>
      createLogger({ clock: systemClock, stream: log, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity }),
    connect: async (flags, logger) => {
      const { connectFromEnvironment } = await import("../apiclient/connect.ts");
      const connection = await connectFromEnvironment(
        { clock: systemClock, logger, fileSystem: nodeFileSystem },
        flags,
        environment,
      );
      logger.info("API server", { endpoint: connection.endpoint, tls: flags.tlsEnabled });
      return { api: connection, capDeadlines: (withinMs) => connection.capDeadlines(withinMs), close: () => connection.close() };
    },
    kube,
    openStore: async (request) => {
      const { openRunStore } = await import("../objectstore/open-run-store.ts");
      return openRunStore({ clock: systemClock, files: nodeFileSystem, kube, environment }, request);
    },
    copy: async (destination) => {
      const { copyPortableFolder } = await import("../node/files/copy-portable-folder.ts");
      await copyPortableFolder({ source: path.join(import.meta.dirname, "../portable"), destination });
    },
    beforeLaunch: async ({ mode, options }, logger) => {
      if (environment["KFP_INSPECT"] === undefined) return;
      const { waitIfInspected } = await import("../inspect/inspect.ts");
      const subject = { ...options, type: mode === "container" ? "LAUNCHER" : "IMPORTER" } as const;
      await waitIfInspected({ environment, logger, clock: systemClock, events: process }, subject);
    },
    signal,
    passedSignals: passedSignals(),
  });
  leave(exitCode);
}

/** Listened to from the start: left alone, SIGUSR1 would open Node's debugger and SIGUSR2 would end this process. */
function passedSignals(): SignalSource {
  const receivers = new Set<(name: NodeJS.Signals) => void>();
  for (const name of PASSED_SIGNALS) process.on(name, () => receivers.forEach((deliver) => deliver(name)));
  return (deliver) => {
    receivers.add(deliver);
    return () => receivers.delete(deliver);
  };
}

/** Without this process nobody would end the user's program any more. */
async function endCommand(): Promise<void> {
  const { killDescendants } = await import("../node/processes/kill-descendants.ts");
  killDescendants(process.pid);
}

/** Output that nobody reads any more is no reason to fail a step: it goes on into the log. */
function sinkOf(stream: NodeJS.WriteStream): OutputSink {
  stream.on("error", () => undefined);
  return {
    write: (chunk) =>
      new Promise((resolve) => {
        stream.write(chunk, () => resolve());
      }),
  };
}

void main();
