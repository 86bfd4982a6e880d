import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKubeRest } from "../../src/kube/kube-rest.ts";
import type { KubeRest, KubeRestOptions } from "../../src/kube/kube-rest.ts";
import { startFakeKubeServer } from "../fakes/kube-server.ts";
import type { FakeKubeServer } from "../fakes/kube-server.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";

const tls = createSelfSignedCertificate();
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let folder: string;
let server: FakeKubeServer;
let kube: KubeRest | undefined;
let pauses: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-kube-test-"));
  server = await startFakeKubeServer(tls);
  pauses = [];
});
afterEach(async () => {
  kube?.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function open(options: Partial<KubeRestOptions> = {}): KubeRest {
  const clock = {
    now: () => new Date(),
    monotonicMs: () => 0,
    sleep: (ms: number) => Promise.resolve(void pauses.push(ms)),
  };
  kube = createKubeRest({ clock }, { environment: {}, serviceAccountFolder: folder, ...options });
  return kube;
}

async function inPod(): Promise<KubeRest> {
  await writeFile(join(folder, "token"), "first-token\n");
  await writeFile(join(folder, "ca.crt"), tls.cert);
  return open({ environment: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) } });
}

describe("in a pod", () => {
  test("nothing is read or called before the first question (K8S-17)", async () => {
    await inPod();
    expect(server.requests).toEqual([]);
  });

  test("a ConfigMap, a Secret and a pod's annotations are read", async () => {
    server.answers.set("/api/v1/namespaces/team-a/configmaps/kfp-launcher", { data: { providers: "minio: {}" } });
    server.answers.set("/api/v1/namespaces/team-a/secrets/store", { data: { ak: base64("key"), bin: "/wA=" } });
    server.answers.set("/api/v1/namespaces/team-a/pods/p-1", { metadata: { annotations: { "a/b": "c" } } });
    const api = await inPod();
    expect(await api.getConfigMap("team-a", "kfp-launcher")).toEqual({ providers: "minio: {}" });
    expect(await api.getSecret("team-a", "store")).toEqual({
      ak: new Uint8Array(Buffer.from("key")),
      bin: new Uint8Array([255, 0]),
    });
    expect(await api.getPodAnnotations("team-a", "p-1")).toEqual({ "a/b": "c" });
  });

  test("what does not exist is undefined, what is empty is empty", async () => {
    server.answers.set("/api/v1/namespaces/n/configmaps/empty", { metadata: {} });
    const api = await inPod();
    expect(await api.getConfigMap("n", "empty")).toEqual({});
    expect(await api.getConfigMap("n", "none")).toBeUndefined();
    expect(await api.getSecret("n", "none")).toBeUndefined();
    expect(await api.getPodAnnotations("n", "none")).toBeUndefined();
  });

  test("the token is read again for every request", async () => {
    const api = await inPod();
    await api.getConfigMap("n", "c");
    await writeFile(join(folder, "token"), "rotated");
    await api.getConfigMap("n", "c");
    expect(server.requests.map((request) => request.authorization)).toEqual(["Bearer first-token", "Bearer rotated"]);
  });

  test("names are encoded", async () => {
    await (await inPod()).getSecret("../x", "a/b?c");
    expect(server.requests[0]?.path).toBe("/api/v1/namespaces/..%2Fx/secrets/a%2Fb%3Fc");
  });

  test("a refusal names the object and keeps the status", async () => {
    server.answers.set("/api/v1/namespaces/n/secrets/s", 403);
    await expect((await inPod()).getSecret("n", "s")).rejects.toMatchObject({
      code: "KUBE_REJECTED",
      message: "Kubernetes answered 403 for Secret n/s: status 403 for /api/v1/namespaces/n/secrets/s",
      details: { status: 403 },
    });
    expect(server.requests).toHaveLength(1);
  });

  test.for([429, 500, 503, "reset"] as const)("three times %s is an error, after pauses", async (answer) => {
    server.answers.set("/api/v1/namespaces/n/configmaps/c", answer);
    await expect((await inPod()).getConfigMap("n", "c")).rejects.toMatchObject({
      code: answer === "reset" ? "KUBE_UNAVAILABLE" : "KUBE_REJECTED",
    });
    expect(server.requests).toHaveLength(3);
    expect(pauses).toEqual([500, 1000]);
  });

  test("no answer is given up after the timeout (K8S-17)", async () => {
    await inPod();
    server.answers.set("/api/v1/namespaces/n/configmaps/c", "hang");
    const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
    await expect(open({ environment, timeoutMs: 50 }).getConfigMap("n", "c")).rejects.toMatchObject({
      code: "KUBE_UNAVAILABLE",
      message: expect.stringContaining("no answer within 0.05 s") as unknown,
    });
  });

  test("a server with another certificate is not trusted", async () => {
    const api = await inPod();
    await writeFile(join(folder, "ca.crt"), createSelfSignedCertificate().cert);
    await expect(api.getConfigMap("n", "c")).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
    expect(server.requests).toEqual([]);
  });
});

