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
import type { DownloadResult, ObjectLook, ObjectReader, ObjectStore } from "../ports/object-store.ts";
import { readSecretValues, secretKeysOf } from "./credentials/secret-credentials.ts";
import type { SecretKeys } from "./credentials/secret-credentials.ts";
import { createHttpAgents } from "./http-agents.ts";
import type { Environment, HttpAgents } from "./http-agents.ts";
import { keepLocalDownload, keepLocalUpload, localArtifactExists } from "./local-files.ts";
import { loadClient, loadProvider } from "./providers.ts";
import type { OpenedBucket } from "./providers.ts";
import { createRetrier } from "./retry.ts";
import type { Retrier } from "./retry.ts";
import { toStorageError } from "./store-errors.ts";
import type { StoreAction } from "./store-errors.ts";
import { Digests } from "./digests/digests.ts";
import { keyExists } from "./transfer/exists.ts";
import { lookAtObject } from "./transfer/read-object.ts";
import { BUFFER_BYTES } from "./transfer/file-body.ts";
import { BufferPool, ByteBudget } from "./transfer/run-bounded.ts";
import { SmallFiles } from "./transfer/small-files.ts";
import { downloadPath, uploadPath } from "./transfer/transfer.ts";
import type { TransferContext } from "./transfer/upload.ts";

/** What a store takes of its process. */
export interface ObjectStoreDeps {
  readonly clock: Clock;
  /** Secrets with credentials; only asked when a session names one. */
  readonly kube: () => Promise<Pick<KubeApi, "getSecret">>;
  /** In [0, 1), for the jitter of retries. */
  readonly random?: () => number;
}

/** Which URIs may be touched, with which logins, and how connections behave. */
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
const BUDGET_BYTES = 4 * BUFFER_BYTES;
const MAX_SOCKETS = 72;
const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

interface OpenClient extends OpenedBucket {
  readonly retrier: Retrier;
}

/** Opens nothing yet: the first transfer connects. */
export function openObjectStore(deps: ObjectStoreDeps, options: ObjectStoreOptions): ObjectStore & ObjectReader {
  return new RoutedStore(deps, options);
}

class RoutedStore implements ObjectStore, ObjectReader {
  readonly #deps: ObjectStoreDeps;
  readonly #options: ObjectStoreOptions;
  readonly #clients = new Map<string, Promise<OpenClient>>();
  readonly #budget = new ByteBudget(BUDGET_BYTES);
  readonly #buffers = new BufferPool(BUFFER_BYTES, BUDGET_BYTES / BUFFER_BYTES);
  readonly #digests = new Digests();
  readonly #smallFiles = new SmallFiles();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #secrets = new Map<string, Promise<readonly string[]>>();
  #agents: Promise<HttpAgents> | undefined;

  constructor(deps: ObjectStoreDeps, options: ObjectStoreOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  assertAllowed(uri: string): void {
    assertUriAllowed(uri, this.#options.config, { localRootAllowed: this.#options.localRootAllowed ?? false });
    if (isLocalUri(uri)) return;
    this.#sessionOf(resolveBucket(uri, this.#options.config));
  }

  async prepare(uri: string): Promise<void> {
    this.assertAllowed(uri);
    if (isLocalUri(uri)) return;
    const { credentials, provider } = this.#sessionOf(resolveBucket(uri, this.#options.config));
    const secret = secretKeysOf(credentials);
    if (secret !== undefined) await this.#readSecret(secret, provider);
  }

  async warmUp(uri: string): Promise<void> {
    if (isLocalUri(uri)) return;
    await loadClient(this.#sessionOf(resolveBucket(uri, this.#options.config)));
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

  async look(uri: string): Promise<ObjectLook> {
    const found = await this.#transfer("download", uri, (context, key) => lookAtObject(context, key));
    if (found.kind !== "object") return found;
    const place = resolveBucket(uri, this.#options.config);
    const session = this.#sessionOf(place);
    const client = await this.#open(place, session);
    const named = (error: unknown) => this.#failure(error, "download", place, client, session);
    return {
      ...found,
      async *read(start, end) {
        try {
          yield* found.read(start, end);
        } catch (error) {
          throw named(error);
        }
      },
    };
  }

  async refresh(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    this.#secrets.clear();
    for (const opened of await Promise.allSettled(clients)) if (opened.status === "fulfilled") opened.value.bucket.close();
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
    const place = resolveBucket(uri, this.#options.config);
    const session = this.#sessionOf(place);
    const client = await this.#open(place, session);
    const { bucket, retrier } = client;
    const running = work(
      {
        bucket,
        retrier,
        signal,
        budget: this.#budget,
        buffers: this.#buffers,
        digests: this.#digests,
        smallFiles: this.#smallFiles,
      },
      place.key,
    );
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw this.#failure(error, action, place, client, session);
    } finally {
      this.#running.delete(running);
      // Between transfers the user's program may need the memory: container limits are shared.
      if (this.#running.size === 0) await this.#release();
    }
  }

  #failure(
    error: unknown,
    action: StoreAction["action"],
    place: ResolvedBucket,
    { endpoint, region }: OpenClient,
    { provider }: StoreSession,
  ): Error {
    return toStorageError(error, {
      ...{ action, provider, region },
      uri: `${place.scheme}://${place.bucket}/${place.key}`,
      bucket: place.bucket,
      key: place.key,
      endpoint: withoutUser(endpoint),
      nowMs: this.#deps.clock.now().getTime(),
    });
  }

  async #release(): Promise<void> {
    this.#buffers.release();
    this.#digests.release();
    this.#smallFiles.release();
    const agents = await this.#agents;
    agents?.direct?.release();
    agents?.brief?.release();
  }

  #sessionOf(bucket: ResolvedBucket): StoreSession {
    return sessionFor(bucket.lookup, this.#options.config, {
      objectStoreHost: this.#options.environment["OBJECT_STORE_HOST"],
      objectStorePort: this.#options.environment["OBJECT_STORE_PORT"],
    });
  }

  #open(place: ResolvedBucket, session: StoreSession): Promise<OpenClient> {
    const id = JSON.stringify([place.bucket, session]);
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    const opening = this.#create(place, session);
    this.#clients.set(id, opening);
    // A failed login must be tried again by the next transfer.
    opening.catch(() => this.#clients.get(id) === opening && this.#clients.delete(id));
    return opening;
  }

  async #create(place: ResolvedBucket, session: StoreSession): Promise<OpenClient> {
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
    const secret = secretKeysOf(session.credentials);
    const openBucket = await loadProvider(session.provider);
    const opened = await openBucket({
      bucket: place.bucket,
      session,
      ...(secret === undefined ? {} : { readSecret: () => this.#readSecret(secret, session.provider) }),
      environment,
      agents,
      idleTimeoutMs: this.#options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS,
      connectTimeoutMs: this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      retrier,
      clock: this.#deps.clock,
    });
    return { ...opened, retrier };
  }

  /** Once per Secret, until refresh(). */
  #readSecret(secret: SecretKeys, provider: string): Promise<readonly string[]> {
    const id = JSON.stringify(secret);
    const known = this.#secrets.get(id);
    if (known !== undefined) return known;
    const reading = readSecretValues(this.#deps, { ...secret, provider, namespace: this.#options.namespace });
    this.#secrets.set(id, reading);
    reading.catch(() => this.#secrets.get(id) === reading && this.#secrets.delete(id));
    return reading;
  }
}

/** For messages: what stands before the host of a URL is a password, or a mistake. */
function withoutUser(endpoint: string): string {
  return endpoint.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, "$1");
}
