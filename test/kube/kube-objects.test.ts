import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKubeObjects, type KubeObjectsRest } from "../../src/kube/kube-objects.ts";
import { createKubeRest } from "../../src/kube/kube-rest.ts";
import { resourceOf } from "../cluster/kube-api/resources.ts";
import { startSmallKube, type SmallKube } from "../support/small-kube.ts";

const LEASES = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
const TASK_SETS = { group: "argoproj.io", version: "v1alpha1", plural: "workflowtasksets", kind: "WorkflowTaskSet" };
const PLACE = { namespace: "n", name: "one" };

let folder: string;
let small: SmallKube;
let kube: KubeObjectsRest;
const clock = { now: () => new Date(), monotonicMs: () => 0, sleep: () => Promise.resolve() };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "kfp-objects-test-"));
  small = await startSmallKube(folder);
  kube = createKubeObjects({ clock, random: Math.random }, { environment: { KUBECONFIG: small.kubeconfig } });
});
afterEach(async () => {
  kube.close();
  await small.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("createKubeObjects()", () => {
  test("reads what is there, and what is not", async () => {
    expect(await kube.getObject(LEASES, PLACE)).toBeUndefined();
    await kube.createObject(LEASES, PLACE, { metadata: { name: "one" }, spec: { holderIdentity: "me" } });
    expect(await kube.getObject(LEASES, PLACE)).toMatchObject({ spec: { holderIdentity: "me" } });
  });

  test("creates one of a name, and replaces the version it has read", async () => {
    const first = await kube.createObject(LEASES, PLACE, { metadata: { name: "one" }, spec: { holderIdentity: "a" } });
    expect(await kube.createObject(LEASES, PLACE, { metadata: { name: "one" } })).toBeUndefined();
    const second = await kube.replaceObject(LEASES, PLACE, { ...first, spec: { holderIdentity: "b" } });
    expect(second).toMatchObject({ spec: { holderIdentity: "b" } });
    expect(await kube.replaceObject(LEASES, PLACE, { ...first, spec: { holderIdentity: "c" } })).toBeUndefined();
    expect(await kube.replaceObject(LEASES, { ...PLACE, name: "two" }, { metadata: { name: "two" } })).toBeUndefined();
  });

  test("patches a status alone, and takes out what is null", async () => {
    expect(await kube.patchStatus(TASK_SETS, PLACE, { status: { nodes: {} } })).toBeUndefined();
    const place = { resource: resourceOf("workflowtasksets"), namespace: "n" };
    small.store.create(place, { metadata: { name: "one" }, spec: { tasks: { a: {} } } });
    await kube.patchStatus(TASK_SETS, PLACE, {
      status: { nodes: { a: { phase: "Failed" }, b: { phase: "Failed" } } },
      spec: { tasks: null },
    });
    expect(await kube.patchStatus(TASK_SETS, PLACE, { status: { nodes: { b: null } } })).toMatchObject({
      spec: { tasks: { a: {} } },
      status: { nodes: { a: { phase: "Failed" } } },
    });
  });

  test("asks for a token, which is another identity than its own", async () => {
    small.store.create({ resource: resourceOf("serviceaccounts"), namespace: "n" }, { metadata: { name: "runner" } });
    const request = { serviceAccount: { namespace: "n", name: "runner" }, audiences: ["pipelines"], expirationSeconds: 7200 };
    const { token, expiresAt } = await kube.createToken(request);
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now());
    const tenant = createKubeRest(
      { clock },
      { environment: { KUBECONFIG: small.kubeconfig }, token: () => Promise.resolve(token) },
    );
    expect(await tenant.getConfigMap("n", "c")).toBeUndefined();
    tenant.close();
    expect(small.server().requests.get("system:serviceaccount:n:runner get configmaps")).toBe(1);
  });

  test("a refusal says what and why, without the token", async () => {
    const request = { serviceAccount: { namespace: "n", name: "nobody" }, audiences: [], expirationSeconds: 7200 };
    await expect(kube.createToken(request)).rejects.toMatchObject({
      code: "KUBE_REJECTED",
      message: 'Kubernetes answered 404 for a token for ServiceAccount n/nobody: serviceaccounts "nobody" not found',
      details: { status: 404 },
    });
  });

  test("nobody there is an error after its tries", async () => {
    await kube.getObject(LEASES, PLACE);
    await small.stop();
    await expect(kube.getObject(LEASES, PLACE)).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
    await small.startAgain();
    expect(await kube.getObject(LEASES, PLACE)).toBeUndefined();
  });
});
