/**
 * What a failed request means and what to do about it: each kind of answer has advice of its own, because wrong advice costs more time
 * than none.
 *
 * Pure. Texts are built from settings, the HTTP status and the store's error code only.
 *
 * @module
 */
import type { StoreFailure } from "./store-failure.ts";
import type { StoreAction } from "./store-errors.ts";

/** Code and words for a failed request. */
export interface FailureText {
  readonly code: "OBJECT_NOT_FOUND" | "OBJECT_ACCESS_DENIED" | "TRANSFER_FAILED";
  /** Follows the name of the object, with its own separator. */
  readonly text: string;
}

/** Error codes that fresh credentials may cure. */
export const EXPIRED_CREDENTIALS: ReadonlySet<string> = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
]);

/** The store, or we, found that other bytes arrived than were sent. */
export const BAD_CHECKSUM = "BadChecksum";

/** The words of S3 stores for it beside ours. */
export const BAD_CHECKSUMS: ReadonlySet<string> = new Set([BAD_CHECKSUM, "BadDigest", "XAmzContentSHA256Mismatch"]);

/** What this machine's own disk says; the store has nothing to do with it. */
const DISK_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "The disk here is full: give the step more ephemeral storage, or a volume at this path.",
  EDQUOT: "The quota of the disk here is used up: raise it, or make room.",
  EFBIG: "A file of this size is not allowed here: raise the limit of the file system or of the process.",
  EROFS: "The file system here is read-only: give the step a volume at this path.",
  EIO: "The disk here fails: run the step on another node.",
};

/** The request was signed for, or sent to, another region than the bucket's. */
const WRONG_REGION = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "Redirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
  "InvalidRegion",
]);

const CLOCK = new Set(["RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"]);

const UNKNOWN_KEY = new Set(["InvalidAccessKeyId", "XAdminUserNotFound", "InvalidClientTokenId"]);

/** Refusals that some stores answer with another status than 403. */
const MISSING_RIGHTS = new Set(["AccessDenied", "Forbidden", "Unauthorized", "AllAccessDisabled", "AccountProblem"]);

const STORE_FULL = new Set([
  "XMinioStorageFull",
  "QuotaExceeded",
  "XMinioAdminBucketQuotaExceeded",
  "InsufficientCapacity",
  "quotaExceeded",
]);

const NO_BILLING = new Set(["accountDisabled", "billingNotEnabled", "userAccountDisabled"]);

/** What the endpoint should be, by provider; the others are S3 stores. */
const STORE_NAMES: Readonly<Record<string, string>> = { gs: "Google Cloud Storage", azblob: "Azure Blob Storage" };

/** Refusals of Azure that have one cause. */
const AZURE_ADVICE: Readonly<Record<string, string>> = {
  AuthenticationFailed: "The account key or the SAS token is not one of this account, or is no longer valid: check both.",
  AuthorizationPermissionMismatch:
    "The login is known and may not do this: give the identity the role Storage Blob Data Contributor, or the SAS token the rights to read, write, delete and list.",
  KeyBasedAuthenticationNotPermitted:
    "The account does not take account keys: log in with a workload identity or a managed identity.",
  InvalidAuthenticationInfo: "The login is not one that this account takes: check account, tenant and endpoint.",
  AccountIsDisabled: "The storage account is disabled: enable it.",
};

const NOT_A_STORE = new Set(["NotImplemented", "MethodNotAllowed", "UnknownOperationException"]);

const UNTRUSTED_CERTIFICATE = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
]);

