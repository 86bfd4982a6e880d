/**
 * Credentials of a store from a Secret of the run's namespace.
 *
 * @module
 */
import { KubeError } from "../../core/errors.ts";
import type { KubeApi } from "../../ports/kube-api.ts";
import type { StoreCredentials } from "../client-settings.ts";

export interface SecretKeys {
  readonly secretName: string;
  readonly accessKeyKey: string;
  readonly secretKeyKey: string;
}

export interface SecretPlace extends SecretKeys {
  readonly namespace: string;
  /** Section of the launcher configuration, for the advice. */
  readonly provider: string;
}

/**
 * @throws {KubeError} SECRET_KEY_MISSING; KUBE_UNAVAILABLE and KUBE_REJECTED with advice for where there is no cluster, as in a local run.
 */
export async function readSecretKeys(
  { kube }: { readonly kube: () => Promise<Pick<KubeApi, "getSecret">> },
  { namespace, provider, ...secret }: SecretPlace,
): Promise<StoreCredentials> {
  const login = `Cannot log in to the object store with Secret ${namespace}/${secret.secretName}`;
  let data: Awaited<ReturnType<KubeApi["getSecret"]>>;
  try {
    data = await (await kube()).getSecret(namespace, secret.secretName);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const where = `section "${provider}" of the providers in the launcher configuration (of a local run: HOME/launcher-config/providers)`;
    const advice = `Where there is no cluster, name the endpoint in ${where}, with credentials: {fromEnv: true}`;
    const message = `${login} of provider "${provider}": ${error.message.replace(/\.$/, "")}. ${advice}.`;
    throw error.withMessage(message);
  }
  const text = (key: string): string => Buffer.from(data?.[key] ?? []).toString("utf8");
  const accessKeyId = text(secret.accessKeyKey);
  const secretAccessKey = text(secret.secretKeyKey);
  if (accessKeyId !== "" && secretAccessKey !== "") return { accessKeyId, secretAccessKey };
  const problem = data === undefined ? "it does not exist" : "could not find specified keys, or they are empty";
  const keys = `keys "${secret.accessKeyKey}" and "${secret.secretKeyKey}"`;
  throw new KubeError("SECRET_KEY_MISSING", `${login}, ${keys}: ${problem}.`);
}
