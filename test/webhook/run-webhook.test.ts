import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { JsonObject } from "../../src/core/values/value.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { TlsIdentity } from "../../src/webhook/certificates/issue-certificate.ts";
import { runWebhook } from "../../src/webhook/run-webhook.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { makeFolder, removeFolder } from "../support/probe.ts";
import { askWebhook, serverCertificate } from "./ask-webhook.ts";
import { admissionReview, agentPod, submittedWorkflow } from "./reviews.ts";

/** A volume of a Secret: the files are links into a folder that is swapped whole. */
async function certificateVolume(first: TlsIdentity) {
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  let version = 0;
  const put = (files: Readonly<Record<string, string>>): void => {
    version += 1;
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, `${version}-${name}`), text);
    for (const name of Object.keys(files)) {
      symlinkSync(`${version}-${name}`, path.join(folder, `..${name}`));
      renameSync(path.join(folder, `..${name}`), path.join(folder, name));
    }
  };
  put({ "tls.crt": first.cert, "tls.key": first.key });
  return { folder, put, flags: ["--cert_path", path.join(folder, "tls.crt"), "--key_path", path.join(folder, "tls.key")] };
}

interface Running {
  readonly port: number;
  readonly statusPort: number;
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  readonly status: (path: string) => Promise<{ readonly code: number; readonly text: string }>;
  /** Tells it to stop; its exit code. */
  readonly stop: () => Promise<number>;
}

function host(overrides: object = {}) {
  const written = { stdout: "", stderr: "" };
  const clock = new FakeClock();
  const logger = new RecordingLogger(2);
  return {
    ...{ written, clock, logger },
    host: {
      ...{ clock, files: nodeFileSystem, createLogger: () => logger },
      stdout: { write: (text: string) => (written.stdout += text) },
      stderr: { write: (text: string) => (written.stderr += text) },
      signal: new AbortController().signal,
      ...overrides,
    },
  };
}

async function running(...flags: string[]): Promise<Running> {
  const controller = new AbortController();
  let told: ((ports: { port: number; statusPort: number }) => void) | undefined;
  const listening = new Promise<{ port: number; statusPort: number }>((resolve) => (told = resolve));
  const { host: surroundings, clock, logger } = host({ signal: controller.signal, onListening: told });
  const ended = runWebhook(["--listen_address", "127.0.0.1:0", "--status_address", "127.0.0.1:0", ...flags], surroundings);
  const stop = async (): Promise<number> => {
    controller.abort("SIGTERM");
    return await ended;
  };
  onTestFinished(async () => void (await stop()));
  const ports = await Promise.race([listening, ended.then((code) => Promise.reject(new Error(`ended with ${code}`)))]);
  const status = async (name: string) => {
    const response = await fetch(`http://127.0.0.1:${ports.statusPort}${name}`, { headers: { connection: "close" } });
    return { code: response.status, text: await response.text() };
  };
  return { ...ports, clock, logger, stop, status };
}

const workflowReview = admissionReview(submittedWorkflow());
async function review(port: number, webhook: string, body: JsonObject): Promise<JsonObject> {
  const { status, body: text } = await askWebhook(port, webhook, body);
  expect(status, text).toBe(200);
  return (JSON.parse(text) as { response: JsonObject }).response;
}

