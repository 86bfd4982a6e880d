/** manifests/: structure, rendering over a small base of our own, Kubernetes' schemas, rights. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MutatingWebhookConfiguration } from "kubernetes-models/admissionregistration.k8s.io/v1";
import { Deployment } from "kubernetes-models/apps/v1";
import { CronJob, Job } from "kubernetes-models/batch/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { ConfigMap, Secret, Service, ServiceAccount } from "kubernetes-models/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { readInspectSettings } from "../../src/inspect/inspect-settings.ts";
import { makeFolder, removeFolder, root } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";
import { Certificate, Issuer } from "./cert-manager.ts";

const manifests = path.join(root, "manifests");
const upstreamUrl = /https:\/\/github\.com\/kubeflow\/pipelines\/\/manifests\/kustomize\/env\/([\w-]+)\?ref=\S+/;
const overlays = [
  ...["single-user", "multi-user", "debug", "air-gapped"],
  ...["resident", "resident-self-signed", "resident-multi-user", "resident-plugin"],
];
/** Kinds that belong to no namespace. */
const CLUSTER_WIDE = new Set(["ClusterRole", "ClusterRoleBinding", "MutatingWebhookConfiguration"]);
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };

interface Kustomization {
  readonly kind: string;
  readonly apiVersion: string;
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly configurations?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly images?: readonly { readonly name: string; readonly newTag?: string }[];
}

interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
}

interface EnvVariable {
  readonly name: string;
  readonly value?: string;
}

interface ApiServer extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly name: string; readonly env: EnvVariable[] }[] };
    };
  };
}

interface Rules extends KubeObject {
  readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
}

function readKustomization(folder: string): Kustomization {
  return parse(readFileSync(path.join(folder, "kustomization.yaml"), "utf8")) as Kustomization;
}

function readObjects(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as KubeObject);
}

const folders = ["components", "overlays"].flatMap((kind) =>
  readdirSync(path.join(manifests, kind)).map((name) => path.join(kind, name)),
);

/** Every variable of the API server that a file or a rendered object sets. */
function apiServerEnv(objects: readonly KubeObject[]): Map<string, string | undefined> {
  const deployment = objects.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "ml-pipeline") as ApiServer;
  const container = deployment.spec.template.spec.containers.find(({ name }) => name === "ml-pipeline-api-server");
  return new Map(container?.env.map(({ name, value }) => [name, value]));
}

