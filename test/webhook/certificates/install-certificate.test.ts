import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/core/values/value.ts";
import {
  CONFIGURATIONS,
  installCertificate,
  SECRETS,
  type CertificateObjects,
  type InstallOptions,
} from "../../../src/webhook/certificates/install-certificate.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

const DAY_MS = 86_400_000;
const OPTIONS: InstallOptions = {
  ...{ namespace: "kubeflow", secret: "tls", service: "kfp-runtime-webhook", validDays: 90 },
  configurations: ["workflow", "agent-pod"],
};

/** Objects with versions, as Kubernetes keeps them. */
class Cluster implements CertificateObjects {
  readonly objects = new Map<string, JsonObject>();
  /** Called before each write; may write as somebody else. */
  beforeWrite: (key: string) => void = () => undefined;
  #version = 0;

  put(key: string, object: JsonObject): JsonObject {
    this.#version += 1;
    const stored = { ...object, metadata: { ...(object["metadata"] as JsonObject), resourceVersion: String(this.#version) } };
    this.objects.set(key, stored);
    return stored;
  }

  getObject: CertificateObjects["getObject"] = ({ plural }, { namespace, name }) =>
    Promise.resolve(this.objects.get(`${plural}/${namespace}/${name}`));

  createObject: CertificateObjects["createObject"] = ({ plural }, { namespace, name }, object) => {
    const key = `${plural}/${namespace}/${name}`;
    this.beforeWrite(key);
    return Promise.resolve(this.objects.has(key) ? undefined : this.put(key, object));
  };

  replaceObject: CertificateObjects["replaceObject"] = ({ plural }, { namespace, name }, object) => {
    const key = `${plural}/${namespace}/${name}`;
    this.beforeWrite(key);
    const version = (json: JsonObject | undefined) => (json?.["metadata"] as JsonObject | undefined)?.["resourceVersion"];
    const isCurrent = version(this.objects.get(key)) === version(object);
    return Promise.resolve(isCurrent ? this.put(key, object) : undefined);
  };
}

const SECRET = `${SECRETS.plural}/kubeflow/tls`;
const WORKFLOW = `${CONFIGURATIONS.plural}//workflow`;

function cluster(...configurations: string[]): Cluster {
  const made = new Cluster();
  for (const name of configurations) {
    const webhook = { name: `${name}.kfp-runtime.dev`, clientConfig: { service: { name: "kfp-runtime-webhook" } } };
    made.put(`${CONFIGURATIONS.plural}//${name}`, { metadata: { name }, webhooks: [webhook, { ...webhook, name: "second" }] });
  }
  return made;
}

function read(objects: Cluster) {
  const text = (json: unknown): string => Buffer.from(json as string, "base64").toString();
  const data = objects.objects.get(SECRET)?.["data"] as Record<string, string>;
  const bundles = [...objects.objects].flatMap(([key, { webhooks }]) =>
    key.startsWith(CONFIGURATIONS.plural)
      ? (webhooks as { clientConfig: { caBundle?: string } }[]).map(({ clientConfig }) => text(clientConfig.caBundle ?? ""))
      : [],
  );
  const pem = (name: string) => text(data[name]);
  return { authority: pem("ca.crt"), leaf: new X509Certificate(pem("tls.crt")), key: pem("tls.key"), bundles };
}

function install(objects: Cluster, clock: FakeClock, options: Partial<InstallOptions> = {}) {
  return installCertificate({ objects, clock, logger: new RecordingLogger() }, { ...OPTIONS, ...options });
}

describe("installCertificate()", () => {
  test("makes a certificate for the service, and has every webhook trust it", async () => {
    const objects = cluster("workflow", "agent-pod");
    expect(await install(objects, new FakeClock())).toBe("renewed");
    const { authority, leaf, bundles } = read(objects);
    expect(leaf.checkHost("kfp-runtime-webhook.kubeflow.svc")).toBeDefined();
    expect(leaf.verify(new X509Certificate(authority).publicKey)).toBe(true);
    expect(bundles).toEqual([authority, authority, authority, authority]);
    expect(objects.objects.get(SECRET)).toMatchObject({
      type: "kubernetes.io/tls",
      metadata: { name: "tls", namespace: "kubeflow" },
    });
    expect(objects.objects.get(WORKFLOW)).toMatchObject({
      webhooks: [{ clientConfig: { service: { name: "kfp-runtime-webhook" } } }, { name: "second" }],
    });
  });

  test("keeps it for two thirds of its time, and writes nothing", async () => {
    const objects = cluster("workflow", "agent-pod");
    const clock = new FakeClock();
    await install(objects, clock);
    const { leaf } = read(objects);
    objects.beforeWrite = (key) => expect.unreachable(`nothing of ${key} has changed`);
    for (const days of [0, 30, 29]) {
      clock.advance(days * DAY_MS);
      expect(await install(objects, clock)).toBe("kept");
    }
    expect(read(objects).leaf.fingerprint256).toBe(leaf.fingerprint256);
  });

  test("renews it then: the new one is trusted before it is used, and the old one until it is used nowhere", async () => {
    const objects = cluster("workflow", "agent-pod");
    const clock = new FakeClock();
    await install(objects, clock);
    const old = read(objects);
    clock.advance(60 * DAY_MS);
    let trustedBefore: string[] = [];
    objects.beforeWrite = (key) => {
      if (key === SECRET) trustedBefore = read(objects).bundles;
    };
    expect(await install(objects, clock)).toBe("renewed");
    const renewed = read(objects);
    expect(renewed.leaf.fingerprint256).not.toBe(old.leaf.fingerprint256);
    expect(trustedBefore[0]).toBe(renewed.authority + old.authority);
    // At once it may not yet be everywhere.
    expect(await install(objects, clock)).toBe("kept");
    expect(read(objects).bundles[0]).toBe(renewed.authority + old.authority);
    clock.advance(DAY_MS);
    expect(await install(objects, clock)).toBe("kept");
    expect(read(objects).bundles).toEqual(Array.from({ length: 4 }, () => renewed.authority));
  });

  test("has a configuration that was applied anew trust it again", async () => {
    const objects = cluster("workflow");
    const clock = new FakeClock();
    await install(objects, clock);
    const { authority } = read(objects);
    objects.put(WORKFLOW, { metadata: { name: "workflow" }, webhooks: [{ name: "w", clientConfig: { caBundle: "bm9uZQ==" } }] });
    expect(await install(objects, clock)).toBe("kept");
    expect(read(objects).bundles).toEqual([authority]);
  });

  test.for<{ name: string; damage: (data: Record<string, string>) => Record<string, string> }>([
    { name: "there is nothing in it", damage: () => ({}) },
    { name: "the authority is missing", damage: ({ "ca.crt": _authority, ...data }) => data },
    { name: "the authority is another one", damage: (data) => ({ ...data, "ca.crt": data["tls.crt"] ?? "" }) },
    { name: "it is no certificate", damage: (data) => ({ ...data, "tls.crt": "bm9uZQ==" }) },
  ])("makes another one where $name", async ({ damage }) => {
    const objects = cluster("workflow");
    await install(objects, new FakeClock());
    const secret = objects.objects.get(SECRET) as JsonObject;
    objects.put(SECRET, { ...secret, immutable: false, data: damage(secret["data"] as Record<string, string>) });
    expect(await install(objects, new FakeClock())).toBe("renewed");
    expect(objects.objects.get(SECRET)).toMatchObject({ immutable: false });
    expect(read(objects).leaf.checkHost("kfp-runtime-webhook.kubeflow.svc")).toBeDefined();
  });

  test("makes another one for another service", async () => {
    const objects = cluster("workflow");
    await install(objects, new FakeClock());
    expect(await install(objects, new FakeClock(), { service: "other" })).toBe("renewed");
    expect(read(objects).leaf.checkHost("other.kubeflow.svc")).toBeDefined();
  });

  test("gives way to somebody else who installs at the same moment, and has both trusted", async () => {
    const objects = cluster("workflow");
    const clock = new FakeClock();
    const others = cluster("workflow");
    await install(others, clock);
    const theirs = read(others);
    objects.beforeWrite = (key) => {
      if (key === SECRET && !objects.objects.has(key)) objects.put(key, others.objects.get(key) as JsonObject);
    };
    expect(await install(objects, clock)).toBe("kept");
    expect(read(objects).leaf.fingerprint256).toBe(theirs.leaf.fingerprint256);
    expect(read(objects).bundles[0]).toContain(theirs.authority);
  });

  test("gives up where somebody changes the same object without end", async () => {
    const objects = cluster("workflow");
    objects.beforeWrite = (key) => void objects.put(key, objects.objects.get(key) ?? { metadata: {} });
    await expect(install(objects, new FakeClock())).rejects.toThrow(
      "MutatingWebhookConfiguration workflow is changed by somebody else again and again",
    );
  });

  test("leaves out a configuration that is not there, and says so when there is none", async () => {
    expect(await install(cluster("workflow"), new FakeClock())).toBe("renewed");
    await expect(install(cluster(), new FakeClock())).rejects.toThrow(
      "There is no MutatingWebhookConfiguration workflow or agent-pod: create it first",
    );
  });
});
