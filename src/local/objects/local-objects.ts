/**
 * Secrets and config maps of a machine without a cluster: names to keys to bytes.
 *
 * @module
 */

/** The two kinds of objects that a step may read. */
export type ObjectKind = "Secret" | "ConfigMap";

/** Bytes by key. */
export type ObjectData = ReadonlyMap<string, Uint8Array>;

/** What one folder or file of objects holds. */
export class LocalObjects {
  readonly #data = new Map<ObjectKind, Map<string, ObjectData>>([
    ["Secret", new Map()],
    ["ConfigMap", new Map()],
  ]);

  /** @returns False when there is one of this kind and name already; nothing is changed then. */
  add(kind: ObjectKind, name: string, data: ObjectData): boolean {
    const objects = this.#ofKind(kind);
    if (objects.has(name)) return false;
    objects.set(name, data);
    return true;
  }

  /** `undefined` when there is no such object. */
  find(kind: ObjectKind, name: string): ObjectData | undefined {
    return this.#ofKind(kind).get(name);
  }

  #ofKind(kind: ObjectKind): Map<string, ObjectData> {
    return this.#data.get(kind) as Map<string, ObjectData>;
  }
}

/** As messages call it. */
export function describeKind(kind: ObjectKind): string {
  return kind === "Secret" ? "secret" : "config map";
}
