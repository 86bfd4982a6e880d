/**
 * What a test cluster needs of a Kubernetes, whichever it is: the small one of ours, or a whole one.
 *
 * @module
 */
import type { HeldCreation } from "./kube-api/held-creations.ts";
import type { KubeAccess } from "./kube-client.ts";

export interface ControlPlane {
  /** May do everything. Objects that every cluster has (`cluster-objects.ts`) are there. */
  readonly admin: KubeAccess;
  /** As which Argo's controller works. */
  readonly argo: KubeAccess;
  /** Image by that which a compiled workflow names, where that is not the one to run. */
  readonly workflowImages?: Readonly<Record<string, string>>;
  /** Whether it rewrites workflows of runs itself, and drives them (docs/resident-driver.md). */
  readonly isResident?: boolean;
  /** Holds requests for objects of such names; the test lets them go. Absent where it cannot be done. */
  readonly holdCreation?: (plural: string, selects: (name: string) => boolean) => HeldCreation;
  /** With all pods. */
  stop(): Promise<void>;
}
