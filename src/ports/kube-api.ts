/**
 * The few Kubernetes objects driver and launcher look at. Created on first use: most steps never need it.
 *
 * Methods answer `undefined` for "not found" and throw KubeError otherwise (`details.status` is the HTTP status).
 *
 * @module
 */
export interface KubeApi {
  /** `data` of a ConfigMap. */
  getConfigMap(namespace: string, name: string): Promise<Record<string, string> | undefined>;
  /** `data` of a Secret, base64 already decoded. */
  getSecret(namespace: string, name: string): Promise<Record<string, Uint8Array> | undefined>;
  getPodAnnotations(namespace: string, name: string): Promise<Record<string, string> | undefined>;
}
