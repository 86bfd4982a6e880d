/**
 * Requests to the Kubernetes API of a test cluster, whichever it is.
 *
 * Standard: Kubernetes API concepts.
 *
 * @module
 */
import { request } from "node:https";
import { KubeStatusError, type KubeObject, type KubeObjectInput } from "./kube-api/kube-object.ts";
import { resourceOf } from "./kube-api/resources.ts";

/** Where the API is, and as whom. */
export interface KubeAccess {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** Methods throw {@link KubeStatusError} for answers other than success. */
export interface KubeClient {
  create(plural: string, object: KubeObjectInput): Promise<KubeObject>;
  get(plural: string, name: string): Promise<KubeObject>;
  list(plural: string, labelSelector?: string): Promise<readonly KubeObject[]>;
  /** A merge patch (RFC 7386). */
  patch(plural: string, name: string, patch: object): Promise<void>;
  delete(plural: string, name: string): Promise<void>;
  /** What a container has written; undefined while it has not started, or when there is none of that name. */
  readLog(pod: string, container: string): Promise<string | undefined>;
  /** Any request. */
  ask(method: string, path: string, body?: { readonly type: string; readonly object: object }): Promise<string>;
}

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 64 << 20;

/** @param namespace Of all objects that are in one. */
export function kubeClient(access: KubeAccess, namespace: string): KubeClient {
  const ask: KubeClient["ask"] = async (method, path, body) => await exchange(access, { method, path, body });
  const json = async <Answer>(...args: Parameters<typeof ask>): Promise<Answer> => JSON.parse(await ask(...args)) as Answer;
  const place = (plural: string, name = ""): string => {
    const { group, version, isNamespaced } = resourceOf(plural);
    const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    return `${root}${isNamespaced ? `/namespaces/${namespace}` : ""}/${plural}${name === "" ? "" : `/${name}`}`;
  };
  return {
    ask,
    create: async (plural, object) => {
      const { group, version, kind } = resourceOf(plural);
      const apiVersion = group === "" ? version : `${group}/${version}`;
      return await json("POST", place(plural), { type: "application/json", object: { apiVersion, kind, ...object } });
    },
    get: async (plural, name) => await json("GET", place(plural, name)),
    list: async (plural, labelSelector = "") => {
      const { kind, apiVersion, items } = await json<{
        readonly kind: string;
        readonly apiVersion: string;
        readonly items: readonly KubeObject[];
      }>("GET", `${place(plural)}?labelSelector=${encodeURIComponent(labelSelector)}`);
      return items.map((item) => ({ ...item, apiVersion, kind: kind.replace(/List$/, "") }));
    },
    patch: async (plural, name, patch) => {
      await ask("PATCH", place(plural, name), { type: "application/merge-patch+json", object: patch });
    },
    delete: async (plural, name) => {
      await ask("DELETE", place(plural, name));
    },
    readLog: async (pod, container) => {
      try {
        return await ask("GET", `${place("pods", pod)}/log?container=${encodeURIComponent(container)}`);
      } catch (error) {
        if (isNotFound(error) || (error instanceof KubeStatusError && error.code === 400)) return undefined;
        throw error;
      }
    },
  };
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeStatusError && error.code === 404;
}

async function exchange(
  { port, ca, token }: KubeAccess,
  {
    method,
    path,
    body,
  }: { readonly method: string; readonly path: string; readonly body: { type: string; object: object } | undefined },
): Promise<string> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { "content-type": body.type }),
  };
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, ca, method, path, headers, timeout: TIMEOUT_MS };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error(`the answer to ${method} ${path} is too large`));
        chunks.push(chunk);
      });
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve(text);
        else reject(statusError(statusCode, `${method} ${path}`, text));
      });
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} in ${String(TIMEOUT_MS / 1000)} s`)));
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body.object));
  });
}

function statusError(code: number, what: string, text: string): KubeStatusError {
  let status: { readonly reason?: string; readonly message?: string } = {};
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    // Not every refusal is an object.
  }
  return new KubeStatusError(
    code,
    status.reason ?? "Unknown",
    `${what}: ${String(code)} ${status.message ?? text.slice(0, 500)}`,
  );
}
