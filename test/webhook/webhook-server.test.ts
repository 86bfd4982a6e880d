import { connect } from "node:net";
import { Agent, request } from "node:https";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { startWebhookServer, type RunningWebhookServer, type WebhookServerOptions } from "../../src/webhook/webhook-server.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { askWebhook, authority, serverCertificate } from "./ask-webhook.ts";
import { admissionReview } from "./reviews.ts";

const certificate = serverCertificate();
const REVIEW = admissionReview({ kind: "Workflow", metadata: { name: "w" } });
let server: RunningWebhookServer | undefined;
afterEach(() => server?.close());

/** A webhook /echo that names the object, and /broken that throws. */
async function started(options: Partial<WebhookServerOptions> = {}) {
  const reviewed: string[] = [];
  const logger = new RecordingLogger();
  server = await startWebhookServer({
    ...{ host: "127.0.0.1", port: 0, certificate, clock: new FakeClock(), logger },
    webhooks: [
      {
        ...{ name: "echo", path: "/echo" },
        review: ({ name }) => ({ result: "rewritten", patch: [{ op: "add", path: "/name", value: name }], warnings: ["w"] }),
      },
      {
        ...{ name: "broken", path: "/broken" },
        review: () => {
          throw new RangeError("Maximum call stack size exceeded");
        },
      },
    ],
    onReview: (...told) => reviewed.push(told.join(" ")),
    ...options,
  });
  return { port: server.port, reviewed, logger, server };
}

const responseOf = (body: string): JsonObject => (JSON.parse(body) as { response: JsonObject }).response;

