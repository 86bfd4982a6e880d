/**
 * The main file of `driver webhook`: picks the adapters, runs, exits.
 *
 * @module
 */
import { logStream } from "../node/log-stream.ts";
import { nodeFileSystem } from "../node/node-file-system.ts";
import { cleanEnvironment, originalEnvironment } from "../node/original-env.ts";
import { createLogger, readLogFormat } from "../node/stderr-logger.ts";
import { listenToStopSignals } from "../node/stop-signals.ts";
import { systemClock } from "../node/system-clock.ts";
import { runWebhook } from "./run-webhook.ts";

/** Above the time it goes on answering, and that of requests under way. */
const STOP_LIMIT_MS = 20_000;

/** @param argv Without `webhook`. */
export async function main(argv: readonly string[]): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS });
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const stream = logStream(environment["KFP_LOG_FILE"], process.stderr);
  const exitCode = await runWebhook(argv, {
    ...{ clock: systemClock, files: nodeFileSystem, signal, stdout: process.stdout, stderr: process.stderr },
    createLogger: (verbosity) =>
      createLogger({ clock: systemClock, stream, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity }),
  });
  leave(exitCode);
}
