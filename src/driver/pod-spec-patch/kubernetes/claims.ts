/**
 * Persistent volume claims mounted into the user's container.
 *
 * Source: docs/spec/kubernetes-executor-config.md#claim-mounts.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { InputParameterSpecSchema, type InputParameterSpec } from "../../../core/kfp-types.ts";
import type { KubernetesExecutorConfig, PvcMount } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";

/** One volume per mount, called like its claim; two mounts of one claim share the volume. */
export async function claimMounts({ pvcMount }: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const volumes = [];
  for (const [index, mount] of pvcMount.entries()) {
    const claimName = await claimNameOf(mount, `pvcMount[${index}]`, resolve);
    volumes.push({
      preferredName: claimName,
      source: { persistentVolumeClaim: { claimName } },
      mount: { mountPath: mount.mountPath, ...(mount.subPath === "" ? {} : { subPath: mount.subPath }) },
    });
  }
  return { volumes };
}

/** Names of the claims, which are part of the cache fingerprint. */
export async function claimNames({ pvcMount }: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<string[]> {
  const names: string[] = [];
  for (const [index, mount] of pvcMount.entries()) names.push(await claimNameOf(mount, `pvcMount[${index}]`, resolve));
  return names;
}

async function claimNameOf(mount: PvcMount, member: string, resolve: ResolveDynamic): Promise<string> {
  const constant = mount.pvcReference.case === "constant" ? mount.pvcReference.value : "";
  const name = mount.pvcNameParameter === undefined && constant !== "" ? constant : await dynamicName(mount, member, resolve);
  if (name === undefined) {
    throw resolve.refuse(member, "failed to resolve pvc name: the input it comes from was not given or is null");
  }
  if (mount.mountPath === "") throw resolve.refuse(member, "failed to mount volume, missing mountpath or pvc name");
  return name;
}

async function dynamicName(mount: PvcMount, member: string, resolve: ResolveDynamic): Promise<string | undefined> {
  if (mount.pvcNameParameter !== undefined) {
    return resolve.text({ member: `${member}.pvcNameParameter`, spec: mount.pvcNameParameter, what: "pvc name" });
  }
  const spec = deprecatedReference(mount);
  if (spec === undefined) throw resolve.refuse(member, "volume mount: volume name not provided");
  return resolve.text({ member: `${member}.${mount.pvcReference.case}`, spec, what: "pvc name" });
}

function deprecatedReference({ pvcReference }: PvcMount): InputParameterSpec | undefined {
  switch (pvcReference.case) {
    case "taskOutputParameter":
      return create(InputParameterSpecSchema, { kind: { case: "taskOutputParameter", value: pvcReference.value } });
    case "componentInputParameter":
      if (pvcReference.value === "") return undefined;
      return create(InputParameterSpecSchema, { kind: { case: "componentInputParameter", value: pvcReference.value } });
    default:
      return undefined;
  }
}
