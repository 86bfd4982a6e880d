/**
 * How to reach the Kubernetes API: the pod's service account, else a kubeconfig file.
 *
 * Source: docs/spec/launcher-command-line.md#start-up-order (step 3).
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorMessage, KubeError } from "../core/errors.ts";

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything one connection needs. Keys and tokens are never logged. */
export interface KubeConnection {
  /** `https://host:port[/path]`, without trailing slash. */
  readonly server: string;
  readonly caPem?: string;
  readonly clientCertPem?: string;
  readonly clientKeyPem?: string;
  readonly skipTlsVerify: boolean;
  /** Name to verify the certificate against, where it is not the host of `server`. */
  readonly tlsServerName?: string;
  /** Read again before every request: projected tokens rotate. */
  readonly tokenFile?: string;
  readonly token?: string;
  /** Basic authentication, `user:password`. */
  readonly basic?: string;
}

const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Where a connection's settings are looked for. */
export interface KubeConfigOptions {
  readonly environment: Environment;
  /** Default: the folder that Kubernetes mounts. */
  readonly serviceAccountFolder?: string;
  /** Asked before every request, in the place of every other credential: requests of somebody else. */
  readonly token?: () => Promise<string>;
}

/** @throws {KubeError} KUBE_UNAVAILABLE when neither a service account nor a usable kubeconfig is there. */
export async function findKubeConnection(options: KubeConfigOptions): Promise<KubeConnection> {
  const { environment } = options;
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "";
  const folder = options.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER;
  const tokenFile = join(folder, "token");
  if (host !== "" && port !== "" && (await readText(tokenFile)) !== undefined) {
    const caPem = await readText(join(folder, "ca.crt"));
    const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
    return { server, tokenFile, skipTlsVerify: false, ...(caPem === undefined ? {} : { caPem }) };
  }
  const path = kubeconfigPath(environment);
  const text = path === undefined ? undefined : await readText(path);
  if (path === undefined || text === undefined) {
    throw unavailable(
      `there is no service account (KUBERNETES_SERVICE_HOST and ${tokenFile})${path === undefined ? "" : ` and no kubeconfig ${path}`}`,
    );
  }
  return await fromKubeconfig(text, path);
}

/** The first of several files in KUBECONFIG; merging them is not supported. */
function kubeconfigPath(environment: Environment): string | undefined {
  const listed = (environment["KUBECONFIG"] ?? "").split(":").find((path) => path !== "");
  if (listed !== undefined) return listed;
  const home = environment["HOME"] ?? "";
  return home === "" ? undefined : join(home, ".kube", "config");
}

async function fromKubeconfig(text: string, path: string): Promise<KubeConnection> {
  const { parse } = await import("yaml");
  let root: unknown;
  try {
    root = parse(text, { logLevel: "error" });
  } catch (error) {
    throw unavailable(`${path} is not YAML: ${errorMessage(error).split("\n")[0]}`);
  }
  const contextName = textOf(root, "current-context");
  if (contextName === undefined) throw unavailable(`${path} has no current-context`);
  const context = namedEntry(root, "contexts", contextName, "context", path);
  const cluster = namedEntry(root, "clusters", textOf(context, "cluster") ?? "", "cluster", path);
  const userName = textOf(context, "user");
  const user = userName === undefined ? {} : namedEntry(root, "users", userName, "user", path);
  for (const plugin of ["exec", "auth-provider"]) {
    if (memberOf(user, plugin) === undefined) continue;
    throw unavailable(
      `user "${userName}" of ${path} logs in with the plug-in "${plugin}", which is not supported. Use a token or a client certificate`,
    );
  }
  const server = textOf(cluster, "server");
  if (server === undefined || !/^https?:\/\//.test(server) || !URL.canParse(server))
    throw unavailable(`the cluster of ${path} has no server URL`);
  const folder = dirname(path);
  const [caPem, clientCertPem, clientKeyPem] = await Promise.all([
    pemOf(cluster, "certificate-authority", folder),
    pemOf(user, "client-certificate", folder),
    pemOf(user, "client-key", folder),
  ]);
  const tokenFile = textOf(user, "tokenFile");
  const password = textOf(user, "password");
  return {
    server: server.replace(/\/+$/, ""),
    skipTlsVerify: memberOf(cluster, "insecure-skip-tls-verify") === true,
    ...optional("caPem", caPem),
    ...optional("clientCertPem", clientCertPem),
    ...optional("clientKeyPem", clientKeyPem),
    ...optional("tlsServerName", textOf(cluster, "tls-server-name")),
    ...optional("tokenFile", tokenFile === undefined ? undefined : resolve(folder, tokenFile)),
    ...optional("token", textOf(user, "token")),
    ...optional("basic", password === undefined ? undefined : `${textOf(user, "username") ?? ""}:${password}`),
  };
}

/** `<name>-data` is base64 text, `<name>` a file beside the kubeconfig. */
async function pemOf(entry: unknown, name: string, folder: string): Promise<string | undefined> {
  const data = textOf(entry, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  const file = textOf(entry, name);
  if (file === undefined) return undefined;
  const pem = await readText(resolve(folder, file));
  if (pem === undefined) throw unavailable(`${resolve(folder, file)}, which the kubeconfig names, does not exist`);
  return pem;
}

function namedEntry(root: unknown, list: string, name: string, member: string, path: string): unknown {
  const entries = memberOf(root, list);
  const entry: unknown = Array.isArray(entries) ? entries.find((each) => textOf(each, "name") === name) : undefined;
  const value = memberOf(entry, member);
  if (value === undefined || value === null) throw unavailable(`${path} has no ${member} "${name}"`);
  return value;
}

/** A member of something that may not be an object. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const text = memberOf(value, name);
  return typeof text === "string" && text !== "" ? text : undefined;
}

function optional<Key extends keyof KubeConnection>(key: Key, value: string | undefined): Partial<Record<Key, string>> {
  // The cast is needed because TypeScript widens a computed key to string.
  return (value === undefined ? {} : { [key]: value }) as Partial<Record<Key, string>>;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw unavailable(`${path} cannot be read: ${errorMessage(error)}`);
  }
}

function unavailable(reason: string): KubeError {
  return new KubeError("KUBE_UNAVAILABLE", `Cannot reach Kubernetes: ${reason}.`);
}
