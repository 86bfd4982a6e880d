/**
 * The resources that the API of a test cluster serves: what Argo's controller and executor, our driver and launcher, and the kubelet use.
 *
 * @module
 */

export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Whether `status` is written by a call of its own, and by no other. */
  readonly hasStatus: boolean;
  /** Phase of a new object: Argo takes a pod without one for an error. */
  readonly firstPhase?: string;
}

const core = (plural: string, kind: string, { hasStatus = false, isNamespaced = true } = {}): Resource => ({
  ...{ group: "", version: "v1", plural, kind, isNamespaced, hasStatus },
});

/** As Argo's minimal CRDs declare them: a Workflow has no status of its own call. */
const argo = (plural: string, kind: string, { hasStatus = false, isNamespaced = true } = {}): Resource => ({
  ...{ group: "argoproj.io", version: "v1alpha1", plural, kind, isNamespaced, hasStatus },
});

/** Kept and told, not obeyed. */
const ADMISSION = { group: "admissionregistration.k8s.io", isNamespaced: false };

export const RESOURCES: readonly Resource[] = [
  { ...core("pods", "Pod", { hasStatus: true }), firstPhase: "Pending" },
  core("configmaps", "ConfigMap"),
  core("secrets", "Secret"),
  core("serviceaccounts", "ServiceAccount"),
  { ...core("persistentvolumeclaims", "PersistentVolumeClaim", { hasStatus: true }), firstPhase: "Pending" },
  core("events", "Event"),
  core("namespaces", "Namespace", { isNamespaced: false }),
  { ...core("leases", "Lease"), group: "coordination.k8s.io" },
  { ...core("mutatingwebhookconfigurations", "MutatingWebhookConfiguration"), ...ADMISSION },
  argo("workflows", "Workflow"),
  argo("workflowtemplates", "WorkflowTemplate"),
  argo("clusterworkflowtemplates", "ClusterWorkflowTemplate", { isNamespaced: false }),
  argo("cronworkflows", "CronWorkflow"),
  argo("workflowtasksets", "WorkflowTaskSet", { hasStatus: true }),
  argo("workflowtaskresults", "WorkflowTaskResult"),
  argo("workflowartifactgctasks", "WorkflowArtifactGCTask", { hasStatus: true }),
];

export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return RESOURCES.find((one) => one.group === group && one.version === version && one.plural === plural);
}

/** @throws When no resource is called so. */
export function resourceOf(plural: string): Resource {
  const resource = RESOURCES.find((one) => one.plural === plural);
  if (resource === undefined) throw new Error(`the test cluster has no resource ${plural}`);
  return resource;
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}
