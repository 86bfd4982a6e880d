/**
 * ports/kube-api over HTTPS, without a client library: a handful of requests (docs/spec/connections.md).
 *
 * Nothing is read and no server is called before the first method call.
 *
 * @module
 */
import { KubeError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi, VolumeClaimApi } from "../ports/kube-api.ts";
import { memberOf } from "./kube-config.ts";
import type { Environment } from "./kube-config.ts";
import { openConnection, type OpenConnection } from "./kube-connection.ts";
import { askKube, objectPath, rejectionError, type KubeAnswer, type KubeQuestion } from "./kube-requests.ts";
import { volumeClaims } from "./volume-claims.ts";

/** Where the cluster is found, and how long it is waited for. */
export interface KubeRestOptions {
  /** Read for KUBERNETES_SERVICE_HOST and _PORT, KUBECONFIG and HOME. */
  readonly environment: Environment;
  readonly serviceAccountFolder?: string;
  /** As KubeConfigOptions has it. */
  readonly token?: () => Promise<string>;
  /** For one exchange, default ten seconds; thirty for those that change something, which pass webhooks. */
  readonly timeoutMs?: number;
}

const READ_TIMEOUT_MS = 10_000;
const WRITE_TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;

/** The API with connections that are to be closed. */
export interface KubeRest extends KubeApi, VolumeClaimApi {
  close(): void;
}

/**
 * The cluster's API over HTTPS. Connects with the first call; a failed look for the cluster is repeated by the next one.
 *
 * Methods throw {@link KubeError}: KUBE_UNAVAILABLE without a cluster or without an answer, KUBE_REJECTED with `details.status`.
 */
export function createKubeRest(deps: { readonly clock: Clock }, options: KubeRestOptions): KubeRest {
  let opening: Promise<OpenConnection> | undefined;
  const ask = async (question: KubeQuestion): Promise<KubeAnswer> => {
    opening ??= openConnection(options);
    const connection = await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    const timeoutMs = options.timeoutMs ?? (question.method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS);
    return await askKube(deps.clock, connection, { attempts: ATTEMPTS, ...question, timeoutMs });
  };
  /** The object, `undefined` for one that is not there. */
  const get = async (namespace: string, collection: string, name: string, kind: string): Promise<unknown> => {
    const what = `${kind} ${namespace}/${name}`;
    const answer = await ask({ method: "GET", path: objectPath(namespace, collection, name), what });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw rejectionError(answer, what);
    if (answer.body !== undefined) return answer.body;
    throw new KubeError("KUBE_REJECTED", `Kubernetes answered something for ${what} that is not JSON`, {
      details: { status: 200 },
    });
  };

  return {
    async getConfigMap(namespace, name) {
      const found = await get(namespace, "configmaps", name, "ConfigMap");
      return found === undefined ? undefined : textMap(found, "data");
    },
    async getSecret(namespace, name) {
      const found = await get(namespace, "secrets", name, "Secret");
      if (found === undefined) return undefined;
      const encoded = Object.entries(textMap(found, "data"));
      return Object.fromEntries(encoded.map(([key, value]) => [key, new Uint8Array(Buffer.from(value, "base64"))]));
    },
    async getPodAnnotations(namespace, name) {
      const found = await get(namespace, "pods", name, "Pod");
      return found === undefined ? undefined : textMap(memberOf(found, "metadata"), "annotations");
    },
    ...volumeClaims(ask),
    close() {
      void opening?.then(
        (connection) => connection.close(),
        () => {},
      );
    },
  };
}

/** A map of texts; an absent one is empty. */
function textMap(value: unknown, name: string): Record<string, string> {
  const map = memberOf(value, name);
  if (typeof map !== "object" || map === null) return {};
  return Object.fromEntries(Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
