/**
 * The HTTPS server that Kubernetes asks: reads reviews within limits, has them decided, answers.
 *
 * Whatever goes wrong with a review that can be read is answered with "allowed, unchanged"; what cannot be read gets an HTTP status, which
 * the API server treats as its failure policy says.
 *
 * Source: docs/spec/resident-driver.md#webhook-definition.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { ApiError, errorMessage } from "../core/errors.ts";
import type { JsonValue } from "../core/values/value.ts";
import { readStreamText } from "../node/files/limited-text.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { answerReview, readAdmissionReview, type AdmissionRequest } from "./admission-review.ts";
import type { TlsIdentity } from "./certificates/issue-certificate.ts";
import type { Review } from "./review.ts";

/** One webhook. */
export interface Webhook {
  /** For log and metrics. */
  readonly name: string;
  readonly path: string;
  readonly review: (request: AdmissionRequest) => Review;
}

/** How much one request may be, and how long it may take. */
export interface WebhookLimits {
  /** The API server itself takes requests of 3 MiB, and a review says a little more. */
  readonly maxBodyBytes: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** For requests that are under way when the server closes. */
  readonly closeGraceMs: number;
}

/** What is served. */
export interface WebhookServerOptions {
  /** Empty: every address of the machine. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly certificate: TlsIdentity;
  readonly webhooks: readonly Webhook[];
  readonly limits?: Partial<WebhookLimits>;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly logger: Logger;
  /** Told about every review that was decided. */
  readonly onReview: (webhook: string, result: Review["result"], seconds: number) => void;
}

/** A server that listens. */
export interface RunningWebhookServer {
  readonly port: number;
  /** For connections from now on. @throws when the pair cannot be used. */
  useCertificate(certificate: TlsIdentity): void;
  /** From now on connections end with the answer that is under way: the next request goes to another replica. */
  drain(): void;
  /** Lets requests under way end, then cuts what is left. */
  close(): Promise<void>;
}

const DEFAULT_LIMITS: WebhookLimits = { maxBodyBytes: 4 * 1024 * 1024, requestTimeoutMs: 10_000, closeGraceMs: 5_000 };
const MAX_CONNECTIONS = 200;

/** @throws {ApiError} API_UNAVAILABLE when the port cannot be listened on. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<RunningWebhookServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let draining = false;
  const server = createServer(
    {
      ...secureOptions(options.certificate),
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.requestTimeoutMs,
      handshakeTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      if (draining) response.setHeader("connection", "close");
      void respond(request, response, { options, limits });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("tlsClientError", (error) =>
    options.logger.verbose(2, "a client gave up its handshake", () => ({ error: error.message })),
  );
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    useCertificate: (certificate) => server.setSecureContext(secureOptions(certificate)),
    drain() {
      draining = true;
      server.closeIdleConnections();
    },
    async close() {
      draining = true;
      await shutDown(server, limits.closeGraceMs);
    },
  };
}

function secureOptions({ cert, key }: TlsIdentity): { cert: string; key: string; minVersion: "TLSv1.2" } {
  return { cert, key, minVersion: "TLSv1.2" };
}

interface Serving {
  readonly options: WebhookServerOptions;
  readonly limits: WebhookLimits;
}

/** What a request that is no review is told. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function respond(request: IncomingMessage, response: ServerResponse, { options, limits }: Serving): Promise<void> {
  const { logger } = options;
  try {
    const webhook = webhookOf(request, options.webhooks);
    const asked = await readRequest(request, limits.maxBodyBytes);
    send(response, 200, "application/json", JSON.stringify(decide(webhook, asked, options)));
  } catch (error) {
    if (response.destroyed) return;
    const status = error instanceof Refusal ? error.status : 500;
    logger.warn(`a request is refused: ${errorMessage(error)}`, { status });
    // What is left of it is not read.
    response.setHeader("connection", "close");
    send(response, status, "text/plain; charset=utf-8", `${errorMessage(error)}\n`);
  }
}

function webhookOf(request: IncomingMessage, webhooks: readonly Webhook[]): Webhook {
  const [path = ""] = (request.url ?? "").split("?");
  const webhook = webhooks.find((each) => each.path === path);
  if (webhook === undefined) throw new Refusal(404, "there is no such webhook");
  if (request.method !== "POST") throw new Refusal(405, "a review is posted");
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers["content-type"] ?? "")) throw new Refusal(415, "a review is JSON");
  return webhook;
}

async function readRequest(request: IncomingMessage, maxBytes: number): Promise<AdmissionRequest> {
  const tooLarge = (): Refusal => new Refusal(413, `a review has at most ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  let text: string;
  try {
    text = await readStreamText(request, { maxBytes, strictUtf8: true });
  } catch (error) {
    if (errorMessage(error).startsWith("it has more than")) throw tooLarge();
    throw new Refusal(400, `the review cannot be read: ${errorMessage(error)}`);
  }
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch {
    throw new Refusal(400, "the review is not JSON");
  }
  const asked = readAdmissionReview(json);
  if (asked === undefined) throw new Refusal(400, "this is not an AdmissionReview of admission.k8s.io/v1");
  return asked;
}

function decide(webhook: Webhook, asked: AdmissionRequest, options: WebhookServerOptions): JsonValue {
  const { clock, logger, onReview } = options;
  const started = clock.monotonicMs();
  const fields = { webhook: webhook.name, namespace: asked.namespace, name: asked.name };
  let review: Review;
  try {
    review = webhook.review(asked);
  } catch (error) {
    logger.error(`a review failed, the object stays as it is: ${errorMessage(error)}`, fields);
    review = { result: "failed", patch: [], warnings: [`kfp-runtime: the webhook failed, ${webhook.name} stays as it is`] };
  }
  onReview(webhook.name, review.result, (clock.monotonicMs() - started) / 1000);
  if (review.result === "ignored")
    logger.verbose(2, "reviewed", () => ({ ...fields, result: review.result, reason: review.reason }));
  else logger.info("reviewed", { ...fields, result: review.result, reason: review.reason });
  return answerReview(asked.uid, review);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": String(Buffer.byteLength(body)) }).end(body);
}

async function listen(server: Server, { host, port }: WebhookServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new ApiError("API_UNAVAILABLE", `Cannot listen on ${host}:${port}: ${errorMessage(error)}`, { cause: error }));
    };
    server.once("error", fail);
    server.listen({ port, ...(host === "" ? {} : { host }) }, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
