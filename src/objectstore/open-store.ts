/**
 * The object store of a run: routes each URI to its provider, opens clients on first use, keeps one per provider, bucket and
 * session (docs/spec/object-stores.md#lau-33).
 *
 * Source: docs/spec/object-stores.md, #later-upstream, #decision-local-files.
 *
 * @module
 */
import { isLocalUri } from "../core/executor/artifact-uri.ts";
import { StorageError } from "../core/errors.ts";
import { assertUriAllowed, resolveBucket, sessionFor } from "../config/store-config.ts";
import type { ResolvedBucket, StoreConfig, StoreSession } from "../config/store-config.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { DownloadResult, ObjectStore } from "../ports/object-store.ts";
import type { BlobClient } from "./blob-client.ts";
import type { ClientSettings, CredentialSource, StoreCredentials } from "./client-settings.ts";
import { findEnvironmentLogin } from "./credentials/environment-credentials.ts";
import type { EnvironmentLogin } from "./credentials/environment-credentials.ts";
import { keyExists } from "./transfer/exists.ts";
import { createHttpAgents } from "./http-agents.ts";
import type { Environment, HttpAgents } from "./http-agents.ts";
import { keepLocalDownload, keepLocalUpload, localArtifactExists } from "./local-files.ts";
import { createRetrier } from "./retry.ts";
import { readSecretKeys } from "./credentials/secret-credentials.ts";
import type { SecretKeys } from "./credentials/secret-credentials.ts";
import type { Retrier } from "./retry.ts";
import { BufferPool, ByteBudget } from "./transfer/run-bounded.ts";
import type { S3Settings } from "./s3/s3-client.ts";
import { toStorageError } from "./store-errors.ts";
import type { StoreAction } from "./store-errors.ts";
import { downloadPath, uploadPath } from "./transfer/transfer.ts";
import { PART_BYTES } from "./transfer/upload.ts";
import type { TransferContext } from "./transfer/upload.ts";

export interface ObjectStoreDeps {
  readonly clock: Clock;
  /** Secrets with credentials; only asked when a session names one. */
  readonly kube: () => Promise<Pick<KubeApi, "getSecret">>;
  /** In [0, 1), for the jitter of retries. */
  readonly random?: () => number;
}

export interface ObjectStoreOptions {
  readonly config: StoreConfig;
  /** Namespace of the run, where the Secrets lie. */
  readonly namespace: string;
  /** Of the process; read for credentials, endpoints, proxies and certificates, never changed. */
  readonly environment: Environment;
  /** PEM text trusted in addition by every connection. */
  readonly extraCaPem?: string;
  /** Whether the run's pipeline root is an absolute path, which makes absolute paths legal URIs. Default false. */
  readonly localRootAllowed?: boolean;
  /** Time without a byte after which a request is given up. Default two minutes (joining many parts takes a store long). */
  readonly idleTimeoutMs?: number;
  /** Default ten seconds. */
  readonly connectTimeoutMs?: number;
}

/** Bytes of uploads held in memory at once, by all transfers together. */
const BUDGET_BYTES = 4 * PART_BYTES;
const MAX_SOCKETS = 40;
const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_REGION = "us-east-1";

interface OpenClient {
  readonly client: BlobClient;
  readonly retrier: Retrier;
  readonly endpoint: string;
  readonly region: string;
  readonly tags: { areDigests: boolean };
}

/** Opens nothing yet: the first transfer connects. */
export function openObjectStore(deps: ObjectStoreDeps, options: ObjectStoreOptions): ObjectStore {
  return new RoutedStore(deps, options);
}

class RoutedStore implements ObjectStore {
  readonly #deps: ObjectStoreDeps;
  readonly #options: ObjectStoreOptions;
  readonly #clients = new Map<string, Promise<OpenClient>>();
  readonly #budget = new ByteBudget(BUDGET_BYTES);
  readonly #buffers = new BufferPool(PART_BYTES, BUDGET_BYTES / PART_BYTES);
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #keys = new Map<string, Promise<StoreCredentials>>();
  #agents: Promise<HttpAgents> | undefined;

