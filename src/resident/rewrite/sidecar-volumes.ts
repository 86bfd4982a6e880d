/**
 * What a plugin beside Argo's agent needs of its pod, put there by the workflow: Argo lets a plugin bring a container, but no volumes, and
 * applies the workflow's `podSpecPatch` to the agent's pod as to all others.
 *
 * They are what a driver's pod has: the run's token, the account's access to Kubernetes, the launcher configuration. On the pods of steps
 * they lie unused.
 *
 * Source: docs/spec/resident-driver.md#s-run-scoped-token-without-any-new-right--specpodspecpatch.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import { nameOf, objectsOf } from "./template-members.ts";

/** Names of the volumes, which the plugin's container mounts. */
export const SIDECAR_VOLUMES = { token: "kfp-driver-token", kube: "kfp-driver-kube", config: "kfp-driver-config" } as const;

const TOKEN_SECONDS = 7200;
const KUBE_TOKEN_SECONDS = 3600;

/**
 * The workflow's pod spec patch with the volumes.
 *
 * @param before The patch it has; absent where it has none.
 * @param driver One of its driver templates, before the rewrite.
 * @throws {SpecError} FEATURE_UNSUPPORTED for a patch that they cannot be put into, and a driver without a token of its run.
 */
export function withSidecarVolumes(before: JsonValue | undefined, driver: JsonObject): string {
  const patch = before === undefined || before === "" ? {} : parsedPatch(before);
  const volumes = [
    { name: SIDECAR_VOLUMES.token, projected: { sources: [accountToken("token", TOKEN_SECONDS, tokenAudience(driver))] } },
    {
      name: SIDECAR_VOLUMES.kube,
      projected: {
        sources: [
          accountToken("token", KUBE_TOKEN_SECONDS),
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
          { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
        ],
      },
    },
    { name: SIDECAR_VOLUMES.config, configMap: { name: "kfp-launcher", optional: true } },
  ];
  const names = new Set<string>(Object.values(SIDECAR_VOLUMES));
  const others = objectsOf(patch["volumes"]).filter((volume) => !names.has(nameOf(volume)));
  return JSON.stringify({ ...patch, volumes: [...others, ...volumes] });
}

function accountToken(path: string, expirationSeconds: number, audience?: string): JsonObject {
  return { serviceAccountToken: { path, expirationSeconds, ...(audience === undefined ? {} : { audience }) } };
}

/** As the compiler has it for the driver's pod: the API server may want another beginning than the usual one. */
function tokenAudience({ volumes }: JsonObject): string {
  for (const { projected } of objectsOf(volumes)) {
    for (const { serviceAccountToken } of objectsOf(isJsonObject(projected) ? projected["sources"] : undefined)) {
      const audience = isJsonObject(serviceAccountToken) ? serviceAccountToken["audience"] : undefined;
      if (typeof audience === "string" && audience !== "") return audience;
    }
  }
  throw new SpecError("FEATURE_UNSUPPORTED", "its drivers have no token of their run, which the plugin needs");
}

function parsedPatch(text: JsonValue): JsonObject {
  try {
    const patch = typeof text === "string" ? (JSON.parse(text) as JsonValue) : null;
    if (isJsonObject(patch)) return patch;
  } catch {
    // Argo takes YAML as well.
  }
  throw new SpecError("FEATURE_UNSUPPORTED", "its podSpecPatch is not a JSON object, so nothing can be put into it");
}