describe("manifests", () => {
  test.for(folders)("%s names only files that exist, and lists every file it has", (name, { expect }) => {
    const folder = path.join(manifests, name);
    const { kind, apiVersion, resources = [], components = [], configurations = [], patches = [] } = readKustomization(folder);
    const isComponent = name.startsWith("components");
    expect([kind, apiVersion.split("/")[1]]).toEqual(isComponent ? ["Component", "v1alpha1"] : ["Kustomization", "v1beta1"]);
    const named = [...resources, ...components, ...configurations, ...patches.map((patch) => patch.path)];
    const local = named.filter((file) => !upstreamUrl.test(file));
    for (const file of local) expect(existsSync(path.join(folder, file)), file).toBe(true);
    const files = readdirSync(folder).filter((file) => file !== "kustomization.yaml");
    expect(local.filter((file) => !file.startsWith("../")).toSorted()).toEqual(files.toSorted());
  });

  test("patch only what the upstream manifests have", () => {
    const base = readObjects(path.join(root, "test/fixtures/manifests/base/api-server.yaml"))[0] as ApiServer;
    for (const name of ["runtime", "debug"]) {
      const [patch, ...more] = readObjects(path.join(manifests, "components", name, "api-server.yaml")) as ApiServer[];
      expect(more).toEqual([]);
      expect([patch?.apiVersion, patch?.kind, patch?.metadata]).toEqual([
        base.apiVersion,
        base.kind,
        { name: base.metadata.name },
      ]);
      expect(patch?.spec.template.spec.containers.map((container) => container.name)).toEqual(["ml-pipeline-api-server"]);
    }
  });

  test("name the images of this version", () => {
    const images = [
      ...(readKustomization(path.join(manifests, "components/images")).images ?? []),
      ...(readKustomization(path.join(manifests, "overlays/air-gapped")).images ?? []),
    ].filter(({ name }) => name.startsWith("kfp-runtime/"));
    expect(images).toHaveLength(4);
    for (const { newTag } of images) expect(newTag).toBe(version);
    for (const file of ["resident-driver/agent.yaml", "resident-webhook/webhook.yaml", "resident-self-signed/certificate.yaml"]) {
      const named = JSON.stringify(readObjects(path.join(manifests, "components", file))).match(/(?<="image":")[^"]+/g);
      expect(new Set(named), file).toEqual(new Set([`kfp-runtime/driver:${version}`]));
    }
    for (const [name, tag] of [
      ["runtime", version],
      ["debug", `${version}-debug`],
    ] as const) {
      const env = apiServerEnv(readObjects(path.join(manifests, "components", name, "api-server.yaml")));
      expect(env.get("V2_DRIVER_IMAGE")).toBe(`kfp-runtime/driver:${tag}`);
      expect(env.get("V2_LAUNCHER_IMAGE")).toBe(`kfp-runtime/launcher:${tag}`);
    }
  });

  test("set commands that survive being cut at spaces", () => {
    const env = apiServerEnv(readObjects(path.join(manifests, "components/runtime/api-server.yaml")));
    expect(env.get("V2_DRIVER_COMMAND")?.split(" ")).toEqual(["driver"]);
    expect(env.get("V2_LAUNCHER_COMMAND")?.split(" ")).toEqual(["launcher-v2"]);
  });

  test("give debugged pods variables that driver and launcher understand", () => {
    const env = apiServerEnv(readObjects(path.join(manifests, "components/debug/api-server.yaml")));
    const { podSpecPatch } = JSON.parse(env.get("COMPILED_PIPELINE_SPEC_PATCH") ?? "") as { podSpecPatch: string };
    const { containers } = JSON.parse(podSpecPatch) as { containers: { name: string; env: EnvVariable[] }[] };
    expect(containers.map(({ name }) => name)).toEqual(["main"]);
    const variables = Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    expect(readInspectSettings(variables)).toEqual({
      ...{ host: "127.0.0.1", port: 9229, timeoutMs: 1_800_000 },
      ...{ tasks: [{ name: "train" }], types: ["CONTAINER", "LAUNCHER"] },
    });
  });

  test("patch Argo's controller by its own names", () => {
    const [, base] = readObjects(path.join(root, "test/fixtures/manifests/base/workflow-controller.yaml")) as ApiServer[];
    const [patch] = readObjects(path.join(manifests, "components/resident-webhook/workflow-controller.yaml")) as ApiServer[];
    expect([patch?.kind, patch?.metadata.name]).toEqual([base?.kind, base?.metadata.name]);
    expect(patch?.spec.template.spec.containers.map(({ name, env }) => [name, env])).toEqual([
      ["workflow-controller", [{ name: "DEFAULT_REQUEUE_TIME", value: "1s" }]],
    ]);
  });

  test("allow in both installations exactly what driver and launcher do", () => {
    const granted = (file: string): string[] =>
      (readObjects(path.join(manifests, "components", file))[0] as Rules).rules
        .flatMap(({ apiGroups, resources, verbs }) =>
          apiGroups.flatMap((group) =>
            resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}${group === "" ? "" : `.${group}`}`)),
          ),
        )
        .toSorted();
    const kubernetes = [
      "create persistentvolumeclaims",
      "delete persistentvolumeclaims",
      "get configmaps",
      "get persistentvolumeclaims",
      "get pods",
      "get secrets",
    ];
    const pipelines = ["create artifacts", "get artifacts", "get runs", "list artifacts", "list runs", "update runs"];
    expect(granted("rbac-single-user/role.yaml")).toEqual(kubernetes);
    expect(granted("rbac-multi-user/cluster-role.yaml")).toEqual(
      [...kubernetes, ...pipelines.map((right) => `${right}.pipelines.kubeflow.org`)].toSorted(),
    );
  });
});

const renderer = [["kustomize", "build"] as const, ["kubectl", "kustomize"] as const].find(
  ([command, action]) => spawnSync(command, [action, "--help"], { stdio: "ignore" }).status === 0,
);
const rendererMissing = skipUnless(renderer !== undefined, "rendering manifests/: neither kustomize nor kubectl is on the PATH");

/** Renders an overlay with our base in the place of the upstream one. */
async function render(overlay: string): Promise<KubeObject[]> {
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  cpSync(manifests, path.join(folder, "manifests"), { recursive: true });
  cpSync(path.join(root, "test/fixtures/manifests/base"), path.join(folder, "base"), { recursive: true });
  for (const name of overlays) {
    const file = path.join(folder, "manifests/overlays", name, "kustomization.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace(upstreamUrl, "../../../base"));
  }
  const [command = "", action = ""] = renderer ?? [];
  const result = spawnSync(command, [action, path.join(folder, "manifests/overlays", overlay)], { encoding: "utf8" });
  expect(result.status, result.stderr).toBe(0);
  expect(result.stderr).toBe("");
  return parseAllDocuments(result.stdout).map((document) => document.toJS() as KubeObject);
}

const models = {
  ...{ ConfigMap, Secret, Deployment, Service, ServiceAccount, PodDisruptionBudget, Job, CronJob, MutatingWebhookConfiguration },
  ...{ Role, RoleBinding, ClusterRole, ClusterRoleBinding, Certificate, Issuer },
} as Record<string, new (object: never) => { validate(): void }>;

describe.skipIf(rendererMissing)("kustomize", () => {
  test.for(overlays)("renders overlays/%s into objects that Kubernetes' schemas accept", async (overlay, { expect }) => {
    for (const object of await render(overlay)) {
      const Model = models[object.kind];
      if (Model === undefined) throw new Error(`no schema for ${object.kind}`);
      expect(() => new Model(object as never).validate(), `${object.kind} ${object.metadata.name}`).not.toThrow();
      expect(object.metadata.namespace).toBe(CLUSTER_WIDE.has(object.kind) ? undefined : "kubeflow");
    }
  });

  test("meets schemas that refuse what is wrong", async () => {
    const [deployment] = (await render("single-user")).filter(({ kind }) => kind === "Deployment");
    const broken = { ...deployment, spec: { ...(deployment as ApiServer).spec, replicas: "two" } };
    expect(() => new Deployment(broken as never).validate()).toThrow(/replicas/);
  });

  test("replaces the images, and keeps every other variable", async () => {
    const env = apiServerEnv(await render("single-user"));
    expect(Object.fromEntries(env)).toEqual({
      PUBLISH_LOGS: "true",
      POD_NAMESPACE: undefined,
      V2_DRIVER_IMAGE: `kfp-runtime/driver:${version}`,
      V2_DRIVER_COMMAND: "driver",
      V2_LAUNCHER_IMAGE: `kfp-runtime/launcher:${version}`,
      V2_LAUNCHER_COMMAND: "launcher-v2",
      COMPILED_PIPELINE_SPEC_PATCH: "{}",
    });
  });

  test("binds the role to the account that runs use", async () => {
    const objects = await render("single-user");
    const binding = objects.find(({ kind, metadata }) => kind === "RoleBinding" && metadata.name === "kfp-runtime");
    expect(binding).toMatchObject({
      roleRef: { kind: "Role", name: "kfp-runtime" },
      subjects: [{ kind: "ServiceAccount", name: "pipeline-runner", namespace: "kubeflow" }],
    });
  });

  test("aggregates the rules of a profile's account", async () => {
    const role = (await render("multi-user")).find(({ kind }) => kind === "ClusterRole");
    expect(role?.metadata.labels).toEqual({ "rbac.authorization.kubeflow.org/aggregate-to-kubeflow-pipelines-edit": "true" });
  });

  test("takes every image of the example from the registry of the air-gapped site", async () => {
    const objects = await render("air-gapped");
    const env = apiServerEnv(objects);
    for (const variable of ["V2_DRIVER_IMAGE", "V2_LAUNCHER_IMAGE"])
      expect(env.get(variable)).toMatch(/^registry\.example\.internal\//);
    expect(JSON.stringify(objects)).not.toContain("ghcr.io");
  });

  test("takes debugging images in overlays/debug", async () => {
    const env = apiServerEnv(await render("debug"));
    expect(env.get("V2_DRIVER_IMAGE")).toBe(`kfp-runtime/driver:${version}-debug`);
    expect(env.get("V2_DRIVER_COMMAND")).toBe("driver");
    expect(env.get("COMPILED_PIPELINE_SPEC_PATCH")).toContain("KFP_INSPECT_TASK");
  });
});
