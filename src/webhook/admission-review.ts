/**
 * What Kubernetes asks a mutating webhook, and what it is answered.
 *
 * Reference: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ (request, response, warnings).
 *
 * @module
 */
import { isJsonObject } from "../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../core/values/value.ts";
import type { PatchOperation } from "../resident/rewrite/json-patch.ts";

/** An object that is about to be stored. */
export interface AdmissionRequest {
  /** Of the request; the answer repeats it. */
  readonly uid: string;
  readonly operation: string;
  readonly namespace: string;
  /** Kind of the object, as `Workflow`. */
  readonly kind: string;
  /** Its name, or the beginning of it. */
  readonly name: string;
  readonly object: JsonValue;
}

/** The answer to a request; it is always allowed. */
export interface AdmissionAnswer {
  /** Empty: the object stays as it is. */
  readonly patch: readonly PatchOperation[];
  /** For whoever creates the object, a line each. */
  readonly warnings: readonly string[];
}

const API_VERSION = "admission.k8s.io/v1";
/** The API server cuts longer ones, and says so in its log. */
const LONGEST_WARNING = 256;

/** @returns `undefined` for anything but a review of this version. */
export function readAdmissionReview(json: JsonValue): AdmissionRequest | undefined {
  if (!isJsonObject(json) || json["kind"] !== "AdmissionReview" || json["apiVersion"] !== API_VERSION) return undefined;
  const { request } = json;
  if (!isJsonObject(request)) return undefined;
  const { uid, object = null } = request;
  if (typeof uid !== "string" || uid === "") return undefined;
  const kind = isJsonObject(request["kind"]) ? textOf(request["kind"], "kind") : "";
  const metadata = isJsonObject(object) && isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const name = [textOf(request, "name"), textOf(metadata, "name"), textOf(metadata, "generateName")].find((text) => text !== "");
  return {
    ...{ uid, kind, name: name ?? "", object },
    ...{ operation: textOf(request, "operation"), namespace: textOf(request, "namespace") },
  };
}

/** The review with its response. */
export function answerReview(uid: string, { patch, warnings }: AdmissionAnswer): JsonObject {
  const change = { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
  return {
    apiVersion: API_VERSION,
    kind: "AdmissionReview",
    response: {
      ...{ uid, allowed: true },
      ...(patch.length === 0 ? {} : change),
      ...(warnings.length === 0 ? {} : { warnings: warnings.map(shortWarning) }),
    },
  };
}

/** It goes into a header of the answer: one line of what has a glyph. */
function shortWarning(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  const letters = Array.from(line);
  return letters.length <= LONGEST_WARNING ? line : `${letters.slice(0, LONGEST_WARNING - 1).join("")}…`;
}

function textOf(json: JsonObject, name: string): string {
  const text = json[name];
  return typeof text === "string" ? text : "";
}