describe("runWebhook()", () => {
  test("rewrites workflows, holds agent pods back, counts both, and stops when told to", async () => {
    const { flags } = await certificateVolume(serverCertificate());
    const { port, status, stop, logger } = await running(...flags);
    expect(await review(port, "/mutate-workflow", workflowReview)).toMatchObject({ allowed: true, patchType: "JSONPatch" });
    expect(await review(port, "/mutate-agent-pod", admissionReview(agentPod()))).toMatchObject({
      allowed: true,
      patchType: "JSONPatch",
    });
    expect(await review(port, "/mutate-workflow", admissionReview(agentPod()))).toEqual({
      uid: expect.any(String) as string,
      allowed: true,
    });
    expect(await status("/healthz")).toEqual({ code: 200, text: "ok\n" });
    expect(await status("/readyz")).toEqual({ code: 200, text: "ok\n" });
    expect((await status("/other")).code).toBe(404);
    const { text } = await status("/metrics");
    expect(text).toContain('kfp_runtime_webhook_reviews_total{webhook="workflow",result="rewritten"} 1\n');
    expect(text).toContain('kfp_runtime_webhook_reviews_total{webhook="agent-pod",result="gated"} 1\n');
    expect(text).toContain('kfp_runtime_webhook_reviews_total{webhook="workflow",result="ignored"} 1\n');
    expect(text).toContain('kfp_runtime_webhook_review_seconds_count{webhook="workflow"} 2\n');
    expect(text).toContain("kfp_runtime_webhook_agent_ready 1\n");
    expect(text).toContain(
      `kfp_runtime_webhook_certificate_not_after_timestamp_seconds ${Date.parse("2049-01-01T00:00:00Z") / 1000}\n`,
    );
    expect(await stop()).toBe(0);
    await expect(askWebhook(port, "/mutate-workflow", workflowReview)).rejects.toThrow(/ECONNREFUSED/);
    await expect(status("/healthz")).rejects.toThrow(/fetch failed/);
    expect(logger.lines.map(({ message, fields }) => [message, fields["result"]])).toEqual([
      ["webhook serves", undefined],
      ["reviewed", "rewritten"],
      ["reviewed", "gated"],
      ["reviewed", "ignored"],
      ["webhook stops", undefined],
    ]);
  });

  test("answers for a while after it was told to stop, and is not ready", async () => {
    const { flags } = await certificateVolume(serverCertificate());
    let release = (): void => undefined;
    class HeldClock extends FakeClock {
      override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
        if (signal === undefined) await new Promise<void>((resolve) => (release = resolve));
        else await super.sleep(ms, signal);
      }
    }
    const controller = new AbortController();
    let told: ((ports: { port: number; statusPort: number }) => void) | undefined;
    const listening = new Promise<{ port: number; statusPort: number }>((resolve) => (told = resolve));
    const { host: surroundings } = host({ signal: controller.signal, onListening: told, clock: new HeldClock() });
    const ended = runWebhook(["--listen_address", "127.0.0.1:0", "--status_address", "127.0.0.1:0", ...flags], surroundings);
    const { port, statusPort } = await listening;
    controller.abort("SIGTERM");
    const ready = await fetch(`http://127.0.0.1:${statusPort}/readyz`, { headers: { connection: "close" } });
    expect([ready.status, await ready.text()]).toEqual([503, "it is about to stop\n"]);
    expect(await askWebhook(port, "/mutate-workflow", workflowReview)).toMatchObject({ status: 200, connection: "close" });
    release();
    expect(await ended).toBe(0);
  });

  test("leaves workflows alone while the agent is not ready", async () => {
    let code = 503;
    const agent = createServer((_, response) => void response.writeHead(code).end());
    await new Promise<void>((resolve) => agent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void agent.close());
    const { flags } = await certificateVolume(serverCertificate());
    const url = `http://127.0.0.1:${(agent.address() as AddressInfo).port}/readyz`;
    const { port, clock, logger, status } = await running(...flags, "--agent_ready_url", url);
    const result = async (): Promise<string> => (await review(port, "/mutate-workflow", workflowReview))["patchType"] as string;
    // Whatever it has asked by now: nobody is ready.
    expect(await review(port, "/mutate-workflow", workflowReview)).toMatchObject({
      allowed: true,
      warnings: ["kfp-runtime: drivers of this workflow keep their pods: the resident driver is not ready"],
    });
    // An agent pod of a run that was rewritten earlier is still held back.
    expect(await review(port, "/mutate-agent-pod", admissionReview(agentPod()))).toMatchObject({ patchType: "JSONPatch" });
    code = 200;
    await expect
      .poll(async () => {
        clock.advance(5_000);
        return await result();
      })
      .toBe("JSONPatch");
    expect((await status("/metrics")).text).toContain("kfp_runtime_webhook_agent_ready 1\n");
    await new Promise((resolve) => {
      agent.close(resolve);
      agent.closeAllConnections();
    });
    await expect
      .poll(async () => {
        clock.advance(5_000);
        return await result();
      })
      .toBeUndefined();
    expect((await status("/metrics")).text).toContain("kfp_runtime_webhook_agent_ready 0\n");
    const said = logger.messages("warn").map((line) => line.replaceAll(/:\d+/g, ""));
    expect(said.at(-1)).toMatch(
      /^the resident driver is not ready, drivers of new workflows keep their pods: http.*ECONNREFUSED/,
    );
  });

  test("takes renewed certificates, and keeps the old one while the new one is not whole", async () => {
    const { flags, put } = await certificateVolume(serverCertificate("first"));
    const { port, clock, logger, status } = await running(...flags);
    const subject = async (): Promise<unknown> => (await askWebhook(port, "/mutate-workflow", workflowReview)).peer.subject.CN;
    expect(await subject()).toBe("first");
    const renewed = serverCertificate("renewed", {
      notBefore: new Date("2026-01-01T00:00:00Z"),
      notAfter: new Date("2048-01-01T00:00:00Z"),
    });
    put({ "tls.crt": renewed.cert });
    const warned = async (): Promise<number> => {
      clock.advance(10_000);
      return await Promise.resolve(logger.messages("warn").length);
    };
    await expect.poll(warned).toBe(1);
    expect(logger.messages("warn")[0]).toMatch(
      /^the certificate stays as it is: The certificate .*tls\.crt is not one of the private key/,
    );
    expect(await subject()).toBe("first");
    put({ "tls.crt": renewed.cert, "tls.key": renewed.key });
    await expect
      .poll(async () => {
        clock.advance(10_000);
        return await subject();
      })
      .toBe("renewed");
    expect((await status("/metrics")).text).toContain(`seconds ${Date.parse("2048-01-01T00:00:00Z") / 1000}\n`);
    expect(logger.messages("warn")).toHaveLength(1);
  });

  test.for<{ name: string; files: Readonly<Record<string, string>>; message: RegExp }>([
    { name: "no certificate", files: {}, message: /Cannot read the certificate .*tls\.crt: there is no such file/ },
    { name: "a key that is none", files: { "tls.key": "no key" }, message: /Cannot read the private key .*tls\.key: / },
    { name: "a certificate that is none", files: { "tls.crt": "nothing" }, message: /Cannot read the certificate .*tls\.crt: / },
    { name: "another key", files: { "tls.key": serverCertificate().key }, message: /is not one of the private key/ },
  ])("ends with 1 for $name", async ({ files, message }) => {
    const { flags, put, folder } = await certificateVolume(serverCertificate());
    put(files);
    const { host: surroundings, logger } = host();
    const paths = Object.keys(files).length === 0 ? ["--cert_path", path.join(folder, "none/tls.crt")] : flags;
    expect(await runWebhook(paths, surroundings)).toBe(1);
    expect(logger.messages("error")[0]).toMatch(message);
    expect(logger.messages("error")[0]).not.toContain("no key");
  });

  test("ends with 1 when its port is taken", async () => {
    const { flags } = await certificateVolume(serverCertificate());
    const { port, statusPort } = await running(...flags);
    for (const taken of [
      ["--listen_address", `127.0.0.1:${port}`],
      ["--listen_address", "127.0.0.1:0", "--status_address", `127.0.0.1:${statusPort}`],
    ]) {
      const { host: surroundings, logger } = host();
      expect(await runWebhook(["--status_address", "", ...flags, ...taken], surroundings)).toBe(1);
      expect(logger.messages("error")[0]).toMatch(/^webhook failed: Cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
    }
  });

  test.for<{ argv: string[]; code: number; stdout?: RegExp; stderr?: RegExp }>([
    { argv: ["--help"], code: 0, stdout: /^Usage of driver webhook:\n/ },
    { argv: ["--version"], code: 0, stdout: /^driver webhook \S+ \(commit / },
    {
      argv: ["--loop_parallelism", "x"],
      code: 2,
      stderr: /^driver webhook: invalid value "x" for flag -loop_parallelism: parse error\nUsage of/,
    },
    { argv: ["--listen_address", "8443"], code: 2, stderr: /"8443" is not an address and a port such as :8080/ },
    { argv: ["--status_address", ":70000"], code: 2, stderr: /":70000" is not an address and a port/ },
    { argv: ["--loop_parallelism", "-1"], code: 2, stderr: /--loop_parallelism: -1 is below 0/ },
    { argv: ["--agent_ready_url", "https://agent"], code: 2, stderr: /is not a URL of plain HTTP/ },
    { argv: ["--agent_ready_url", "agent"], code: 2, stderr: /is not a URL of plain HTTP/ },
    { argv: ["now"], code: 2, stderr: /Cannot read argument "now": it is not a flag/ },
  ])("ends with $code for $argv", async ({ argv, code, stdout = /^$/, stderr = /^$/ }) => {
    const { host: surroundings, written } = host();
    expect(await runWebhook(argv, surroundings)).toBe(code);
    expect(written.stdout).toMatch(stdout);
    expect(written.stderr).toMatch(stderr);
  });
});
