/**
 * Objects of any kind, created or changed, as `kubectl apply --server-side` does it.
 *
 * Standard: Kubernetes API concepts, "Server-Side Apply" and "Discovery".
 *
 * @module
 */
import type { KubeClient } from "../kube-client.ts";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const APPLY = "fieldManager=kfp-runtime-test&force=true";

/** In this order. @throws When the API refuses one, or does not know its kind. */
export async function applyObjects(kube: KubeClient, objects: readonly Manifest[]): Promise<void> {
  const known = new Map<string, readonly ApiResource[]>();
  for (const object of objects) {
    const root = object.apiVersion.includes("/") ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
    const resources = known.get(root) ?? (await resourcesOf(kube, root));
    known.set(root, resources);
    const found = resources.find(({ kind, name }) => kind === object.kind && !name.includes("/"));
    if (found === undefined) throw new Error(`the Kubernetes API has no ${object.kind} in ${object.apiVersion}`);
    const { name, namespace = "default" } = object.metadata;
    const place = `${root}${found.namespaced ? `/namespaces/${namespace}` : ""}/${found.name}/${name}`;
    await kube.ask("PATCH", `${place}?${APPLY}`, { type: "application/apply-patch+yaml", object });
  }
}

async function resourcesOf(kube: KubeClient, root: string): Promise<readonly ApiResource[]> {
  const { resources } = JSON.parse(await kube.ask("GET", root)) as { readonly resources: readonly ApiResource[] };
  return resources;
}
