/**
 * Objects of the Kubernetes API in general, for a process that follows many of them.
 *
 * Methods throw KubeError as ports/kube-api.ts says. Objects are JSON as the server sent it; whoever reads one checks what it needs.
 *
 * @module
 */
import type { JsonObject } from "../core/values/value.ts";

/** A kind of namespaced objects, as paths name it. */
export interface KubeResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** As `workflowtasksets`. */
  readonly plural: string;
  /** For messages, as `WorkflowTaskSet`. */
  readonly kind: string;
}

/** An object by its place. */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Which objects are followed. */
export interface WatchedObjects {
  readonly resource: KubeResource;
  /** Empty: all namespaces. */
  readonly namespace: string;
  /** Empty: all. */
  readonly labelSelector: string;
}

/** Is told of the objects that are followed, one call after the other. */
export interface ObjectObserver {
  /** It is there, like this; the same object may come several times without a change. */
  present(object: JsonObject): void;
  /** It is not there any more, or is not selected any more. */
  gone(place: ObjectName): void;
  /** Everything that was there when following began has been told. Called again after the server had forgotten where we were. */
  synced(): void;
  /** Changes are told from here on. Called again whenever the server answers again. */
  following(): void;
  /** The server does not answer, or refuses. It is asked again, later and later, until `following` is called. */
  lost(reason: string): void;
}

/** A token for a service account. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** What is asked of the server when a token is made. */
export interface TokenRequest {
  readonly serviceAccount: ObjectName;
  /** Who accepts the token; empty: the Kubernetes API itself. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

/** The calls in use; see above for what they throw. */
export interface KubeObjects {
  /** `undefined` when it is not there. */
  getObject(resource: KubeResource, place: ObjectName): Promise<JsonObject | undefined>;
  /** `undefined` when one of that name is there already. */
  createObject(resource: KubeResource, place: ObjectName, object: JsonObject): Promise<JsonObject | undefined>;
  /** Replaces the version that `object` names; `undefined` when it is another one by now, or gone. */
  replaceObject(resource: KubeResource, place: ObjectName, object: JsonObject): Promise<JsonObject | undefined>;
  /** A merge patch of the status. The object as it is then; `undefined` when it is not there. */
  patchStatus(resource: KubeResource, place: ObjectName, patch: JsonObject): Promise<JsonObject | undefined>;
  createToken(request: TokenRequest): Promise<IssuedToken>;
  /** Follows objects until the signal is aborted. Never throws. */
  watchObjects(watched: WatchedObjects, observer: ObjectObserver, signal: AbortSignal): Promise<void>;
}
