/**
 * `driver webhook` without its process: serves until it is told to stop.
 *
 * It stops in two steps, so that no request finds it gone: first it says that it is not ready, and answers for as long as Kubernetes may
 * still send something; then it closes.
 *
 * Exit codes: 0 stopped when it was told to, also for help and version; 1 any failure; 2 malformed flags.
 *
 * @module
 */
import { ApiError, errorMessage, KfpError } from "../core/errors.ts";
import { startStatusServer, type StatusServer } from "../node/status-server.ts";
import type { Logger } from "../ports/logger.ts";
import { buildInfo, formatVersion } from "../program/build-info.ts";
import type { ProgramHost } from "../program/host.ts";
import { createMetrics, METRICS_CONTENT_TYPE, type Metrics } from "../program/metrics.ts";
import { reportUsage } from "../program/usage.ts";
import { followReadiness } from "./agent-readiness.ts";
import { followCertificate, readCertificate, type ServerCertificate } from "./certificate-files.ts";
import { parseWebhookFlags, WEBHOOK_FLAGS, type ListenAddress, type WebhookSettings } from "./flags.ts";
import { reviewAgentPod, reviewWorkflow } from "./review.ts";
import { startWebhookServer, type Webhook } from "./webhook-server.ts";

/** What the main file wires up. */
export interface WebhookHost extends Pick<ProgramHost<never>, "stdout" | "stderr" | "clock" | "files" | "createLogger"> {
  /** Aborted to stop. */
  readonly signal: AbortSignal;
  /** Told once everything listens; for tests, which take any port. */
  readonly onListening?: (ports: { readonly port: number; readonly statusPort: number }) => void;
}

/** Paths of the webhooks, as the configuration of Kubernetes names them. */
export const WEBHOOK_PATHS = { workflow: "/mutate-workflow", agentPod: "/mutate-agent-pod" } as const;

const CERTIFICATE_INTERVAL_MS = 10_000;
const READINESS = { intervalMs: 5_000, timeoutMs: 2_000 };
/** Kubernetes takes an endpoint that is not ready out of its tables within a few seconds. */
const DRAIN_MS = 5_000;
/** In seconds; the API server gives a webhook 5. */
const REVIEW_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];

/** Serves until it is told to stop. Never throws. */
export async function runWebhook(argv: readonly string[], host: WebhookHost): Promise<number> {
  let command;
  try {
    command = parseWebhookFlags(argv);
  } catch (error) {
    return reportUsage(error, host.stderr, { name: "driver webhook", flags: WEBHOOK_FLAGS });
  }
  switch (command.mode) {
    case "help":
      host.stdout.write(command.text);
      return 0;
    case "version":
      host.stdout.write(`${formatVersion("driver webhook")}\n`);
      return 0;
    case "serve": {
      const logger = host.createLogger(command.logLevel);
      for (const warning of command.warnings) logger.warn(warning);
      try {
        await serve(command.settings, host, logger);
        return 0;
      } catch (error) {
        logger.error(`webhook failed: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
        return 1;
      }
    }
  }
}

async function serve(settings: WebhookSettings, host: WebhookHost, logger: Logger): Promise<void> {
  const { clock, files, signal } = host;
  let certificate = await readCertificate(files, settings);
  const metrics = createMetrics();
  const reviews = metrics.counter("kfp_runtime_webhook_reviews_total", "Reviews by webhook and by what became of the object.");
  const seconds = metrics.histogram(
    "kfp_runtime_webhook_review_seconds",
    "How long decisions take, without transport.",
    REVIEW_SECONDS,
  );
  const until = "kfp_runtime_webhook_certificate_not_after_timestamp_seconds";
  metrics.gaugeOf(until, "When the certificate in use expires.", () => certificate.notAfter.getTime() / 1000);
  // Ends what runs beside the servers, whyever they end.
  const ended = new AbortController();
  const stopping = AbortSignal.any([signal, ended.signal]);
  const { agentReadyUrl } = settings;
  const agent =
    agentReadyUrl === undefined ? undefined : followReadiness({ clock, logger }, { ...READINESS, url: agentReadyUrl }, stopping);
  const isReady = (): boolean => agent?.isReady() ?? true;
  metrics.gaugeOf("kfp_runtime_webhook_agent_ready", "1 while workflows are rewritten, 0 while none would drive them.", () =>
    isReady() ? 1 : 0,
  );
  const webhooks: Webhook[] = [
    {
      name: "workflow",
      path: WEBHOOK_PATHS.workflow,
      review: (request) =>
        reviewWorkflow(request, {
          ...{ version: buildInfo.version, loopParallelism: settings.loopParallelism, forPlugin: settings.forPlugin },
          agentReady: isReady(),
        }),
    },
    { name: "agent-pod", path: WEBHOOK_PATHS.agentPod, review: reviewAgentPod },
  ];
  const onReview = (webhook: string, result: string, took: number): void => {
    reviews.add({ webhook, result });
    seconds.observe(took, { webhook });
  };
  const notReady = (): string | undefined => (signal.aborted ? "it is about to stop" : undefined);
  // Ended in the order in which they stand here, whyever they end.
  const closing: (() => Promise<void>)[] = [
    async () => {
      ended.abort();
      await agent?.following;
    },
  ];
  try {
    const server = await startWebhookServer({ ...settings.listen, certificate, webhooks, clock, logger, onReview });
    closing.unshift(() => server.close());
    const status = settings.status === undefined ? undefined : await startStatus(settings.status, { notReady, metrics });
    closing.splice(1, 0, async () => await status?.close());
    const onChange = (found: ServerCertificate): void => {
      server.useCertificate(found);
      certificate = found;
    };
    const following = followCertificate({ files, clock, logger }, certificate, {
      ...{ certPath: settings.certPath, keyPath: settings.keyPath },
      ...{ intervalMs: CERTIFICATE_INTERVAL_MS, signal: stopping, onChange },
    });
    closing.push(() => following);
    logger.info("webhook serves", { version: buildInfo.version, port: server.port, statusPort: status?.port });
    host.onListening?.({ port: server.port, statusPort: status?.port ?? 0 });
    await aborted(signal);
    logger.info("webhook stops", { seconds: DRAIN_MS / 1000 });
    server.drain();
    await clock.sleep(DRAIN_MS);
  } finally {
    for (const close of closing) await close();
  }
}

/** @throws {ApiError} API_UNAVAILABLE when the address cannot be listened on. */
async function startStatus(
  { host, port }: ListenAddress,
  { notReady, metrics }: { readonly notReady: () => string | undefined; readonly metrics: Metrics },
): Promise<StatusServer> {
  const ok = { status: 200, text: "ok\n" };
  try {
    return await startStatusServer({
      ...{ host, port },
      pages: {
        "/healthz": () => ok,
        "/readyz": () => {
          const reason = notReady();
          return reason === undefined ? ok : { status: 503, text: `${reason}\n` };
        },
        "/metrics": () => ({ status: 200, text: metrics.text(), contentType: METRICS_CONTENT_TYPE }),
      },
    });
  } catch (error) {
    throw new ApiError("API_UNAVAILABLE", `Cannot listen on ${host}:${port}: ${errorMessage(error)}`, { cause: error });
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
