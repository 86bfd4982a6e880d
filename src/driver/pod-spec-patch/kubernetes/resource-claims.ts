/**
 * Devices that the pod claims.
 *
 * Source: docs/spec/kubernetes-executor-config.md#device-claims-of-later-upstream.
 *
 * @module
 */
import type { IPodResourceClaim } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig, PodResourceClaim } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { valueToJson, type JsonValue } from "../../../core/values/value.ts";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { describeJson, isJsonObject, readElement, type Members } from "./json-object.ts";

const CLAIM: Members = {
  name: { kind: "text", required: true },
  resourceClaimName: { kind: "text" },
  resourceClaimTemplateName: { kind: "text" },
};
const FAILURE = "failed to resolve resource claim";

/** Every claim of the pod is also one of the user's container. */
export async function resourceClaims(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const claims: IPodResourceClaim[] = [];
  for (const [index, entry] of config.podResourceClaims.entries()) {
    const member = `podResourceClaims[${index}]`;
    for (const claim of await claimsOf(entry, member, resolve)) {
      if (claim.name === "") throw resolve.refuse(member, "a resource claim needs a name");
      if (claims.some(({ name }) => name === claim.name)) {
        throw resolve.refuse(member, `duplicate resource claim name "${claim.name}"`);
      }
      claims.push(claim);
    }
  }
  // A config that comes to no claim is said to whoever takes the claims; the pod has nothing of it.
  if (claims.length === 0) return config.podResourceClaims.length === 0 ? {} : { pod: { resourceClaims: [] } };
  return { pod: { resourceClaims: claims }, main: { resources: { claims: claims.map(({ name }) => ({ name })) } } };
}

async function claimsOf(entry: PodResourceClaim, member: string, resolve: ResolveDynamic): Promise<IPodResourceClaim[]> {
  if (entry.resourceClaimTemplateName !== undefined) return fromTemplate(entry.resourceClaimTemplateName, member, resolve);
  if (entry.resourceClaimJson === undefined) {
    throw resolve.refuse(member, "it needs a resourceClaimTemplateName or a resourceClaimJson");
  }
  const where = `${member}.resourceClaimJson`;
  const value = await resolve.value({ member: where, spec: entry.resourceClaimJson, what: "resource claim json" });
  return value === undefined ? [] : fromJson(valueToJson(value), where, resolve);
}

/** The claim is called like its template. */
async function fromTemplate(
  spec: NonNullable<PodResourceClaim["resourceClaimTemplateName"]>,
  member: string,
  resolve: ResolveDynamic,
): Promise<IPodResourceClaim[]> {
  const where = `${member}.resourceClaimTemplateName`;
  const value = await resolve.value({ member: where, spec, what: "resource claim template name" });
  if (value === undefined) return [];
  const name = valueToJson(value);
  if (typeof name !== "string") throw resolve.refuse(where, `Expected a string but got: ${describeJson(name)}`);
  if (name === "") throw resolve.refuse(where, "resourceClaimTemplateName must be non-empty in resource claim");
  return [{ name, resourceClaimTemplateName: name }];
}

function fromJson(json: JsonValue, member: string, resolve: ResolveDynamic): IPodResourceClaim[] {
  const options = { failure: FAILURE, resolve };
  if (Array.isArray(json)) {
    return json.map((item, index) => {
      return readElement(item, CLAIM, { ...options, member: `${member}[${index}]` }) as unknown as IPodResourceClaim;
    });
  }
  if (!isJsonObject(json) || Object.keys(json).length === 0) {
    throw resolve.refuse(member, `${FAILURE}: expected an object with members or a list but got ${describeJson(json)}`);
  }
  return [readElement(json, CLAIM, { ...options, member }) as unknown as IPodResourceClaim];
}
