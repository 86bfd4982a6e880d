import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, onTestFinished, test, vi } from "vitest";
import { createSelfSignedCertificate } from "../../support/self-signed-certificate.ts";
import { soon } from "../../support/soon.ts";
import { bindClaims } from "./claim-binder.ts";
import { KubeStatusError, type KubeObject, type KubeObjectInput } from "./kube-object.ts";
import { ObjectStore } from "./object-store.ts";
import { resourceOf, type Resource } from "./resources.ts";
import { startKubeApi, type KubeApiServer } from "./server.ts";

const tls = createSelfSignedCertificate();
let store: ObjectStore;
let server: KubeApiServer;

beforeEach(async () => {
  let count = 0;
  const now = (): Date => new Date("2026-08-01T12:00:00Z");
  store = new ObjectStore({ now, newUid: () => `uid-${String((count += 1))}` });
  server = await startKubeApi({
    ...{ store, now, tls },
    readLog: (namespace, pod, container) =>
      Promise.resolve(pod === "a" ? `log of ${namespace}/${pod}/${container}\n` : undefined),
  });
});
afterEach(async () => await server.close());

interface Answer {
  readonly code: number;
  readonly body: KubeObject & { readonly items?: readonly KubeObject[]; readonly reason?: string };
}

interface Call {
  readonly body?: unknown;
  readonly type?: string;
  readonly token?: string;
}

async function text(
  method: string,
  path: string,
  { body, type = "application/json", token }: Call = {},
): Promise<[number, string]> {
  const sent = body === undefined || typeof body === "string" ? (body ?? "") : JSON.stringify(body);
  return await new Promise((resolve, reject) => {
    const authorization = `Bearer ${token ?? server.adminToken}`;
    const headers = { authorization, "content-type": type, "content-length": Buffer.byteLength(sent) };
    const call = request(
      { host: "127.0.0.1", port: server.port, method, path, headers, ca: tls.cert, agent: false },
      (response) => {
        let all = "";
        response.on("data", (chunk: Buffer) => (all += chunk.toString()));
        response.on("end", () => resolve([response.statusCode ?? 0, all]));
      },
    );
    call.on("error", reject);
    call.end(sent);
  });
}

async function ask(method: string, path: string, call?: Call): Promise<Answer> {
  const [code, all] = await text(method, path, call);
  return { code, body: JSON.parse(all) as Answer["body"] };
}

const pods = "/api/v1/namespaces/ns/pods";
const pod = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels }, spec: { nodeName: "n" } });
const mergePatch = "application/merge-patch+json";

