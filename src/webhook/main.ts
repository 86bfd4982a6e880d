/**
 * The main file of `driver webhook` and `driver webhook-certificate`: picks the adapters, runs, exits.
 *
 * @module
 */
import { createKubeObjects } from "../kube/kube-objects.ts";
import { logStream } from "../node/log-stream.ts";
import { nodeFileSystem } from "../node/node-file-system.ts";
import { cleanEnvironment, originalEnvironment } from "../node/original-env.ts";
import { createLogger, readLogFormat } from "../node/stderr-logger.ts";
import { listenToStopSignals } from "../node/stop-signals.ts";
import { systemClock } from "../node/system-clock.ts";
import { runCertificate } from "./certificates/run-certificate.ts";
import { runWebhook } from "./run-webhook.ts";

/** Above the time the webhook goes on answering, and that of requests under way. */
const STOP_LIMIT_MS = 20_000;

/** @param argv With the word that says which of the two. */
export async function main([word, ...argv]: readonly string[]): Promise<void> {
  const { signal, leave } = listenToStopSignals(process, { limitMs: STOP_LIMIT_MS });
  const environment = originalEnvironment(process.env);
  cleanEnvironment(process.env);
  const stream = logStream(environment["KFP_LOG_FILE"], process.stderr);
  const surroundings = {
    ...{ clock: systemClock, stdout: process.stdout, stderr: process.stderr },
    createLogger: (verbosity: number) =>
      createLogger({ clock: systemClock, stream, format: readLogFormat(environment["KFP_LOG_FORMAT"]), verbosity }),
  };
  if (word === "webhook") {
    leave(await runWebhook(argv, { ...surroundings, files: nodeFileSystem, signal }));
    return;
  }
  const openObjects = () => createKubeObjects({ clock: systemClock, random: Math.random }, { environment });
  leave(await runCertificate(argv, { ...surroundings, environment, openObjects }));
}
