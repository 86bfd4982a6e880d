/** `driver webhook` and `driver webhook-certificate`, the built programs: one makes what the other one serves with. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createKubeObjects } from "../../src/kube/kube-objects.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { CONFIGURATIONS, SECRETS } from "../../src/webhook/certificates/install-certificate.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { makeFolder, removeFolder, runToEnd } from "../support/probe.ts";
import { startSmallKube } from "../support/small-kube.ts";
import { askWebhook, serverCertificate } from "../webhook/ask-webhook.ts";
import { admissionReview, submittedWorkflow } from "../webhook/reviews.ts";

/** Starts `driver webhook` with tls.crt and tls.key of a folder; resolves when it serves. */
async function startWebhook(folder: string) {
  const { bin } = await builtPrograms();
  const args = ["webhook", "--listen_address", "127.0.0.1:0", "--status_address", ""];
  const child = spawn(process.execPath, [path.join(bin, "driver"), ...args, "--cert_path=tls.crt", "--key_path=tls.key"], {
    cwd: folder,
    env: { KFP_LOG_FORMAT: "json" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const lines: { readonly message: string; readonly port?: number; readonly result?: string }[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      lines.splice(
        0,
        lines.length,
        ...text
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as (typeof lines)[number]),
      );
      const serves = lines.find(({ message }) => message === "webhook serves");
      if (serves?.port !== undefined) resolve(serves.port);
    });
    void ended.then((code) => reject(new Error(`it ended with ${String(code)}: ${text}`)));
  });
  return { port, lines, ended, stop: () => child.kill("SIGTERM") };
}

describe("driver webhook", () => {
  test("rewrites a workflow, says so, and ends with 0 when it is told to stop", async () => {
    const folder = await makeFolder();
    onTestFinished(() => removeFolder(folder));
    const { cert, key } = serverCertificate();
    writeFileSync(path.join(folder, "tls.crt"), cert);
    writeFileSync(path.join(folder, "tls.key"), key);
    const { port, lines, ended, stop } = await startWebhook(folder);
    const { body } = await askWebhook(port, "/mutate-workflow", admissionReview(submittedWorkflow()));
    const { response } = JSON.parse(body) as { response: { allowed: boolean; patch: string } };
    expect(response.allowed).toBe(true);
    expect(Buffer.from(response.patch, "base64").toString()).toContain("kfp-runtime-driver");
    stop();
    expect(await ended).toBe(0);
    expect(lines.map(({ message, result }) => [message, result])).toEqual([
      ["webhook serves", undefined],
      ["reviewed", "rewritten"],
      ["webhook stops", undefined],
    ]);
  });
});

describe("driver webhook-certificate", () => {
  test("makes a certificate that Kubernetes trusts, once", async () => {
    const { bin } = await builtPrograms();
    const folder = await makeFolder();
    onTestFinished(() => removeFolder(folder));
    const kube = await startSmallKube(folder);
    onTestFinished(() => kube.stop());
    const objects = createKubeObjects(
      { clock: systemClock, random: Math.random },
      { environment: { KUBECONFIG: kube.kubeconfig } },
    );
    onTestFinished(() => objects.close());
    const configuration = { namespace: "", name: "kfp-runtime-workflow" };
    const client = { service: { name: "kfp-runtime-webhook", namespace: "kubeflow" } };
    await objects.createObject(CONFIGURATIONS, configuration, {
      ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
      ...{ metadata: { name: configuration.name }, webhooks: [{ name: "workflows.kfp-runtime.dev", clientConfig: client }] },
    });
    const run = async () =>
      await runToEnd(process.execPath, [path.join(bin, "driver"), "webhook-certificate"], {
        ...{ KUBECONFIG: kube.kubeconfig, NAMESPACE: "kubeflow" },
      });
    const first = await run();
    expect(first.code, first.stderr).toBe(0);
    const secret = await objects.getObject(SECRETS, { namespace: "kubeflow", name: "kfp-runtime-webhook-tls" });
    const data = secret?.["data"] as Record<string, string>;
    const pem = (name: string): string => Buffer.from(data[name] ?? "", "base64").toString();
    for (const name of ["tls.crt", "tls.key"]) writeFileSync(path.join(folder, name), pem(name));
    const { webhooks } = (await objects.getObject(CONFIGURATIONS, configuration)) as {
      webhooks: [{ clientConfig: { caBundle: string } }];
    };
    const ca = Buffer.from(webhooks[0].clientConfig.caBundle, "base64").toString();
    expect(webhooks[0].clientConfig).toMatchObject(client);
    const { port } = await startWebhook(folder);
    const asked = { ca, servername: "kfp-runtime-webhook.kubeflow.svc" };
    expect((await askWebhook(port, "/mutate-workflow", admissionReview(submittedWorkflow()), asked)).status).toBe(200);
    await expect(askWebhook(port, "/mutate-workflow", {}, { ...asked, servername: "other.kubeflow.svc" })).rejects.toThrow(
      /altnames/,
    );
    const second = await run();
    expect(second.stderr).toContain("the certificate stays as it is");
    expect(await objects.getObject(SECRETS, { namespace: "kubeflow", name: "kfp-runtime-webhook-tls" })).toEqual(secret);
  });

  test("ends with 1 and the reason where Kubernetes is away", async () => {
    const { bin } = await builtPrograms();
    const ended = await runToEnd(process.execPath, [path.join(bin, "driver"), "webhook-certificate"], { NAMESPACE: "kubeflow" });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/ERROR \S+ webhook-certificate failed: Cannot reach Kubernetes: /);
  });
});