describe("the Kubernetes API", () => {
  test("creates, reads, lists, patches and deletes", async ({ expect }) => {
    expect(await ask("POST", pods, { body: pod("a", { app: "x" }) })).toMatchObject({ code: 201, body: { kind: "Pod" } });
    await ask("POST", pods, { body: pod("b") });
    expect(await ask("GET", `${pods}?labelSelector=app%3Dx`)).toMatchObject({
      code: 200,
      body: { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "3" }, items: [{ metadata: { name: "a" } }] },
    });
    const status = { status: { phase: "Running" } };
    await ask("PATCH", `${pods}/a/status`, { body: status, type: mergePatch });
    await ask("PATCH", `${pods}/a`, { body: { metadata: { labels: { app: null } } }, type: mergePatch });
    expect((await ask("GET", `${pods}/a`)).body).toMatchObject({ metadata: { labels: {} }, ...status });
    const body = { gracePeriodSeconds: 5, preconditions: { uid: "uid-1" } };
    expect((await ask("DELETE", `${pods}/a`, { body })).body.metadata.deletionGracePeriodSeconds).toBe(5);
    await ask("DELETE", `${pods}?labelSelector=${encodeURIComponent("!app")}`);
    expect(
      store
        .list({ resource: resourceOf("pods"), namespace: "ns" })
        .items.map(({ metadata }) => metadata.deletionGracePeriodSeconds),
    ).toEqual([5, 30]);
  });

  test.for([
    { name: "no token", call: ["GET", pods, { token: "" }], answer: { code: 401, body: { reason: "Unauthorized" } } },
    { name: "a token of somebody else", call: ["GET", pods, { token: "x" }], answer: { code: 401 } },
    { name: "an object that is not there", call: ["GET", `${pods}/no`], answer: { code: 404, body: { reason: "NotFound" } } },
    { name: "a resource that is not served", call: ["GET", "/apis/apps/v1/deployments"], answer: { code: 404 } },
    { name: "a subresource that is not served", call: ["GET", `${pods}/a/eviction`], answer: { code: 404 } },
    { name: "a body that is no object", call: ["POST", pods, { body: "[1]" }], answer: { code: 400 } },
    { name: "a body that is no JSON", call: ["POST", pods, { body: "{" }], answer: { code: 400 } },
    {
      name: "another kind of patch",
      call: ["PATCH", `${pods}/a`, { body: {}, type: "application/json-patch+json" }],
      answer: { code: 415 },
    },
    { name: "a selector nobody can read", call: ["GET", `${pods}?labelSelector=%3Dx`], answer: { code: 400 } },
    { name: "a body that is too large", call: ["POST", pods, { body: { data: "x".repeat(4 << 20) } }], answer: { code: 413 } },
    { name: "another method", call: ["OPTIONS", pods], answer: { code: 405 } },
  ] as const)("refuses $name", async ({ call: [method, path, options], answer }, { expect }) => {
    expect(await ask(method, path, options)).toMatchObject({
      ...answer,
      body: { kind: "Status", status: "Failure", ...("body" in answer ? answer.body : {}) },
    });
  });

  test("gives tokens of service accounts, and counts who asks for what", async ({ expect }) => {
    await ask("POST", "/api/v1/namespaces/ns/serviceaccounts", { body: { metadata: { name: "runner" } } });
    const path = "/api/v1/namespaces/ns/serviceaccounts/runner/token";
    const { code, body } = await ask("POST", path, { body: { spec: { audiences: ["a"] } } });
    const { token } = body.status as { token: string };
    expect(code).toBe(201);
    expect((await ask("GET", pods, { token })).code).toBe(200);
    expect(server.requests.get("system:serviceaccount:ns:runner list pods")).toBe(1);
    expect((await ask("POST", path.replace("runner", "nobody"), { body: {} })).code).toBe(404);
  });

  test("tells what a container has written", async ({ expect }) => {
    expect(await text("GET", `${pods}/a/log?container=wait`)).toEqual([200, "log of ns/a/wait\n"]);
    expect((await ask("GET", `${pods}/b/log`)).code).toBe(404);
  });

  test("watches from a version until its time is over", async ({ expect }) => {
    const { body } = await ask("POST", pods, { body: pod("a") });
    const watched = text("GET", `${pods}?watch=true&timeoutSeconds=1&resourceVersion=${body.metadata.resourceVersion}`);
    await soon(() => expect(server.requests.get("admin watch pods")).toBe(1));
    await ask("PATCH", `${pods}/a`, { body: { spec: { nodeName: "m" } }, type: mergePatch });
    await ask("DELETE", `${pods}/a`, { body: { gracePeriodSeconds: 0 } });
    const [code, all] = await watched;
    const events = all
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect([code, events.map(({ type }) => type)]).toEqual([200, ["MODIFIED", "DELETED"]]);
  });

  test("tells a watch nothing more when its time is over, also where it is read slowly", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const headers = { authorization: `Bearer ${server.adminToken}` };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const path = `${pods}?watch=true&timeoutSeconds=1`;
      const call = request({ host: "127.0.0.1", port: server.port, path, headers, ca: tls.cert, agent: false }, resolve);
      call.on("error", reject);
      call.end();
    });
    const place = { resource: resourceOf("pods"), namespace: "ns" };
    // More than a socket that nobody reads takes.
    store.create(place, { ...pod("large"), spec: { nodeName: "n".repeat(32 * 1024 * 1024) } });
    vi.advanceTimersByTime(1000);
    store.create(place, pod("late"));
    const names: string[] = [];
    for await (const line of createInterface(response))
      names.push((JSON.parse(line) as { object: KubeObject }).object.metadata.name);
    expect(names).toEqual(["large"]);
  });

  test("keeps the status of a task set to a call of its own, and tells watches of it", async ({ expect }) => {
    const taskSets = "/apis/argoproj.io/v1alpha1/namespaces/ns/workflowtasksets";
    const task = { name: "driver", plugin: { "kfp-driver": {} } };
    const { body } = await ask("POST", taskSets, { body: { metadata: { name: "w" }, spec: { tasks: { one: task } } } });
    const watched = text("GET", `${taskSets}?watch=true&timeoutSeconds=1&resourceVersion=${body.metadata.resourceVersion}`);
    await soon(() => expect(server.requests.get("admin watch workflowtasksets")).toBe(1));
    const node = { phase: "Succeeded", outputs: { parameters: [{ name: "condition", value: "true" }] } };
    const status = { nodes: { one: node } };
    await ask("PATCH", `${taskSets}/w`, { body: { status }, type: mergePatch });
    expect(store.get({ resource: resourceOf("workflowtasksets"), namespace: "ns", name: "w" })).not.toHaveProperty("status");
    await ask("PATCH", `${taskSets}/w/status`, { body: { status, spec: { tasks: null } }, type: mergePatch });
    await ask("PATCH", `${taskSets}/w`, { body: { spec: { tasks: { one: null, two: task } } }, type: mergePatch });
    const last = { spec: { tasks: { two: task } }, status };
    expect((await ask("GET", `${taskSets}/w`)).body).toMatchObject({ kind: "WorkflowTaskSet", ...last });
    const [, all] = await watched;
    const events = all
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { object: KubeObject }).object);
    expect(events.at(-2)).toMatchObject({ spec: { tasks: { one: task } }, status });
    expect(events.at(-1)).toMatchObject(last);
    expect(events.at(-1)?.spec?.["tasks"]).not.toHaveProperty("one");
  });

  test("asks before it creates what a client sends", async ({ expect }) => {
    await server.close();
    const admit = (resource: Resource, { metadata }: KubeObjectInput): Promise<void> =>
      metadata?.name === "a"
        ? Promise.resolve()
        : Promise.reject(new KubeStatusError(403, "Forbidden", `no ${resource.plural} of that name`));
    server = await startKubeApi({ store, now: () => new Date(0), tls, admit });
    expect((await ask("POST", pods, { body: pod("a") })).code).toBe(201);
    expect(await ask("POST", pods, { body: pod("b") })).toMatchObject({ code: 403, body: { reason: "Forbidden" } });
    expect((await ask("GET", `${pods}/b`)).code).toBe(404);
  });

  test("a watch of a forgotten version ends with the reason", async ({ expect }) => {
    const old = new ObjectStore({ now: () => new Date(0), newUid: () => "u", keptChanges: 1 });
    for (let index = 0; index < 5; index += 1)
      old.create({ resource: resourceOf("pods"), namespace: "ns" }, pod(`p${String(index)}`));
    await server.close();
    server = await startKubeApi({ store: old, now: () => new Date(0), tls });
    const [, all] = await text("GET", `${pods}?watch=true&resourceVersion=2`);
    expect(JSON.parse(all)).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
  });

  test("binds every claim", async ({ expect }) => {
    const stop = bindClaims(store);
    await ask("POST", "/api/v1/namespaces/ns/persistentvolumeclaims", { body: { metadata: { name: "c" }, spec: {} } });
    expect((await ask("GET", "/api/v1/namespaces/ns/persistentvolumeclaims/c")).body).toMatchObject({
      spec: { volumeName: "pvc-uid-1" },
      status: { phase: "Bound" },
    });
    stop();
  });
});