/** @param answer What came back, in short, as `HTTP 403 AccessDenied`. */
export function explainFailure(failure: StoreFailure, where: StoreAction, answer: string): FailureText {
  const { status, reason = "" } = failure;
  const { bucket, endpoint, provider } = where;
  const failed = (advice: string): FailureText => ({
    code: "TRANSFER_FAILED",
    text: ` at ${endpoint}: ${answer}${advice === "" ? "" : `. ${advice}`}`,
  });
  const refused = (advice: string): FailureText => ({
    code: "OBJECT_ACCESS_DENIED",
    text: `: ${endpoint} refused access (${answer}). ${advice}`,
  });
  const diskAdvice = DISK_ADVICE[reason];
  if (diskAdvice !== undefined) return { code: "TRANSFER_FAILED", text: `: ${answer}. ${diskAdvice}` };
  if (reason === "NoSuchBucket") {
    const text = `: bucket "${bucket}" does not exist at ${endpoint}. Create it, or correct the pipeline root.`;
    return { code: "OBJECT_NOT_FOUND", text };
  }
  if (WRONG_REGION.has(reason) || (status === 301 && failure.region !== undefined)) return failed(regionAdvice(failure, where));
  if (CLOCK.has(reason)) return failed(clockAdvice(failure, where));
  if (EXPIRED_CREDENTIALS.has(reason)) {
    const text = `: the credentials have expired (${answer}). Renew the credentials of provider "${provider}".`;
    return { code: "OBJECT_ACCESS_DENIED", text };
  }
  if (reason === "InvalidToken") return refused(`The session token of provider "${provider}" is not valid: get new credentials.`);
  if (UNKNOWN_KEY.has(reason)) {
    return refused(
      `The store does not know this access key: check the access key of provider "${provider}", and that the endpoint is the one it belongs to.`,
    );
  }
  if (reason === "SignatureDoesNotMatch") {
    return refused(
      `The secret key does not belong to the access key: check the secret key of provider "${provider}". If it is right, a proxy changes the requests on their way.`,
    );
  }
  const azureAdvice = provider === "azblob" ? AZURE_ADVICE[reason] : undefined;
  if (azureAdvice !== undefined) return refused(azureAdvice);
  if (reason === "NoSuchUpload") return failed("The store has lost what was uploaded so far: run the step again.");
  if (BAD_CHECKSUMS.has(reason)) {
    return failed(
      "The bytes that arrived are not those that were sent: the file was changed meanwhile, or something on the way changes data.",
    );
  }
  if (reason === "userProjectMissing") {
    return failed(
      `Bucket "${bucket}" makes the reader pay, which needs a project to bill and is not supported: use another bucket.`,
    );
  }
  if (NO_BILLING.has(reason)) return refused(`The project of bucket "${bucket}" has no active billing account: enable it.`);
  if (reason === "InvalidObjectState") {
    return failed("The object lies in an archive tier: restore it in the store, then run the step again.");
  }
  if (reason.startsWith("KMS")) {
    return failed("The encryption key of the bucket or of the object cannot be used: check the key and the rights on it.");
  }
  if (status === 407) return failed("The proxy wants a login: put user and password into the proxy's URL.");
  if (status === 401 || status === 403 || MISSING_RIGHTS.has(reason)) {
    return refused(`Check the credentials of provider "${provider}" and their rights on bucket "${bucket}".`);
  }
  if (STORE_FULL.has(reason) || status === 507) return failed("The store or its quota is full: make room, or raise the quota.");
  if (reason === "EntityTooLarge") return failed("The object is larger than the store accepts.");
  if (reason === "InvalidBucketName") return failed(`"${bucket}" cannot be the name of a bucket: correct the pipeline root.`);
  if (status === 404) return { code: "OBJECT_NOT_FOUND", text: `: not found at ${endpoint} (${answer}).` };
  if (status !== undefined && status >= 300 && status < 400) {
    return failed(
      STORE_NAMES[provider] !== undefined
        ? "The endpoint answers with a redirect, which this store never does: correct its address."
        : "The endpoint answers with a redirect, which S3 stores do for a wrong region or a wrong address: correct both.",
    );
  }
  if (NOT_A_STORE.has(reason) || status === 405)
    return failed(`The endpoint does not behave like ${STORE_NAMES[provider] ?? "an S3 store"}: correct its address.`);
  return failed(connectionAdvice(reason));
}

function regionAdvice({ region }: StoreFailure, { bucket, provider, region: used }: StoreAction): string {
  const setting = `providers.${provider}.default.region in the launcher configuration, region= in the query of the pipeline root, or AWS_REGION`;
  if (region !== undefined && region !== used) {
    return `Bucket "${bucket}" lies in region ${region}, the request was made for ${used}: set the region ${region} (${setting}).`;
  }
  return `The request was made for region ${used}, and bucket "${bucket}" is not there: set the region of the bucket (${setting}), or correct the endpoint.`;
}

function clockAdvice({ answeredAtMs }: StoreFailure, { nowMs }: StoreAction): string {
  const seconds = answeredAtMs === undefined ? 0 : Math.round((nowMs - answeredAtMs) / 1000);
  const apart =
    Math.abs(seconds) < 60
      ? "differ too much"
      : `are ${Math.abs(seconds)} s apart (this one is ${seconds > 0 ? "ahead" : "behind"})`;
  return `The clocks of this machine and of the store ${apart}: set the clock of the node, or of the store. The credentials are not the cause.`;
}

function connectionAdvice(reason: string): string {
  if (UNTRUSTED_CERTIFICATE.has(reason)) {
    return "The store's certificate is signed by an authority that is not trusted here: give its certificate (--ca_cert_path, SSL_CERT_FILE).";
  }
  switch (reason) {
    case "ENOTFOUND":
      return "The host name of the endpoint is not known here: correct it, or the name service.";
    case "ECONNREFUSED":
      return "Nothing listens there: check address and port, and that the store runs.";
    case "CERT_HAS_EXPIRED":
      return "The store's certificate has expired: renew it, or set the clock of this machine.";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "The store's certificate is for another host name: use that name as endpoint.";
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "EPROTO":
      return "The store does not speak TLS at that port: write the endpoint with http://, or set disableSSL.";
    case "SlowDown":
    case "SlowDownRead":
    case "SlowDownWrite":
    case "ServiceUnavailable":
    case "ServerBusy":
    case "rateLimitExceeded":
    case "userRateLimitExceeded":
      return "The store is overloaded: run the step again later.";
    default:
      return "";
  }
}
