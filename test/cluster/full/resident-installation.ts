/**
 * The resident driver (docs/resident-driver.md) as `manifests/components` install it: webhook, certificate, agent, gate and rights.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { RESIDENT_LABEL } from "../../../src/resident/rewrite/marks.ts";
import { NAMESPACE } from "../cluster-objects.ts";
import type { KubeClient } from "../kube-client.ts";
import { root } from "../../support/probe.ts";
import { applyObjects, type Manifest } from "./apply-objects.ts";
import { untilItWorks } from "./container-node.ts";

/** As `manifests/overlays/resident-self-signed`, without the installation of Kubeflow Pipelines below it. */
const COMPONENTS = [
  ...["resident-driver", "resident-webhook", "resident-rbac-single-user", "resident-agent-gate", "resident-self-signed"],
  "images",
];
/** Argo's controller is a process here; a component changes its Deployment. */
const CONTROLLER: Manifest = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "workflow-controller" },
  spec: {
    selector: { matchLabels: { app: "workflow-controller" } },
    template: {
      metadata: { labels: { app: "workflow-controller" } },
      spec: { containers: [{ name: "workflow-controller", image: "none" }] },
    },
  },
};
const READY_TIMEOUT_MS = 300_000;
const RENDER_TIMEOUT_MS = 60_000;

/** @param folder Takes a kustomization. @throws When kubectl does not render it. */
export function residentManifests(folder: string): Manifest[] {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "workflow-controller.yaml"), JSON.stringify(CONTROLLER));
  const kustomization = {
    ...{ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", namespace: NAMESPACE },
    resources: ["workflow-controller.yaml"],
    components: COMPONENTS.map((name) => path.relative(folder, path.join(root, "manifests/components", name))),
  };
  writeFileSync(path.join(folder, "kustomization.yaml"), JSON.stringify(kustomization));
  const text = execFileSync("kubectl", ["kustomize", folder], { encoding: "utf8", timeout: RENDER_TIMEOUT_MS });
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest)
    .filter(({ kind, metadata }) => !(kind === CONTROLLER.kind && metadata.name === CONTROLLER.metadata.name));
}

/**
 * Ends when workflows are rewritten.
 *
 * @param workflow Of a run, which Kubernetes is asked about and does not create: the webhook leaves everything alone until it has seen that an
 *   agent is ready.
 */
export async function installResidentDriver(
  kube: KubeClient,
  { manifests, workflow }: { readonly manifests: readonly Manifest[]; readonly workflow: object },
): Promise<void> {
  await applyObjects(kube, manifests);
  const named = (kind: string): string[] => manifests.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
  await untilItWorks(
    "webhook and agent are ready",
    async () => {
      for (const name of named("Deployment")) await expectReady(kube, name);
      for (const name of named("MutatingWebhookConfiguration")) await expectTrusted(kube, name);
    },
    READY_TIMEOUT_MS,
  );
  await untilItWorks("workflows are rewritten", async () => await expectRewritten(kube, workflow), READY_TIMEOUT_MS);
}

async function expectRewritten(kube: KubeClient, workflow: object): Promise<void> {
  const place = `/apis/argoproj.io/v1alpha1/namespaces/${NAMESPACE}/workflows?dryRun=All`;
  const answer = await kube.ask("POST", place, { type: "application/json", object: workflow });
  const { metadata } = JSON.parse(answer) as { readonly metadata: { readonly labels?: Readonly<Record<string, string>> } };
  if (metadata.labels?.[RESIDENT_LABEL] !== "true") throw new Error("the webhook leaves a workflow alone, or is not asked");
}

async function expectReady(kube: KubeClient, name: string): Promise<void> {
  const { spec, status = {} } = JSON.parse(
    await kube.ask("GET", `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`),
  ) as { readonly spec: { readonly replicas: number }; readonly status?: { readonly readyReplicas?: number } };
  const { readyReplicas = 0 } = status;
  if (readyReplicas < spec.replicas)
    throw new Error(`${String(readyReplicas)} of ${String(spec.replicas)} replicas of ${name} are ready`);
}

async function expectTrusted(kube: KubeClient, name: string): Promise<void> {
  const { webhooks } = JSON.parse(
    await kube.ask("GET", `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`),
  ) as { readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[] };
  if (webhooks.some(({ clientConfig }) => (clientConfig.caBundle ?? "") === ""))
    throw new Error(`nobody has the configuration ${name} trust a certificate yet`);
}
