import { describe, test } from "vitest";
import type { IContainer, IPodSpec } from "kubernetes-models/v1";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { containerRequest } from "./container-request.ts";
import { podOf } from "./pod-objects.ts";

const data = (entries: Record<string, string>) => new Map(Object.entries(entries).map(([key, text]) => [key, Buffer.from(text)]));

function request(container: Partial<IContainer>, spec: Partial<IPodSpec> = {}, imageUser = "65532") {
  const pod = podOf({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...{ name: "p", namespace: "ns", uid: "uid-1", resourceVersion: "1", creationTimestamp: "2026-08-01T12:00:00Z" },
      ...{ labels: { app: "x" }, annotations: { note: "n" } },
    },
    spec: { containers: [], nodeName: "node-1", ...spec } as unknown as JsonObject,
  });
  return containerRequest(
    pod,
    { name: "main", image: "image", ...container },
    { user: imageUser },
    {
      apiServer: { host: "127.0.0.1", port: 6443 },
      serviceAccountFolder: "/account",
      volumes: new Map([["data", "/volumes/data"]]),
      sources: {
        configMap: (namespace, name) => (`${namespace}/${name}` === "ns/settings" ? data({ level: "3" }) : undefined),
        secret: (namespace, name) => (`${namespace}/${name}` === "ns/login" ? data({ user: "ada" }) : undefined),
        hasClaim: () => false,
        token: () => "token",
      },
      containerName: "c",
      logFile: "/log",
    },
  );
}

const from = (valueFrom: NonNullable<IContainer["env"]>[number]["valueFrom"]) => [
  { name: "V", ...(valueFrom === undefined ? {} : { valueFrom }) },
];

describe("containerRequest()", () => {
  test("expands references in commands and arguments", ({ expect }) => {
    const { command, args, env } = request({
      command: ["run", "$(A)", "$(UNKNOWN)", "$$(A)"],
      args: ["$(B)"],
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "$(A)2" },
      ],
    });
    expect({ command, args }).toEqual({ command: ["run", "1", "$(UNKNOWN)", "$(A)"], args: ["12"] });
    expect(env).toMatchObject({ A: "1", B: "12", KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "6443" });
  });

  test.for([
    ["a field", from({ fieldRef: { fieldPath: "metadata.uid" } }), "uid-1"],
    ["a label", from({ fieldRef: { fieldPath: "metadata.labels['app']" } }), "x"],
    ["a label that is not there", from({ fieldRef: { fieldPath: "metadata.labels['b']" } }), ""],
    ["the node", from({ fieldRef: { fieldPath: "spec.nodeName" } }), "node-1"],
    ["a key of a secret", from({ secretKeyRef: { name: "login", key: "user" } }), "ada"],
    ["a key of a config map", from({ configMapKeyRef: { name: "settings", key: "level" } }), "3"],
    ["an optional key", from({ secretKeyRef: { name: "login", key: "no", optional: true } }), undefined],
    ["a key of an optional secret", from({ secretKeyRef: { name: "no", key: "no", optional: true } }), undefined],
    ["a limit", from({ resourceFieldRef: { resource: "limits.memory" } }), "1048576"],
  ] as const)("takes a variable from %s", ([, env, expected], { expect }) => {
    expect(request({ env, resources: { limits: { memory: "1Mi" } } }).env["V"]).toBe(expected);
  });

  test("takes all keys of config maps and secrets, and its own variables before them", ({ expect }) => {
    const { env } = request({
      envFrom: [
        { configMapRef: { name: "settings" }, prefix: "S_" },
        { secretRef: { name: "login" } },
        { configMapRef: { name: "no", optional: true } },
      ],
      env: [{ name: "user", value: "eve" }],
    });
    expect(env).toMatchObject({ S_level: "3", user: "eve" });
  });

  test.for([
    [{ env: from({ secretKeyRef: { name: "no", key: "user" } }) }, /secret "no" not found/],
    [{ env: from({ secretKeyRef: { name: "login", key: "no" } }) }, /couldn't find key no in Secret ns\/login/],
    [{ envFrom: [{ configMapRef: { name: "no" } }] }, /configmap "no" not found/],
    [{ env: from({ fieldRef: { fieldPath: "spec.nothing" } }) }, /unsupported fieldPath: spec.nothing/],
    [{ volumeMounts: [{ name: "no", mountPath: "/no" }] }, /mounts the unknown volume no/],
  ] as const)("waits while something is missing: %#", ([container, message], { expect }) => {
    expect(() => request(container as Partial<IContainer>)).toThrow(
      expect.objectContaining({ reason: "CreateContainerConfigError", message: expect.stringMatching(message) as string }),
    );
  });

  test("mounts volumes, and the service account unless told otherwise", ({ expect }) => {
    const container = { volumeMounts: [{ name: "data", mountPath: "/data", subPath: "below", readOnly: true }] };
    const volume = { inside: "/data", outside: "/volumes/data/below", readOnly: true };
    const account = { inside: "/var/run/secrets/kubernetes.io/serviceaccount", outside: "/account", readOnly: true };
    expect(request(container).mounts).toEqual([volume, account]);
    expect(request(container, { automountServiceAccountToken: false }).mounts).toEqual([volume]);
  });

  test("takes users and limits from the container, then from the pod", ({ expect }) => {
    const pod = { securityContext: { runAsUser: 1, runAsGroup: 2 } };
    expect(request({}, pod)).toMatchObject({ user: 1, group: 2, readOnlyRoot: false, dropsAllCapabilities: false });
    const strict = {
      ...{ runAsUser: 3, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      capabilities: { drop: ["ALL"] },
    };
    expect(request({ securityContext: strict, resources: { limits: { cpu: "500m", memory: "512Mi" } } }, pod)).toMatchObject({
      ...{ user: 3, group: 2, readOnlyRoot: true, dropsAllCapabilities: true, noNewPrivileges: true },
      ...{ cpus: 0.5, memoryBytes: 512 * 2 ** 20 },
    });
  });

  test.for([
    ["", /image will run as root/],
    ["0:0", /image will run as root/],
    ["app", /image has non-numeric user \(app\)/],
  ] as const)("runAsNonRoot refuses an image with the user '%s'", ([user, message], { expect }) => {
    const container = { securityContext: { runAsNonRoot: true } };
    expect(() => request(container, {}, user)).toThrow(message);
    expect(() => request({ securityContext: { runAsNonRoot: true, runAsUser: 0 } }, {}, user)).toThrow(/runAsUser is root/);
    expect(request({ securityContext: { runAsNonRoot: true, runAsUser: 7 } }, {}, user).user).toBe(7);
  });
});