  constructor(deps: ObjectStoreDeps, options: ObjectStoreOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  assertAllowed(uri: string): void {
    assertUriAllowed(uri, this.#options.config, { localRootAllowed: this.#options.localRootAllowed ?? false });
    if (isLocalUri(uri)) return;
    const bucket = resolveBucket(uri, this.#options.config);
    assertSupported(bucket);
    this.#sessionOf(bucket);
  }

  async prepare(uri: string): Promise<void> {
    this.assertAllowed(uri);
    if (isLocalUri(uri)) return;
    const { credentials, provider } = this.#sessionOf(resolveBucket(uri, this.#options.config));
    if (credentials.kind === "secret") await this.#readKeys(credentials, provider);
  }

  async upload(localPath: string, uri: string): Promise<void> {
    this.assertAllowed(uri);
    if (isLocalUri(uri)) return await keepLocalUpload(localPath, uri);
    await this.#transfer("upload to", uri, (context, key) => uploadPath(context, localPath, key));
  }

  async download(uri: string, localPath: string): Promise<DownloadResult> {
    this.assertAllowed(uri);
    if (isLocalUri(uri)) return { objects: await keepLocalDownload(uri, localPath) };
    return { objects: await this.#transfer("download", uri, (context, key) => downloadPath(context, key, localPath, uri)) };
  }

  async exists(uri: string): Promise<boolean> {
    this.assertAllowed(uri);
    if (isLocalUri(uri)) return await localArtifactExists(uri);
    return await this.#transfer("list", uri, (context, key) => keyExists(context, key));
  }

  async refresh(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    this.#keys.clear();
    for (const opened of await Promise.allSettled(clients)) if (opened.status === "fulfilled") opened.value.client.close();
  }

  async close(): Promise<void> {
    this.#closing.abort(new StorageError("TRANSFER_FAILED", "The object store was closed before the transfer ended."));
    const agents = await this.#agents;
    agents?.destroy();
    await Promise.allSettled(this.#running);
    await this.refresh();
    agents?.destroy();
  }

  async #transfer<T>(
    action: StoreAction["action"],
    uri: string,
    work: (context: TransferContext, key: string) => Promise<T>,
  ): Promise<T> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const bucket = resolveBucket(uri, this.#options.config);
    const session = this.#sessionOf(bucket);
    const opened = await this.#open(bucket, session);
    const where = {
      action,
      uri: `${bucket.scheme}://${bucket.bucket}/${bucket.key}`,
      provider: session.provider,
      bucket: bucket.bucket,
      key: bucket.key,
      endpoint: opened.endpoint,
      region: opened.region,
    };
    const { client, retrier, tags } = opened;
    const running = work({ client, retrier, tags, signal, budget: this.#budget, buffers: this.#buffers }, bucket.key);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw toStorageError(error, { ...where, nowMs: this.#deps.clock.now().getTime() });
    } finally {
      this.#running.delete(running);
      // Between transfers the user's program may need the memory: container limits are shared.
      if (this.#running.size === 0) this.#buffers.release();
    }
  }

  #sessionOf(bucket: ResolvedBucket): StoreSession {
    return sessionFor(bucket.lookup, this.#options.config, {
      objectStoreHost: this.#options.environment["OBJECT_STORE_HOST"],
      objectStorePort: this.#options.environment["OBJECT_STORE_PORT"],
    });
  }

  #open(bucket: ResolvedBucket, session: StoreSession): Promise<OpenClient> {
    const id = JSON.stringify([bucket.bucket, session]);
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    const opening = this.#create(bucket, session);
    this.#clients.set(id, opening);
    // A failed login must be tried again by the next transfer.
    opening.catch(() => this.#clients.get(id) === opening && this.#clients.delete(id));
    return opening;
  }

  async #create(bucket: ResolvedBucket, session: StoreSession): Promise<OpenClient> {
    const { environment } = this.#options;
    this.#agents ??= createHttpAgents({
      environment,
      maxSockets: MAX_SOCKETS,
      ...(this.#options.extraCaPem === undefined ? {} : { extraCaPem: this.#options.extraCaPem }),
    });
    const agents = await this.#agents;
    const retrier = createRetrier(this.#deps.clock, {
      attempts: session.maxAttempts ?? 0,
      signal: this.#closing.signal,
      random: this.#deps.random ?? Math.random,
    });
    const login = await this.#login(session, { agents, retrier });
    const endpoint = session.endpoint ?? environmentEndpoint(session, environment);
    const settings: ClientSettings = {
      bucket: bucket.bucket,
      region: session.region ?? login.region ?? DEFAULT_REGION,
      isPathStyle: session.forcePathStyle || session.query.hostnameImmutable === true,
      agents,
      idleTimeoutMs: this.#options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      connectTimeoutMs: this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    };
    return {
      client: await createClient(session, settings, { endpoint, credentials: login.credentials }),
      retrier,
      endpoint: endpoint ?? `AWS S3 (${settings.region})`,
      region: settings.region,
      // Directory buckets answer tags that look like MD5 digests and are none.
      tags: { areDigests: !bucket.bucket.endsWith("--x-s3") && environment["KFP_VERIFY_ETAG"] !== "off" },
    };
  }

  async #login(session: StoreSession, tools: { agents: HttpAgents; retrier: Retrier }): Promise<EnvironmentLogin> {
    const { credentials } = session;
    if (credentials.kind === "environment") {
      return await findEnvironmentLogin(
        { clock: this.#deps.clock, ...tools },
        {
          environment: this.#options.environment,
          ...(session.query.profile === undefined ? {} : { profile: session.query.profile }),
          ...(session.region === undefined ? {} : { region: session.region }),
        },
      );
    }
    if (credentials.kind === "gcs-secret") throw unsupportedProvider("gs");
    const keys = await this.#readKeys(credentials, session.provider);
    const region = this.#options.environment["AWS_REGION"] ?? "";
    return { credentials: () => Promise.resolve(keys), ...(region === "" ? {} : { region }) };
  }

  /** Once per Secret, until refresh(). */
  #readKeys(secret: SecretKeys, provider: string): Promise<StoreCredentials> {
    const id = JSON.stringify(secret);
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const reading = readSecretKeys(this.#deps, { ...secret, provider, namespace: this.#options.namespace });
    this.#keys.set(id, reading);
    reading.catch(() => this.#keys.get(id) === reading && this.#keys.delete(id));
    return reading;
  }
}

function assertSupported(bucket: ResolvedBucket): void {
  if (bucket.scheme !== "minio" && bucket.scheme !== "s3") throw unsupportedProvider(bucket.scheme);
}

function unsupportedProvider(scheme: string): StorageError {
  return new StorageError(
    "STORE_CONFIG_INVALID",
    `Object store ${scheme}:// is not supported yet. Use an s3:// or minio:// pipeline root.`,
  );
}

/** Only who takes the credentials from the environment takes the endpoint from it. */
function environmentEndpoint(session: StoreSession, environment: Environment): string | undefined {
  if (session.credentials.kind !== "environment" || environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"]?.toLowerCase() === "true")
    return undefined;
  const named = [environment["AWS_ENDPOINT_URL_S3"], environment["AWS_ENDPOINT_URL"]].find(
    (url) => url !== undefined && url !== "",
  );
  return named;
}

interface ClientLogin {
  readonly endpoint: string | undefined;
  readonly credentials: CredentialSource;
}

/** minio:// without an endpoint of its own, or with options that only AWS has, is S3. */
async function createClient(session: StoreSession, settings: ClientSettings, login: ClientLogin): Promise<BlobClient> {
  const { endpoint, credentials } = login;
  const { query } = session;
  if (endpoint !== undefined && !isHttpUrl(endpoint)) {
    throw new StorageError("STORE_CONFIG_INVALID", `The endpoint of provider "${session.provider}" is no http or https URL.`);
  }
  const isPlainHost = endpoint !== undefined && new URL(endpoint).pathname === "/";
  if (session.provider === "minio" && isPlainHost && Object.keys(query).length === 0) {
    const { createMinioClient } = await import("./minio/minio-client.ts");
    return createMinioClient({ ...settings, endpoint, credentials });
  }
  const { createS3Client } = await import("./s3/s3-client.ts");
  const s3: S3Settings = {
    ...settings,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials,
    isDualStack: query.dualStack ?? false,
    isFips: query.fips ?? false,
    isAccelerated: query.accelerate ?? false,
    ...(query.sseType === undefined ? {} : { sseType: query.sseType }),
    ...(query.kmsKeyId === undefined ? {} : { kmsKeyId: query.kmsKeyId }),
  };
  return createS3Client(s3);
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}
