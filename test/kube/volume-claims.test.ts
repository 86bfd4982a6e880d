/** Claims over HTTP: what is asked, what answers mean, and faults of server and network. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKubeRest, type KubeRest } from "../../src/kube/kube-rest.ts";
import type { VolumeClaim } from "../../src/ports/kube-api.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { startVolumeClaimServer, type Fault, type VolumeClaimServer } from "../fakes/volume-claim-server.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";

const tls = createSelfSignedCertificate();
const claim: VolumeClaim = {
  name: "p",
  annotations: {},
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } }, storageClassName: "" },
};

let folder: string;
let server: VolumeClaimServer;
let clock: FakeClock;
let kube: KubeRest;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-claims-test-"));
  server = await startVolumeClaimServer(tls);
  server.token = "first";
  clock = new FakeClock();
  await writeFile(join(folder, "token"), "first\n");
  await writeFile(join(folder, "ca.crt"), tls.cert);
  kube = open();
});
afterEach(async () => {
  kube.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function open(timeoutMs?: number): KubeRest {
  const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
  return createKubeRest(
    { clock },
    { environment, serviceAccountFolder: folder, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  );
}

function fail(method: string, ...faults: Fault[]): void {
  server.faults.push(...faults.map((fault) => ({ method, fault })));
}

const asked = (): string[] =>
  server.requests.map(({ method, path, status }) => `${method} ${path.split("/").slice(4).join("/")} ${status}`);

describe("creating", () => {
  test("sends the manifest of the reference", async () => {
    const full: VolumeClaim = {
      name: "p",
      annotations: { a: "b" },
      spec: {
        ...claim.spec,
        volumeName: "pv-1",
        dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "snap" },
      },
    };
    expect(await kube.createVolumeClaim("ns", full)).toBe("created");
    expect(server.requests).toEqual([
      {
        method: "POST",
        path: "/api/v1/namespaces/ns/persistentvolumeclaims",
        authorization: "Bearer first",
        status: 201,
        body: {
          kind: "PersistentVolumeClaim",
          apiVersion: "v1",
          metadata: { name: "p", annotations: { a: "b" } },
          spec: {
            accessModes: ["ReadWriteOnce"],
            resources: { requests: { storage: "5Gi" } },
            storageClassName: "",
            volumeName: "pv-1",
            dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "snap" },
          },
          status: {},
        },
      },
    ]);
  });

  test("leaves out annotations, volume and data source where there are none", async () => {
    await kube.createVolumeClaim("ns", claim);
    expect(server.requests[0]?.body).toMatchObject({ metadata: { name: "p" }, spec: claim.spec });
    expect(server.requests[0]?.body).toHaveProperty("metadata", { name: "p" });
  });

  test("says that a claim is there already, and that one is on its way out", async () => {
    await kube.createVolumeClaim("ns", claim);
    expect(await kube.createVolumeClaim("ns", claim)).toBe("exists");
    server.inUse.add("ns/p");
    await kube.deleteVolumeClaim("ns", "p");
    expect(await kube.createVolumeClaim("ns", claim)).toBe("being-deleted");
  });

  test("takes a 409 without a reason for a claim that exists, one of a busy quota for a reason to try again", async () => {
    fail("POST", { status: 409 });
    expect(await kube.createVolumeClaim("ns", claim)).toBe("exists");
    const conflict = { status: 409, reason: "Conflict" };
    fail("POST", conflict);
    expect(await kube.createVolumeClaim("ns", claim)).toBe("created");
    fail("POST", conflict, conflict, conflict, conflict, conflict);
    await expect(kube.createVolumeClaim("ns", claim)).rejects.toMatchObject({ code: "KUBE_REJECTED", details: { status: 409 } });
  });

  test("gives the server's reason when it refuses", async () => {
    server.rights.delete("create");
    await expect(kube.createVolumeClaim("ns", claim)).rejects.toThrow(
      'Kubernetes answered 403 for PersistentVolumeClaim ns/p: persistentvolumeclaims is forbidden: User "system:serviceaccount:ns:pipeline-runner" cannot create',
    );
    server.rights.add("create");
    await expect(kube.createVolumeClaim("ns", { ...claim, name: "P" })).rejects.toMatchObject({
      message: expect.stringContaining("metadata.name: Invalid value") as unknown,
      details: { status: 422 },
    });
    expect(asked()).toEqual(["POST ns/persistentvolumeclaims 403", "POST ns/persistentvolumeclaims 422"]);
  });

  test("finds what it has created when the answer is lost", async () => {
    fail("POST", "lost-answer");
    expect(await kube.createVolumeClaim("ns", claim)).toBe("exists");
    expect(server.claims.size).toBe(1);
  });
});

describe("looking and deleting", () => {
  test("a claim is present, on its way out, absent", async () => {
    await kube.createVolumeClaim("ns", claim);
    expect(await kube.findVolumeClaim("ns", "p")).toBe("present");
    server.inUse.add("ns/p");
    expect(await kube.deleteVolumeClaim("ns", "p")).toBe("deleted");
    expect(await kube.findVolumeClaim("ns", "p")).toBe("being-deleted");
    server.endClaim("ns/p");
    expect(await kube.findVolumeClaim("ns", "p")).toBe("absent");
    expect(await kube.deleteVolumeClaim("ns", "p")).toBe("absent");
  });

  test("deleting asks for the server's own way of doing it", async () => {
    await kube.createVolumeClaim("ns", claim);
    await kube.deleteVolumeClaim("ns", "p");
    expect(server.requests.at(-1)).toMatchObject({
      method: "DELETE",
      path: "/api/v1/namespaces/ns/persistentvolumeclaims/p",
      body: { kind: "DeleteOptions", apiVersion: "v1" },
    });
  });

  test("deletes once when the answer is lost", async () => {
    await kube.createVolumeClaim("ns", claim);
    fail("DELETE", "lost-answer");
    expect(await kube.deleteVolumeClaim("ns", "p")).toBe("absent");
    expect(server.claims.size).toBe(0);
  });

  test("a page of something in between is not a claim", async () => {
    fail("GET", { status: 200, text: "<html>welcome</html>" });
    await expect(kube.findVolumeClaim("ns", "p")).rejects.toMatchObject({ code: "KUBE_REJECTED" });
  });

  test.for(["", ".", "..", "a/b", "a%2Fb"])("the name %j is refused without a request", async (name) => {
    const refused = {
      code: "SPEC_INVALID",
      message: expect.stringMatching(/^(resource name may not be empty|invalid resource name)/) as unknown,
    };
    await expect(kube.findVolumeClaim("ns", name)).rejects.toMatchObject(refused);
    await expect(kube.deleteVolumeClaim("ns", name)).rejects.toMatchObject(refused);
    await expect(kube.createVolumeClaim("ns", { ...claim, name })).rejects.toMatchObject(refused);
    expect(server.requests).toEqual([]);
  });
});

describe("faults", () => {
  const busy = { status: 503 };

  test("a busy server is asked again, five times in all, with growing pauses", async () => {
    fail("POST", busy, { status: 500 }, "reset", { status: 429 });
    expect(await kube.createVolumeClaim("ns", claim)).toBe("created");
    expect(clock.slept).toEqual([500, 1000, 2000, 4000]);
    fail("DELETE", busy, busy, busy, busy, busy);
    await expect(kube.deleteVolumeClaim("ns", "p")).rejects.toMatchObject({ code: "KUBE_REJECTED", details: { status: 503 } });
    expect(server.claims.size).toBe(1);
  });

  test("a server that says when to come again is believed, ten times in all and within reason", async () => {
    fail("POST", { status: 429, retryAfterSeconds: 3 }, { status: 503, retryAfterSeconds: 86_400 });
    expect(await kube.createVolumeClaim("ns", claim)).toBe("created");
    expect(clock.slept).toEqual([3000, 30_000]);
    fail("GET", ...Array.from({ length: 20 }, () => ({ status: 429, retryAfterSeconds: 1 })));
    await expect(kube.findVolumeClaim("ns", "p")).rejects.toMatchObject({ details: { status: 429 } });
    expect(server.requests.filter(({ method }) => method === "GET")).toHaveLength(10);
  });

  test("other refusals are not repeated", async () => {
    fail("POST", { status: 400 });
    await expect(kube.createVolumeClaim("ns", claim)).rejects.toMatchObject({ details: { status: 400 } });
    expect(server.requests).toHaveLength(1);
    expect(clock.slept).toEqual([]);
  });

  test("a connection that always breaks is an error that says where", async () => {
    fail("POST", ...Array.from({ length: 9 }, (): Fault => "reset"));
    await expect(kube.createVolumeClaim("ns", claim)).rejects.toMatchObject({
      code: "KUBE_UNAVAILABLE",
      message: expect.stringMatching(/^Cannot create PersistentVolumeClaim ns\/p at https:\/\/127\.0\.0\.1:\d+: /) as unknown,
    });
    expect(server.requests).toHaveLength(5);
  });

  test("a server that does not answer in time is asked again", async () => {
    fail("POST", "hang");
    kube.close();
    kube = open(100);
    expect(await kube.createVolumeClaim("ns", claim)).toBe("created");
    expect(server.requests.map(({ status }) => status)).toEqual([0, 201]);
  });

  test("a token that was replaced meanwhile is read again", async () => {
    server.token = "second";
    const sleep = () => writeFile(join(folder, "token"), "second");
    const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
    const rotating = createKubeRest(
      { clock: { now: () => new Date(), monotonicMs: () => 0, sleep } },
      { environment, serviceAccountFolder: folder },
    );
    expect(await rotating.createVolumeClaim("ns", claim)).toBe("created");
    expect(server.requests.map(({ authorization, status }) => [authorization, status])).toEqual([
      ["Bearer first", 401],
      ["Bearer second", 201],
    ]);
    rotating.close();
  });

  test("a token that stays refused is an error after the second try", async () => {
    server.token = "other";
    await expect(kube.createVolumeClaim("ns", claim)).rejects.toMatchObject({
      message: "Kubernetes answered 401 for PersistentVolumeClaim ns/p: Unauthorized",
    });
    expect(server.requests).toHaveLength(2);
  });
});