describe("with a kubeconfig", () => {
  async function withConfig(
    user: string,
    cluster = `server: ${server.url}\n    insecure-skip-tls-verify: true`,
  ): Promise<KubeRest> {
    const path = join(folder, "config");
    const text = `apiVersion: v1
current-context: here
contexts:
- name: here
  context: {cluster: c, user: u}
clusters:
- name: other
  cluster: {server: "https://other"}
- name: c
  cluster:
    ${cluster}
users:
- name: u
  user:
    ${user}
`;
    await writeFile(path, text);
    return open({ environment: { KUBECONFIG: `${path}:/elsewhere` } });
  }

  test("a token is used", async () => {
    await (await withConfig("token: abc")).getConfigMap("n", "c");
    expect(server.requests[0]?.authorization).toBe("Bearer abc");
  });

  test("the cluster's certificate authority is trusted", async () => {
    const api = await withConfig("token: abc", `server: ${server.url}\n    certificate-authority-data: ${base64(tls.cert)}`);
    expect(await api.getConfigMap("n", "c")).toBeUndefined();
  });

  test("files are found beside it", async () => {
    await writeFile(join(folder, "ca.pem"), tls.cert);
    await writeFile(join(folder, "t"), "from-file\n");
    await (await withConfig("tokenFile: t", `server: ${server.url}/\n    certificate-authority: ca.pem`)).getConfigMap("n", "c");
    expect(server.requests[0]).toEqual({ path: "/api/v1/namespaces/n/configmaps/c", authorization: "Bearer from-file" });
  });

  test("a client certificate is accepted", async () => {
    const user = `client-certificate-data: ${base64(tls.cert)}\n    client-key-data: ${base64(tls.key)}`;
    expect(await (await withConfig(user)).getConfigMap("n", "c")).toBeUndefined();
    expect(server.requests[0]?.authorization).toBeUndefined();
  });

  test("the file in the home folder is found", async () => {
    const home = { environment: { HOME: folder } };
    await expect(open(home).getConfigMap("n", "c")).rejects.toMatchObject({
      code: "KUBE_UNAVAILABLE",
      message: expect.stringContaining(join(folder, ".kube", "config")) as unknown,
    });
  });

  test.for([
    { name: "exec plug-in", user: "exec: {command: aws}", message: /plug-in "exec".*not supported/ },
    { name: "no server", user: "token: a", cluster: "x: y", message: /no server URL/ },
    { name: "missing file", user: "client-key: none.pem", message: /none\.pem.*does not exist/ },
  ])("refuses: $name", async ({ user, cluster, message }) => {
    const api = await withConfig(user, cluster);
    const failure = await api.getConfigMap("n", "c").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "KUBE_UNAVAILABLE" });
    expect(String(failure)).toMatch(message);
  });

  test("without service account and kubeconfig the message says what was looked for", async () => {
    await expect(open().getConfigMap("n", "c")).rejects.toThrow(/Cannot reach Kubernetes: there is no service account/);
  });
});
