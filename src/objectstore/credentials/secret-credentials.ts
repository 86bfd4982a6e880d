/**
 * Credentials of a store from a Secret of the run's namespace.
 *
 * @module
 */
import type { CredentialChoice } from "../../config/store-config.ts";
import { KubeError } from "../../core/errors.ts";
import type { KubeApi } from "../../ports/kube-api.ts";

/** Which values of which Secret. */
export interface SecretKeys {
  readonly secretName: string;
  /** Keys of the Secret's data. */
  readonly keys: readonly string[];
}

/** Where the Secret lies and what it is for. */
export interface SecretPlace extends SecretKeys {
  readonly namespace: string;
  /** Section of the launcher configuration, for the advice. */
  readonly provider: string;
}

/** What a session wants from a Secret; `undefined` when its credentials come from elsewhere. */
export function secretKeysOf(credentials: CredentialChoice): SecretKeys | undefined {
  switch (credentials.kind) {
    case "environment":
      return undefined;
    case "secret":
      return { secretName: credentials.secretName, keys: [credentials.accessKeyKey, credentials.secretKeyKey] };
    case "gcs-secret":
      return { secretName: credentials.secretName, keys: [credentials.tokenKey] };
    case "azure-secret": {
      const { secretName, loginKey, accountNameKey } = credentials;
      return { secretName, keys: [loginKey, ...(accountNameKey === undefined ? [] : [accountNameKey])] };
    }
  }
}

/**
 * @returns the values as texts, in the order of the keys, none of them empty. Never logged.
 * @throws {KubeError} SECRET_KEY_MISSING; KUBE_UNAVAILABLE and KUBE_REJECTED with advice for where there is no cluster, as in a local run.
 */
export async function readSecretValues(
  { kube }: { readonly kube: () => Promise<Pick<KubeApi, "getSecret">> },
  { namespace, provider, secretName, keys }: SecretPlace,
): Promise<readonly string[]> {
  const login = `Cannot log in to the object store with Secret ${namespace}/${secretName}`;
  let data: Awaited<ReturnType<KubeApi["getSecret"]>>;
  try {
    data = await (await kube()).getSecret(namespace, secretName);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const where = `section "${provider}" of the providers in the launcher configuration (of a local run: HOME/launcher-config/providers)`;
    const advice = `Where there is no cluster, name the endpoint in ${where}, with credentials: {fromEnv: true}`;
    const message = `${login} of provider "${provider}": ${error.message.replace(/\.$/, "")}. ${advice}.`;
    throw error.withMessage(message);
  }
  const values = keys.map((key) => Buffer.from(data?.[key] ?? []).toString("utf8"));
  if (values.every((value) => value !== "")) return values;
  const problem = data === undefined ? "it does not exist" : "could not find specified keys, or they are empty";
  const named = `${keys.length === 1 ? "key" : "keys"} ${keys.map((key) => `"${key}"`).join(" and ")}`;
  throw new KubeError("SECRET_KEY_MISSING", `${login}, ${named}: ${problem}.`);
}
