/**
 * The few Kubernetes objects driver and launcher look at. Created on first use: most steps never need it.
 *
 * KubeApi: methods answer `undefined` for "not found" and throw KubeError otherwise (`details.status` is the HTTP status).
 *
 * @module
 */
/** Reads of the cluster; see above for what they throw. */
export interface KubeApi {
  /** `data` of a ConfigMap. */
  getConfigMap(namespace: string, name: string): Promise<Record<string, string> | undefined>;
  /** `data` of a Secret, base64 already decoded. */
  getSecret(namespace: string, name: string): Promise<Record<string, Uint8Array> | undefined>;
  getPodAnnotations(namespace: string, name: string): Promise<Record<string, string> | undefined>;
}

/** What a claim asks for, as its manifest says it. */
export interface VolumeClaimSpec {
  readonly accessModes: readonly string[];
  readonly resources: { readonly requests: { readonly storage: string } };
  /** The empty text is not the same as an absent member: it asks for a volume without class. */
  readonly storageClassName: string;
  readonly volumeName?: string;
  readonly dataSource?: { readonly apiGroup: string | null; readonly kind: string; readonly name: string };
}

/** A PersistentVolumeClaim to be made. */
export interface VolumeClaim {
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: VolumeClaimSpec;
}

/**
 * Volume claims, which the driver creates and deletes itself. Every method may be called again after an answer that got lost.
 *
 * Methods throw SpecError SPEC_INVALID for a name that the API would read as something else (core/spec/object-name.ts), and KubeError
 * as above.
 */
export interface VolumeClaimApi {
  /** `being-deleted`: one of that name is there, and on its way out. */
  createVolumeClaim(namespace: string, claim: VolumeClaim): Promise<"created" | "exists" | "being-deleted">;
  /** `being-deleted` as long as something still uses it. */
  findVolumeClaim(namespace: string, name: string): Promise<"present" | "being-deleted" | "absent">;
  /** Does not wait for the end of the claim. */
  deleteVolumeClaim(namespace: string, name: string): Promise<"deleted" | "absent">;
}
