/**
 * What is installed on the whole Kubernetes before the first run: Argo's resources, services, a class for volumes, and rights.
 *
 * Rights of driver and launcher are those of `manifests/components/rbac-single-user`, and no others. Those of Argo's controller and executor
 * are what Argo's installation for one namespace gives them, as far as workflows of pipelines need it.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { NAMESPACE } from "../cluster-objects.ts";
import { RESOURCES, type Resource } from "../kube-api/resources.ts";
import { NODE_ADDRESS } from "./addresses.ts";
import type { Manifest } from "./apply-objects.ts";
import { STORAGE_CLASS } from "./claim-volumes.ts";

/** Which drivers, launchers and Argo's executor have. */
const RUNNER = "pipeline-runner";
/** Which `manifests/components/resident-rbac-single-user` names. */
export const CONTROLLER = "argo";

const RIGHTS = new URL("../../../manifests/components/rbac-single-user/", import.meta.url);

/** Argo's resources; objects of them can be made a moment later. */
export function argoDefinitions(): Manifest[] {
  return RESOURCES.filter(({ group }) => group === "argoproj.io").map(definitionOf);
}

/** @param ports At which the servers listen on the address of the node. */
export async function installedObjects(ports: { readonly apiServer: number; readonly objectStore: number }): Promise<Manifest[]> {
  const rights: Manifest[] = [];
  for (const file of ["role.yaml", "role-binding.yaml"])
    for (const document of parseAllDocuments(await readFile(new URL(file, RIGHTS), "utf8")))
      rights.push(inNamespace(document.toJS() as Manifest));
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: CONTROLLER, namespace: NAMESPACE } },
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: STORAGE_CLASS, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
      provisioner: "kfp-runtime.test/folders",
      reclaimPolicy: "Retain",
    },
    // Argo's executor tells what a step gave.
    ...roleFor(RUNNER, [{ apiGroups: ["argoproj.io"], resources: ["workflowtaskresults"], verbs: ["create", "patch"] }]),
    ...roleFor(CONTROLLER, CONTROLLER_RULES),
    ...rights,
    // kube-proxy's rights; Kubernetes leaves binding them to whoever installs it.
    {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: { name: "kube-proxy" } },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node-proxier" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:kube-proxy" }],
    },
    ...serviceAt("ml-pipeline", ports.apiServer),
    ...serviceAt("minio-service", ports.objectStore),
  ];
}

/** Of what lies in the namespace of everything else. */
export function inNamespace(object: Manifest): Manifest {
  return { ...object, metadata: { ...object.metadata, namespace: NAMESPACE } };
}

const ALL = ["create", "get", "list", "watch", "update", "patch", "delete"];
const CONTROLLER_RULES = [
  { apiGroups: [""], resources: ["pods", "persistentvolumeclaims"], verbs: ALL },
  { apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "list"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["create", "get", "delete"] },
  {
    apiGroups: ["argoproj.io"],
    resources: [
      ...["workflows", "workflows/finalizers", "workflowtasksets", "workflowtasksets/finalizers"],
      ...["workflowtemplates", "workflowtemplates/finalizers", "cronworkflows", "cronworkflows/finalizers"],
      ...["workflowartifactgctasks"],
    ],
    verbs: ALL,
  },
  { apiGroups: ["argoproj.io"], resources: ["workflowtaskresults"], verbs: ["list", "watch", "deletecollection"] },
];

function roleFor(account: string, rules: readonly object[]): Manifest[] {
  const metadata = { name: `${account}-role`, namespace: NAMESPACE };
  return [
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata, rules },
    {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: NAMESPACE }],
    },
  ];
}

/** A service whose server runs beside the cluster, at the same port. */
function serviceAt(name: string, port: number): Manifest[] {
  return [
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: NAMESPACE } },
      spec: { ports: [{ name: "main", port, protocol: "TCP" }] },
    },
    {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
      metadata: { name: `${name}-node`, namespace: NAMESPACE, labels: { "kubernetes.io/service-name": name } },
      ports: [{ name: "main", port, protocol: "TCP" }],
      endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true } }],
    },
  ];
}

/** As Argo's minimal definitions are: any content. */
function definitionOf({ group, version, plural, kind, isNamespaced, hasStatus }: Resource): Manifest {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      scope: isNamespaced ? "Namespaced" : "Cluster",
      versions: [
        {
          ...{ name: version, served: true, storage: true },
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          ...(hasStatus ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}
