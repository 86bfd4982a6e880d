/**
 * Volume claims over the Kubernetes API.
 *
 * Refusals are told apart by the reason in the answer, and by the status where there is none: a 409 may also be a conflict.
 *
 * Source: docs/spec/persistent-volume-claims.md#http-calls.
 *
 * @module
 */
import { assertObjectName } from "../core/spec/object-name.ts";
import type { VolumeClaim, VolumeClaimApi } from "../ports/kube-api.ts";
import { memberOf } from "./kube-config.ts";
import {
  isSuccess,
  messageOf,
  objectPath,
  reasonOf,
  rejectionError,
  type KubeAnswer,
  type KubeQuestion,
} from "./kube-requests.ts";

const COLLECTION = "persistentvolumeclaims";
/** More than for a read: a step that has come this far should survive the restart of an API server. */
const ATTEMPTS = 5;
/** How the API server says that the object of this name has only not gone yet. */
const BEING_DELETED = /^object is being deleted: /;

/** @param ask Gives every answer that is not worth a repeat, refusals included. */
export function volumeClaims(ask: (question: KubeQuestion) => Promise<KubeAnswer>): VolumeClaimApi {
  return {
    async createVolumeClaim(namespace, claim) {
      assertObjectName(claim.name);
      const what = describe(namespace, claim.name);
      const body = JSON.stringify(manifestOf(claim));
      const answer = await ask({ method: "POST", path: objectPath(namespace, COLLECTION), body, what, attempts: ATTEMPTS });
      if (isSuccess(answer)) return "created";
      if (!isAlreadyThere(answer)) throw rejectionError(answer, what);
      return BEING_DELETED.test(messageOf(answer)) ? "being-deleted" : "exists";
    },
    async findVolumeClaim(namespace, name) {
      assertObjectName(name);
      const what = describe(namespace, name);
      const answer = await ask({ method: "GET", path: objectPath(namespace, COLLECTION, name), what, attempts: ATTEMPTS });
      if (isNotThere(answer)) return "absent";
      // A page of something in between is not a claim.
      if (!isSuccess(answer) || answer.body === undefined) throw rejectionError(answer, what);
      return memberOf(memberOf(answer.body, "metadata"), "deletionTimestamp") === undefined ? "present" : "being-deleted";
    },
    async deleteVolumeClaim(namespace, name) {
      assertObjectName(name);
      const what = describe(namespace, name);
      const body = JSON.stringify({ kind: "DeleteOptions", apiVersion: "v1" });
      const path = objectPath(namespace, COLLECTION, name);
      const answer = await ask({ method: "DELETE", path, body, what, attempts: ATTEMPTS });
      if (isNotThere(answer)) return "absent";
      if (!isSuccess(answer)) throw rejectionError(answer, what);
      return "deleted";
    },
  };
}

function describe(namespace: string, name: string): string {
  return `PersistentVolumeClaim ${namespace}/${name}`;
}

function manifestOf({ name, annotations, spec }: VolumeClaim): object {
  return {
    kind: "PersistentVolumeClaim",
    apiVersion: "v1",
    metadata: { name, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
    spec,
    status: {},
  };
}

function isAlreadyThere(answer: KubeAnswer): boolean {
  const reason = reasonOf(answer);
  return reason === "AlreadyExists" || (reason === "" && answer.status === 409);
}

function isNotThere(answer: KubeAnswer): boolean {
  const reason = reasonOf(answer);
  return reason === "NotFound" || (reason === "" && answer.status === 404);
}
