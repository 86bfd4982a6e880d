/**
 * The objects of a test cluster, in memory: one version counter for all of them, a log of changes for watches, graceful deletion of
 * pods, finalizers, and deletion of what belongs to an object that is gone.
 *
 * Standard: Kubernetes API concepts, "Efficient detection of changes", "Resource versions"; "Garbage Collection".
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import { KubeStatusError, type KubeObject, type KubeObjectInput, type ObjectMeta } from "./kube-object.ts";
import { mergePatch } from "./merge-patch.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import type { Selector } from "./selectors.ts";

/** Where an object is, or with an empty name where several are. */
export interface Place {
  readonly resource: Resource;
  /** Empty: of the cluster, or in lists of any namespace. */
  readonly namespace: string;
  readonly name: string;
}

export interface ListedObjects {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
}

interface Change {
  readonly version: number;
  readonly resource: Resource;
  readonly before: KubeObject | undefined;
  /** As it was when it went, with the version of the deletion. */
  readonly after: KubeObject;
  readonly isDeletion: boolean;
}

export interface ObjectStoreDeps {
  readonly now: () => Date;
  readonly newUid: () => string;
  /** Changes that watches may begin from; older ones get 410. */
  readonly keptChanges?: number;
}

const DEFAULT_KEPT_CHANGES = 20_000;
const DEFAULT_GRACE_SECONDS = 30;

export class ObjectStore {
  readonly #deps: ObjectStoreDeps;
  readonly #objects = new Map<string, { readonly resource: Resource; readonly object: KubeObject }>();
  readonly #listeners = new Set<(change: Change) => void>();
  #changes: Change[] = [];
  #version = 1;

  constructor(deps: ObjectStoreDeps) {
    this.#deps = deps;
  }

  /** @throws {KubeStatusError} NotFound. */
  get(place: Place): KubeObject {
    const object = this.find(place);
    if (object === undefined) {
      const { group, plural } = place.resource;
      const what = group === "" ? plural : `${plural}.${group}`;
      throw new KubeStatusError(404, "NotFound", `${what} "${place.name}" not found`);
    }
    return object;
  }

  find(place: Place): KubeObject | undefined {
    return this.#objects.get(keyOf(place))?.object;
  }

