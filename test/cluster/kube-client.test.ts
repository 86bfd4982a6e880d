import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";
import { ObjectStore } from "./kube-api/object-store.ts";
import { startKubeApi, type KubeApiServer } from "./kube-api/server.ts";
import { isNotFound, kubeClient, type KubeClient } from "./kube-client.ts";

const tls = createSelfSignedCertificate();

describe("kubeClient", () => {
  let api: KubeApiServer;
  let client: KubeClient;

  beforeAll(async () => {
    const now = () => new Date("2026-01-02T03:04:05Z");
    api = await startKubeApi({
      ...{ store: new ObjectStore({ now, newUid: randomUUID }), now, tls },
      readLog: async (_namespace, pod, container) => (pod === "one" && container === "main" ? "said\n" : undefined),
    });
    client = kubeClient({ port: api.port, ca: tls.cert, token: api.adminToken }, "team");
  });
  afterAll(async () => await api.close());

  it("creates, lists by label, patches and deletes objects of its namespace", async () => {
    for (const [name, colour] of Object.entries({ one: "red", two: "blue" }))
      await client.create("pods", { metadata: { name, labels: { colour } }, spec: { containers: [] } });
    await client.patch("pods", "one", { metadata: { annotations: { note: "patched" } } });
    const listed = await client.list("pods", "colour=red");
    expect(listed.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name, metadata.annotations])).toEqual([
      ["Pod", "team", "one", { note: "patched" }],
    ]);
    await client.delete("pods", "two");
    expect((await client.list("pods")).map(({ metadata }) => metadata.name)).toEqual(["one"]);
  });

  it("tells refusals by code and reason", async () => {
    await expect(client.get("secrets", "absent")).rejects.toSatisfy(isNotFound);
    await client.create("configmaps", { metadata: { name: "twice" } });
    await expect(client.create("configmaps", { metadata: { name: "twice" } })).rejects.toMatchObject({
      ...{ code: 409, reason: "AlreadyExists" },
    });
  });

  it("reads logs, and none of what has not started", async () => {
    expect(await client.readLog("one", "main")).toBe("said\n");
    expect(await client.readLog("one", "wait")).toBeUndefined();
  });

  it("sends its token", async () => {
    const stranger = kubeClient({ port: api.port, ca: tls.cert, token: "other" }, "team");
    await expect(stranger.list("pods")).rejects.toMatchObject({ code: 401 });
  });
});
