/**
 * Names of volumes: a volume is called like what it holds wherever the pod allows that.
 *
 * Volumes are merged by name, over the whole pod. A secret and a config map of one name, or a secret called like a volume of the
 * compiled template, would end as one volume with two sources; names with dots or of more than 63 characters are legal for secrets,
 * config maps and claims, but not for volumes.
 *
 * Source: docs/spec/kubernetes-executor-config.md#k8s-7.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { IVolume, IVolumeMount } from "kubernetes-models/v1";
import { goJson } from "../../core/go/json.ts";
import type { JsonValue } from "../../core/values/value.ts";
import type { AttributedContribution, Contribution } from "./contribution.ts";

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** Volumes of the compiled template and of Argo: none of them may be replaced by a step's own. */
const TEMPLATE_VOLUMES = new Set([
  ...["kfp-launcher", "ca-bundle", "custom-ca", "kfp-launcher-token", "kfp-launcher-config", "kfp-workspace"],
  ...["gcs-scratch", "s3-scratch", "minio-scratch", "dot-local-scratch", "dot-cache-scratch", "dot-config-scratch"],
  ...["var-run-argo", "tmp-dir-argo", "input-artifacts"],
]);

/** A contribution whose volumes have their names. */
export interface NamedContribution extends Omit<AttributedContribution, "volumes"> {
  readonly volumes: readonly IVolume[];
  readonly volumeMounts: readonly IVolumeMount[];
}

/** Gives every volume its name; equal volumes keep one name, and mounts of init containers follow. */
export function nameVolumes(contributions: readonly AttributedContribution[]): NamedContribution[] {
  const names = new VolumeNames(contributions);
  const named = contributions.map(({ volumes = [], ...rest }) => {
    const placed = volumes.map((volume) => ({ ...volume, name: names.nameOf(volume) }));
    return {
      ...rest,
      volumes: placed.map(({ name, source }) => ({ name, ...source })),
      volumeMounts: placed.map(({ name, mount }) => ({ name, ...mount })),
    };
  });
  return named.map((contribution) => withRenamedMounts(contribution, (name) => names.firstNameFor(name)));
}

type Volume = NonNullable<Contribution["volumes"]>[number];

class VolumeNames {
  /** Source of a volume, as text, by its name. */
  readonly #taken = new Map<string, string>();
  readonly #firstNames = new Map<string, string>();

  constructor(contributions: readonly AttributedContribution[]) {
    const volumes = contributions.flatMap((contribution) => contribution.volumes ?? []);
    for (const { preferredName, isFixedName, source } of volumes) {
      if (isFixedName === true) this.#taken.set(preferredName, textOf(source));
    }
  }

  nameOf({ preferredName, isFixedName, source }: Volume): string {
    const name = isFixedName === true ? preferredName : this.#freeName(preferredName, textOf(source));
    this.#taken.set(name, textOf(source));
    if (!this.#firstNames.has(preferredName)) this.#firstNames.set(preferredName, name);
    return name;
  }

  firstNameFor(preferredName: string): string {
    return this.#firstNames.get(preferredName) ?? preferredName;
  }

  #freeName(preferredName: string, source: string): string {
    const isFree = (name: string): boolean => (this.#taken.get(name) ?? source) === source;
    if (LABEL.test(preferredName) && !TEMPLATE_VOLUMES.has(preferredName) && isFree(preferredName)) return preferredName;
    // The hash is of the source alone: the name stays the same in every execution, whatever else the pod has.
    const hash = createHash("sha256").update(`${preferredName}\0${source}`).digest("hex");
    const stem = preferredName
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-/, "")
      .slice(0, 50)
      .replace(/-$/, "");
    return `${stem === "" ? "volume" : stem}-${hash.slice(0, 10)}`;
  }
}

function textOf(source: Volume["source"]): string {
  return goJson(source as JsonValue);
}

function withRenamedMounts(contribution: NamedContribution, rename: (name: string) => string): NamedContribution {
  const { initContainers } = contribution;
  if (initContainers === undefined) return contribution;
  return {
    ...contribution,
    initContainers: initContainers.map((container) =>
      container.volumeMounts === undefined
        ? container
        : { ...container, volumeMounts: container.volumeMounts.map((mount) => ({ ...mount, name: rename(mount.name) })) },
    ),
  };
}
