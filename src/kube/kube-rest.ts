/**
 * ports/kube-api over HTTPS, without a client library: a handful of GETs
 * (docs/spec/portable-launcher.md#libraries-under-esbuild).
 *
 * Nothing is read and nobody is called before the first method call.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { AgentOptions } from "node:https";
import { errorMessage, KubeError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import { findKubeConnection, memberOf } from "./kube-config.ts";
import type { Environment, KubeConnection } from "./kube-config.ts";

export interface KubeRestOptions {
  /** Read for KUBERNETES_SERVICE_HOST and _PORT, KUBECONFIG and HOME. */
  readonly environment: Environment;
  readonly serviceAccountFolder?: string;
  /** For one exchange, default ten seconds. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const ATTEMPTS = 3;
const PAUSE_MS = 500;
/** ConfigMaps and Secrets are at most 1 MiB, base64 and managed fields on top. */
const LARGEST_ANSWER_BYTES = 8 * 1024 * 1024;

export interface KubeRest extends KubeApi {
  close(): void;
}

export function createKubeRest(deps: { readonly clock: Clock }, options: KubeRestOptions): KubeRest {
  let opening: Promise<OpenConnection> | undefined;
  const get = async (path: string, what: string): Promise<unknown> => {
    opening ??= open(options);
    const connection = await opening.catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return await getJson(deps.clock, connection, { path, what, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS });
  };
  const namespaced = (namespace: string, kind: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/${kind}/${encodeURIComponent(name)}`;

  return {
    async getConfigMap(namespace, name) {
      const found = await get(namespaced(namespace, "configmaps", name), `ConfigMap ${namespace}/${name}`);
      return found === undefined ? undefined : textMap(found, "data");
    },
    async getSecret(namespace, name) {
      const found = await get(namespaced(namespace, "secrets", name), `Secret ${namespace}/${name}`);
      if (found === undefined) return undefined;
      const encoded = Object.entries(textMap(found, "data"));
      return Object.fromEntries(encoded.map(([key, value]) => [key, new Uint8Array(Buffer.from(value, "base64"))]));
    },
    async getPodAnnotations(namespace, name) {
      const found = await get(namespaced(namespace, "pods", name), `Pod ${namespace}/${name}`);
      return found === undefined ? undefined : textMap(memberOf(found, "metadata"), "annotations");
    },
    close() {
      void opening?.then(
        (connection) => connection.agent?.destroy(),
        () => {},
      );
    },
  };
}

interface OpenConnection {
  readonly settings: KubeConnection;
  /** Absent for plain HTTP. */
  readonly agent: Agent | undefined;
}

async function open(options: KubeRestOptions): Promise<OpenConnection> {
  const settings = await findKubeConnection(options);
  if (!settings.server.startsWith("https:")) return { settings, agent: undefined };
  const tls: AgentOptions = {
    keepAlive: true,
    rejectUnauthorized: !settings.skipTlsVerify,
    ...(settings.caPem === undefined ? {} : { ca: settings.caPem }),
    ...(settings.clientCertPem === undefined ? {} : { cert: settings.clientCertPem }),
    ...(settings.clientKeyPem === undefined ? {} : { key: settings.clientKeyPem }),
    ...(settings.tlsServerName === undefined ? {} : { servername: settings.tlsServerName }),
  };
  return { settings, agent: new Agent(tls) };
}

interface KubeGet {
  readonly path: string;
  /** For messages, such as `Secret ns/name`. */
  readonly what: string;
  readonly timeoutMs: number;
}

/** @returns the object, `undefined` for 404. */
async function getJson(clock: Clock, connection: OpenConnection, query: KubeGet): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    let answer: { status: number; text: string };
    try {
      answer = await exchange(connection, query, await authorization(connection.settings));
    } catch (error) {
      if (error instanceof KubeError) throw error;
      if (attempt < ATTEMPTS) {
        await clock.sleep(PAUSE_MS * attempt);
        continue;
      }
      throw new KubeError(
        "KUBE_UNAVAILABLE",
        `Cannot read ${query.what} at ${connection.settings.server}: ${errorMessage(error)}`,
        {
          cause: error,
        },
      );
    }
    if (answer.status === 200) return parseJson(answer.text, query);
    if (answer.status === 404) return undefined;
    if ((answer.status === 429 || answer.status >= 500) && attempt < ATTEMPTS) {
      await clock.sleep(PAUSE_MS * attempt);
      continue;
    }
    throw rejected(answer, query);
  }
}

/** The server's own message names the account and the missing right. */
function rejected(answer: { status: number; text: string }, query: KubeGet): KubeError {
  let reason = "";
  try {
    const message = memberOf(JSON.parse(answer.text), "message");
    if (typeof message === "string") reason = `: ${message}`;
  } catch {
    // A proxy's page; the status says enough.
  }
  return new KubeError("KUBE_REJECTED", `Kubernetes answered ${answer.status} for ${query.what}${reason}`, {
    details: { status: answer.status },
  });
}

function parseJson(text: string, query: KubeGet): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KubeError("KUBE_REJECTED", `Kubernetes answered something for ${query.what} that is no JSON`, {
      details: { status: 200 },
      cause: error,
    });
  }
}

async function authorization(settings: KubeConnection): Promise<Record<string, string>> {
  if (settings.tokenFile !== undefined) {
    try {
      return { authorization: `Bearer ${(await readFile(settings.tokenFile, "utf8")).trim()}` };
    } catch (error) {
      throw new KubeError("KUBE_UNAVAILABLE", `Cannot read the token ${settings.tokenFile}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
  if (settings.token !== undefined) return { authorization: `Bearer ${settings.token}` };
  if (settings.basic !== undefined) return { authorization: `Basic ${Buffer.from(settings.basic).toString("base64")}` };
  return {};
}

async function exchange(
  { settings, agent }: OpenConnection,
  query: KubeGet,
  credentials: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const headers = { accept: "application/json", "user-agent": "kfp-runtime", ...credentials };
  return await new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    };
    const url = settings.server + query.path;
    const request =
      agent === undefined ? httpRequest(url, { headers }, onResponse) : httpsRequest(url, { headers, agent }, onResponse);
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${query.timeoutMs / 1000} s`)), query.timeoutMs);
    request.once("error", reject);
    request.once("close", () => clearTimeout(timer));
    request.end();
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A map of texts; an absent one is empty. */
function textMap(value: unknown, name: string): Record<string, string> {
  const map = memberOf(value, name);
  if (typeof map !== "object" || map === null) return {};
  return Object.fromEntries(Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
