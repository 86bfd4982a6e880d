/**
 * ports/kube-objects over HTTPS: reads, writes and tokens. watch-objects.ts follows objects.
 *
 * @module
 */
import { KubeError } from "../core/errors.ts";
import { isJsonObject } from "../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../core/values/value.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeObjects, KubeResource, ObjectName } from "../ports/kube-objects.ts";
import { openConnection, type OpenConnection } from "./kube-connection.ts";
import { askKube, isSuccess, rejectionError, resourcePath, type KubeAnswer, type KubeQuestion } from "./kube-requests.ts";
import type { KubeRestOptions } from "./kube-rest.ts";
import { watchObjects } from "./watch-objects.ts";

const SERVICE_ACCOUNTS = { group: "", version: "v1", plural: "serviceaccounts" };
const READ_TIMEOUT_MS = 10_000;
const WRITE_TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;

/** What the adapter takes of its process. */
export interface KubeObjectsDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1), so that several processes do not come at the same moments. */
  readonly random: () => number;
}

/** The calls with connections that are to be closed. */
export interface KubeObjectsRest extends KubeObjects {
  close(): void;
}

/** Connects with the first call; a failed look for the cluster is repeated by the next one. */
export function createKubeObjects(deps: KubeObjectsDeps, options: KubeRestOptions): KubeObjectsRest {
  let opening: Promise<OpenConnection> | undefined;
  const connection = async (): Promise<OpenConnection> => {
    opening ??= openConnection(options);
    return await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
  };
  const ask = async (question: KubeQuestion): Promise<KubeAnswer> => {
    const timeoutMs = options.timeoutMs ?? (question.method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS);
    return await askKube(deps.clock, await connection(), { attempts: ATTEMPTS, ...question, timeoutMs });
  };

  return {
    async getObject(resource, place) {
      const what = nameOf(resource, place);
      const answer = await ask({ method: "GET", path: pathOf(resource, place), what });
      return answer.status === 404 ? undefined : objectOf(answer, what);
    },
    async createObject(resource, place, object) {
      const what = nameOf(resource, place);
      const path = resourcePath(resource, place.namespace);
      const answer = await ask({ method: "POST", path, body: JSON.stringify(object), what, attempts: 1 });
      return answer.status === 409 ? undefined : objectOf(answer, what);
    },
    async replaceObject(resource, place, object) {
      const what = nameOf(resource, place);
      // Sent again, it would meet its own success.
      const answer = await ask({ method: "PUT", path: pathOf(resource, place), body: JSON.stringify(object), what, attempts: 1 });
      return answer.status === 409 || answer.status === 404 ? undefined : objectOf(answer, what);
    },
    async patchStatus(resource, place, patch) {
      const what = nameOf(resource, place);
      const path = `${pathOf(resource, place)}/status`;
      const answer = await ask({ method: "PATCH", path, body: JSON.stringify(patch), what });
      return answer.status === 404 ? undefined : objectOf(answer, what);
    },
    async createToken({ serviceAccount, audiences, expirationSeconds }) {
      const what = `a token for ServiceAccount ${serviceAccount.namespace}/${serviceAccount.name}`;
      const spec = { expirationSeconds, ...(audiences.length === 0 ? {} : { audiences: [...audiences] }) };
      const body = JSON.stringify({ kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", spec });
      const path = `${resourcePath(SERVICE_ACCOUNTS, serviceAccount.namespace, serviceAccount.name)}/token`;
      const answer = await ask({ method: "POST", path, body, what });
      const { status = null } = objectOf(answer, what);
      const token = memberText(status, "token");
      const expiresAt = new Date(memberText(status, "expirationTimestamp") ?? "");
      if (token === undefined || Number.isNaN(expiresAt.getTime())) throw unreadable(what, answer.status);
      return { token, expiresAt };
    },
    watchObjects: async (watched, observer, signal) => await watchObjects({ ...deps, connection }, watched, observer, signal),
    close() {
      void opening?.then(
        (open) => open.close(),
        () => {},
      );
    },
  };
}

function pathOf(resource: KubeResource, { namespace, name }: ObjectName): string {
  return resourcePath(resource, namespace, name);
}

function nameOf({ kind }: KubeResource, { namespace, name }: ObjectName): string {
  return `${kind} ${namespace}/${name}`;
}

/** @throws {KubeError} KUBE_REJECTED for a refusal, and for something that is not an object. */
function objectOf(answer: KubeAnswer, what: string): JsonObject {
  if (!isSuccess(answer)) throw rejectionError(answer, what);
  const body = answer.body as JsonValue | undefined;
  if (isJsonObject(body)) return body;
  throw unreadable(what, answer.status);
}

function unreadable(what: string, status: number): KubeError {
  return new KubeError("KUBE_REJECTED", `Kubernetes answered something for ${what} that is not what was asked for`, {
    details: { status },
  });
}

function memberText(json: JsonValue, name: string): string | undefined {
  const text = isJsonObject(json) ? json[name] : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}