describe("startWebhookServer()", () => {
  test("answers a review with its uid, patch and warnings", async ({ expect }) => {
    const { port, reviewed } = await started();
    const { status, body } = await askWebhook(port, "/echo?timeout=5s", REVIEW);
    expect(status).toBe(200);
    const { patch, ...response } = responseOf(body);
    expect(response).toEqual({
      ...{ uid: "705ab4f5-6393-11e8-b7cc-42010a800002", allowed: true, patchType: "JSONPatch", warnings: ["w"] },
    });
    expect(Buffer.from(patch as string, "base64").toString()).toBe('[{"op":"add","path":"/name","value":"w"}]');
    expect(reviewed).toEqual(["echo rewritten 0"]);
  });

  test("allows what it fails at, unchanged, with a warning", async ({ expect }) => {
    const { port, reviewed, logger } = await started();
    const { status, body } = await askWebhook(port, "/broken", REVIEW);
    expect(status).toBe(200);
    expect(responseOf(body)).toEqual({
      ...{ uid: "705ab4f5-6393-11e8-b7cc-42010a800002", allowed: true },
      warnings: ["kfp-runtime: the webhook failed, broken stays as it is"],
    });
    expect(reviewed).toEqual(["broken failed 0"]);
    expect(logger.messages("error")).toEqual(["a review failed, the object stays as it is: Maximum call stack size exceeded"]);
  });

  test.for<{ name: string; path?: string; body?: JsonObject | string | Uint8Array; options?: object; status: number }>([
    { name: "another path", path: "/other", status: 404 },
    { name: "another method", options: { method: "PUT" }, status: 405 },
    { name: "another type", options: { headers: { "content-type": "text/yaml" } }, status: 415 },
    { name: "no type", options: { headers: {} }, status: 415 },
    { name: "nothing", body: "", status: 400 },
    { name: "no JSON", body: '{"kind":', status: 400 },
    { name: "no UTF-8", body: Buffer.from([0x22, 0xff, 0x22]), status: 400 },
    { name: "no review", body: { kind: "Workflow" }, status: 400 },
    { name: "a review of an older version", body: { ...REVIEW, apiVersion: "admission.k8s.io/v1beta1" }, status: 400 },
  ])("refuses $name with $status", async ({ path = "/echo", body = REVIEW, options = {}, status }, { expect }) => {
    const { port, reviewed } = await started();
    expect(await askWebhook(port, path, body, options)).toMatchObject({ status, connection: "close" });
    expect(reviewed).toEqual([]);
  });

  test("refuses what is larger than it reads, announced or not", async ({ expect }) => {
    const { port } = await started({ limits: { maxBodyBytes: 1000 } });
    const padding = (bytes: number): string => `${" ".repeat(bytes - JSON.stringify(REVIEW).length)}${JSON.stringify(REVIEW)}`;
    expect((await askWebhook(port, "/echo", padding(1000))).status).toBe(200);
    expect(await askWebhook(port, "/echo", padding(1001))).toMatchObject({
      status: 413,
      body: "a review has at most 1000 bytes\n",
    });
    const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
    expect((await askWebhook(port, "/echo", padding(1001), { headers })).status).toBe(413);
  });

  test("gives a request that does not end its time, and no more", async ({ expect }) => {
    const { port } = await started({ limits: { requestTimeoutMs: 200 } });
    const socket = connectTls({ host: "127.0.0.1", port, ca: authority.cert });
    socket.write("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    let said = "";
    socket.on("data", (chunk) => (said += chunk.toString()));
    await new Promise((resolve) => socket.on("close", resolve));
    expect(said).toMatch(/^HTTP\/1\.1 (?:408|400)|^$/);
    // Nor does a handshake that never comes.
    const silent = connect({ host: "127.0.0.1", port });
    await new Promise((resolve) => silent.on("close", resolve));
    expect((await askWebhook(port, "/echo", REVIEW)).status).toBe(200);
  });

  test("speaks no old TLS, and only with its certificate", async ({ expect }) => {
    const { port } = await started();
    await expect(askWebhook(port, "/echo", REVIEW, { maxVersion: "TLSv1.1", minVersion: "TLSv1" })).rejects.toThrow(/protocol/i);
    await expect(askWebhook(port, "/echo", REVIEW, { ca: serverCertificate().cert })).rejects.toThrow(/certificate/);
  });

  test("takes another certificate while it serves; a connection that is there goes on", async ({ expect }) => {
    const { port, server: running } = await started();
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await askWebhook(port, "/echo", REVIEW, { agent: kept })).peer.subject.CN).toBe("webhook");
    running.useCertificate(serverCertificate("renewed"));
    expect((await askWebhook(port, "/echo", REVIEW)).peer.subject.CN).toBe("renewed");
    expect((await askWebhook(port, "/echo", REVIEW, { agent: kept })).peer.subject.CN).toBe("webhook");
    kept.destroy();
  });

  test("ends connections with their answer once it drains, and still answers", async ({ expect }) => {
    const { port, server: running } = await started();
    const kept = new Agent({ keepAlive: true });
    expect((await askWebhook(port, "/echo", REVIEW, { agent: kept })).connection).toBe("keep-alive");
    running.drain();
    expect(await askWebhook(port, "/echo", REVIEW)).toMatchObject({ status: 200, connection: "close" });
    kept.destroy();
  });

  test("lets a request under way end when it closes", async ({ expect }) => {
    const { port, server: running } = await started();
    const body = JSON.stringify(REVIEW);
    const answer = new Promise<number>((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": String(body.length) };
      const options = { host: "127.0.0.1", port, path: "/echo", method: "POST", ca: authority.cert, headers };
      const asked = request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.on("error", reject);
      asked.write(body.slice(0, 10), () => {
        void running.close();
        asked.end(body.slice(10));
      });
    });
    expect(await answer).toBe(200);
    await running.close();
    await expect(askWebhook(port, "/echo", REVIEW)).rejects.toThrow(/ECONNREFUSED/);
  });

  test("cuts a request that does not end when it closes", async ({ expect }) => {
    const { port, server: running } = await started({ limits: { closeGraceMs: 50 } });
    const socket = connectTls({ host: "127.0.0.1", port, ca: authority.cert });
    await new Promise((resolve) => socket.on("secureConnect", resolve));
    socket.write("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
    const closed = new Promise((resolve) => socket.on("close", resolve).on("error", () => undefined));
    await running.close();
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  test("says which port is taken", async ({ expect }) => {
    const { port } = await started();
    const second = startWebhookServer({
      ...{ host: "127.0.0.1", port, certificate, webhooks: [], clock: new FakeClock() },
      ...{ logger: new RecordingLogger(), onReview: () => undefined },
    });
    await expect(second).rejects.toMatchObject({
      code: "API_UNAVAILABLE",
      message: expect.stringContaining("Cannot listen on 127.0.0.1:") as string,
    });
  });
});