  /** In the order of creation. */
  list({ resource, namespace }: Omit<Place, "name">, selects: Selector = () => true): ListedObjects {
    const items = [...this.#objects.values()]
      .filter((stored) => stored.resource === resource && isInside(stored.object, namespace))
      .map(({ object }) => object)
      .filter(selects);
    return { items, resourceVersion: String(this.#version) };
  }

  /** @throws {KubeStatusError} AlreadyExists; Invalid without a name. */
  create({ resource, namespace }: Omit<Place, "name">, input: KubeObjectInput): KubeObject {
    const { metadata = {}, ...members } = input;
    const uid = this.#deps.newUid();
    const name = metadata.name ?? (metadata.generateName === undefined ? "" : `${metadata.generateName}${uid.slice(0, 5)}`);
    if (name === "") throw new KubeStatusError(422, "Invalid", `${resource.kind} has neither name nor generateName`);
    const place = { resource, namespace, name };
    if (this.find(place) !== undefined)
      throw new KubeStatusError(409, "AlreadyExists", `${resource.plural} "${name}" already exists`);
    const { deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...given } = metadata;
    const object: KubeObject = {
      ...members,
      ...(resource.firstPhase === undefined ? {} : { status: { phase: resource.firstPhase, ...asStatus(members["status"]) } }),
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: {
        ...given,
        name,
        ...(resource.isNamespaced ? { namespace } : {}),
        uid,
        resourceVersion: "",
        creationTimestamp: timeText(this.#deps.now()),
      },
    };
    return this.#store(place, object);
  }

  /**
   * Puts an object in the place of the stored one.
   *
   * @param part `status`: only that member is taken; `main`: everything but a status that has a call of its own.
   * @throws {KubeStatusError} NotFound; Conflict when the version that the caller read is not the stored one.
   */
  update(place: Place, input: KubeObjectInput, part: "main" | "status" = "main"): KubeObject {
    const stored = this.get(place);
    const version = input.metadata?.resourceVersion ?? "";
    if (version !== "" && version !== stored.metadata.resourceVersion) {
      const { plural } = place.resource;
      throw new KubeStatusError(
        409,
        "Conflict",
        `Operation cannot be fulfilled on ${plural} "${place.name}": the object has been modified`,
      );
    }
    const next = part === "status" ? { ...stored, ...pick(input, "status") } : this.#replaced(place.resource, stored, input);
    if (isDeepStrictEqual(next, stored)) return stored;
    if (next.metadata.deletionTimestamp !== undefined && isFree(next) && !isWaitingPod(next)) return this.#remove(place, next);
    return this.#store(place, next);
  }

  /** @throws {KubeStatusError} As update. */
  patch(place: Place, patch: JsonValue, part: "main" | "status" = "main"): KubeObject {
    return this.update(place, mergePatch(this.get(place) as unknown as JsonValue, patch) as KubeObjectInput, part);
  }

  /**
   * Deletes, or marks as being deleted what its finalizers or its grace period keep.
   *
   * @param options.graceSeconds Of pods; absent: their own.
   * @throws {KubeStatusError} NotFound; Conflict when the object is another one than `uid`.
   */
  delete(place: Place, options: { readonly graceSeconds?: number; readonly uid?: string } = {}): KubeObject {
    const stored = this.get(place);
    if (options.uid !== undefined && options.uid !== stored.metadata.uid)
      throw new KubeStatusError(409, "Conflict", `${place.resource.plural} "${place.name}" has another uid`);
    const grace = place.resource.plural === "pods" ? graceOf(stored, options.graceSeconds) : 0;
    if (grace === 0 && isFree(stored)) return this.#remove(place, stored);
    const { deletionTimestamp: earlier, deletionGracePeriodSeconds: period = 0 } = stored.metadata;
    if (earlier !== undefined && grace >= period) return stored;
    // A later call can only shorten the period.
    const base = earlier === undefined ? this.#deps.now().getTime() : Date.parse(earlier) - period * 1000;
    const deletionTimestamp = timeText(new Date(base + grace * 1000));
    const metadata = { ...stored.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace };
    return this.#store(place, { ...stored, metadata });
  }

  /**
   * Tells every change after a version, then those to come, until it is stopped.
   *
   * @param since A version that a list or an event named; empty: all objects there are first.
   * @returns Stops it.
   * @throws {KubeStatusError} Expired for a version whose changes are forgotten.
   */
  watch(
    { resource, namespace }: Omit<Place, "name">,
    { since, selects, onEvent }: { since: string; selects: Selector; onEvent: (event: WatchEvent) => void },
  ): () => void {
    const matches = (object: KubeObject | undefined): boolean =>
      object !== undefined && isInside(object, namespace) && selects(object);
    const tell = ({ resource: changed, before, after, isDeletion }: Change): void => {
      if (changed !== resource) return;
      const wasSeen = matches(before);
      const isSeen = !isDeletion && matches(after);
      if (isSeen) onEvent({ type: wasSeen ? "MODIFIED" : "ADDED", object: after });
      else if (wasSeen) onEvent({ type: "DELETED", object: after });
    };
    if (since === "" || since === "0") {
      for (const object of this.list({ resource, namespace }, selects).items) onEvent({ type: "ADDED", object });
    } else {
      const oldest = this.#changes[0]?.version ?? this.#version + 1;
      if (Number(since) + 1 < oldest && Number(since) < this.#version)
        throw new KubeStatusError(410, "Expired", `too old resource version: ${since} (${oldest})`);
      for (const change of this.#changes) if (change.version > Number(since)) tell(change);
    }
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  #replaced(resource: Resource, stored: KubeObject, { metadata = {}, ...members }: KubeObjectInput): KubeObject {
    const { name, namespace, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = stored.metadata;
    const kept = { name, namespace, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds };
    const { deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...given } = metadata;
    const next: KubeObject = {
      ...members,
      apiVersion: stored.apiVersion,
      kind: stored.kind,
      metadata: { ...given, ...withoutAbsent(kept), resourceVersion: stored.metadata.resourceVersion } as ObjectMeta,
    };
    if (!resource.hasStatus) return next;
    const { status: _status, ...rest } = next;
    return { ...rest, ...pick(stored, "status") };
  }

  #store(place: Place, object: KubeObject): KubeObject {
    const before = this.find(place);
    const version = (this.#version += 1);
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#objects.set(keyOf(place), { resource: place.resource, object: after });
    this.#record({ version, resource: place.resource, before, after, isDeletion: false });
    return after;
  }

  #remove(place: Place, object: KubeObject): KubeObject {
    const before = this.find(place);
    const version = (this.#version += 1);
    const after = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    this.#objects.delete(keyOf(place));
    this.#record({ version, resource: place.resource, before, after, isDeletion: true });
    this.#deleteDependents(after.metadata.uid);
    return after;
  }

  #deleteDependents(ownerUid: string): void {
    for (const { resource, object } of [...this.#objects.values()]) {
      const { name, namespace = "", ownerReferences = [] } = object.metadata;
      const owners = ownerReferences.map(({ uid }) => uid);
      if (!owners.includes(ownerUid)) continue;
      const hasAnother = owners.some((uid) => [...this.#objects.values()].some((one) => one.object.metadata.uid === uid));
      if (!hasAnother) this.delete({ resource, namespace, name });
    }
  }

  #record(change: Change): void {
    this.#changes.push(change);
    const kept = this.#deps.keptChanges ?? DEFAULT_KEPT_CHANGES;
    if (this.#changes.length > kept * 2) this.#changes = this.#changes.slice(-kept);
    for (const listener of this.#listeners) listener(change);
  }
}

/** Clients of Go send an empty one with a new object. */
function asStatus(status: unknown): JsonObject {
  return typeof status === "object" && status !== null ? (status as JsonObject) : {};
}

/** As objects have it: RFC 3339 in whole seconds. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function keyOf({ resource, namespace, name }: Place): string {
  return `${resource.group}/${resource.plural}/${namespace}/${name}`;
}

function isInside({ metadata }: KubeObject, namespace: string): boolean {
  return namespace === "" || metadata.namespace === namespace;
}

function isFree({ metadata }: KubeObject): boolean {
  return (metadata.finalizers ?? []).length === 0;
}

/** A pod that a kubelet still ends. */
function isWaitingPod({ kind, metadata }: KubeObject): boolean {
  return kind === "Pod" && metadata.deletionGracePeriodSeconds !== 0;
}

/** A pod on no node, or one that has ended, has nothing to wait for. */
function graceOf({ spec, status }: KubeObject, asked: number | undefined): number {
  const phase = status?.["phase"];
  if (spec?.["nodeName"] === undefined || phase === "Succeeded" || phase === "Failed") return 0;
  if (asked !== undefined) return asked;
  const own = spec["terminationGracePeriodSeconds"];
  return typeof own === "number" ? own : DEFAULT_GRACE_SECONDS;
}

function pick(input: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  return input[name] === undefined ? {} : { [name]: input[name] };
}

function withoutAbsent(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
