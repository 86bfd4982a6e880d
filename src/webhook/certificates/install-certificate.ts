/**
 * The webhook's certificate where no certificate manager is: made here, kept in a Secret, trusted by the configurations of the webhooks.
 *
 * Each certificate has an authority of its own, whose key nobody keeps. A new one is trusted before it is used, and the old one for as long
 * as a server may still show it; so a renewal is never noticed. May run at any time, and twice at the same time.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { KubeError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KubeObjects, KubeResource } from "../../ports/kube-objects.ts";
import type { Logger } from "../../ports/logger.ts";
import { issueCertificate } from "./issue-certificate.ts";

/** What is asked of Kubernetes. */
export type CertificateObjects = Pick<KubeObjects, "getObject" | "createObject" | "replaceObject">;

/** What installing takes. */
export interface InstallDeps {
  readonly objects: CertificateObjects;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/** What is installed, and where. */
export interface InstallOptions {
  /** Of the Secret and of the Service. */
  readonly namespace: string;
  readonly secret: string;
  /** Kubernetes reaches the webhook by it. */
  readonly service: string;
  /** Names of MutatingWebhookConfigurations; those that are not there are left out. */
  readonly configurations: readonly string[];
  readonly validDays: number;
}

export const SECRETS: KubeResource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };
export const CONFIGURATIONS: KubeResource = {
  ...{ group: "admissionregistration.k8s.io", version: "v1" },
  ...{ plural: "mutatingwebhookconfigurations", kind: "MutatingWebhookConfiguration" },
};

const DAY_MS = 86_400_000;
/** Clocks of two machines differ by less. */
const BACKDATED_MS = 3_600_000;
/** The kubelet takes a minute or two to bring a Secret to its pods. */
const SPREAD_MS = 3_600_000;
/** Renewed when a third of the time is left. */
const RENEWED_AFTER = 2 / 3;
/** Somebody else who writes the same objects has won as often. */
const ATTEMPTS = 5;

/** A certificate that lies in the Secret. */
interface Installed {
  readonly authority: string;
  readonly leaf: X509Certificate;
}

/**
 * Makes sure of the certificate and that it is trusted.
 *
 * @returns Whether there is a new one.
 * @throws {KubeError} for what Kubernetes refuses; KUBE_REJECTED also when there is nothing that would trust it, and when others keep
 * changing the same objects.
 */
export async function installCertificate(deps: InstallDeps, options: InstallOptions): Promise<"kept" | "renewed"> {
  const { objects, clock, logger } = deps;
  const place = { namespace: options.namespace, name: options.secret };
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const secret = await objects.getObject(SECRETS, place);
    const installed = installedCertificate(secret, options);
    if (installed !== undefined && !isDue(installed.leaf, clock.now())) {
      const isSpread = clock.now().getTime() > installed.leaf.validFromDate.getTime() + BACKDATED_MS + SPREAD_MS;
      await trust(deps, options, { authority: installed.authority, onlyThis: isSpread });
      return "kept";
    }
    const made = makeCertificate(options, clock.now());
    await trust(deps, options, { authority: made.authority, onlyThis: false });
    const body = secretObject(options, made, secret);
    const written =
      secret === undefined ? await objects.createObject(SECRETS, place, body) : await objects.replaceObject(SECRETS, place, body);
    if (written !== undefined) {
      logger.info("certificate made", { secret: options.secret, notAfter: made.notAfter.toISOString() });
      return "renewed";
    }
    logger.info("somebody else has written the certificate: it is looked at again", { secret: options.secret });
  }
  throw contested(`Secret ${options.namespace}/${options.secret}`);
}

interface MadeCertificate {
  /** PEM. */
  readonly authority: string;
  readonly cert: string;
  readonly key: string;
  readonly notAfter: Date;
}

function makeCertificate({ validDays, ...options }: InstallOptions, now: Date): MadeCertificate {
  const validity = {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + validDays * DAY_MS),
  };
  const authority = issueCertificate({
    ...{ ...validity, commonName: `${options.service} authority`, hosts: [], isAuthority: true },
  });
  const hosts = [hostOf(options), options.service];
  const { cert, key } = issueCertificate({ ...validity, commonName: options.service, hosts, isAuthority: false }, authority);
  return { authority: authority.cert, cert, key, notAfter: validity.notAfter };
}

/** As Kubernetes calls the service. */
function hostOf({ service, namespace }: Pick<InstallOptions, "service" | "namespace">): string {
  return `${service}.${namespace}.svc`;
}

function secretObject({ namespace, secret }: InstallOptions, made: MadeCertificate, before: JsonObject | undefined): JsonObject {
  const data = { "ca.crt": made.authority, "tls.crt": made.cert, "tls.key": made.key };
  return {
    ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata: { name: secret, namespace } },
    ...before,
    data: Object.fromEntries(Object.entries(data).map(([name, pem]) => [name, Buffer.from(pem).toString("base64")])),
  };
}

/** @returns `undefined` for anything but a certificate for this service by the authority beside it. */
function installedCertificate(secret: JsonObject | undefined, options: InstallOptions): Installed | undefined {
  const data = isJsonObject(secret?.["data"]) ? secret["data"] : {};
  const [authority, cert, key] = ["ca.crt", "tls.crt", "tls.key"].map((name) => decoded(data[name]));
  if (authority === undefined || cert === undefined || key === undefined) return undefined;
  try {
    const leaf = new X509Certificate(cert);
    const issuer = new X509Certificate(authority);
    const fits = leaf.checkHost(hostOf(options)) !== undefined && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
    return fits ? { authority, leaf } : undefined;
  } catch {
    // Whatever lies there, it is no certificate.
    return undefined;
  }
}

function isDue({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  return now.getTime() >= from + (to - from) * RENEWED_AFTER;
}

/** Makes the configurations trust an authority, besides those that they trust and that are still valid. */
async function trust(
  { objects, clock, logger }: InstallDeps,
  { configurations }: InstallOptions,
  trusted: { readonly authority: string; readonly onlyThis: boolean },
): Promise<void> {
  let found = 0;
  for (const name of configurations) {
    const place = { namespace: "", name };
    for (let attempt = 0; ; attempt += 1) {
      if (attempt === ATTEMPTS) throw contested(`MutatingWebhookConfiguration ${name}`);
      const before = await objects.getObject(CONFIGURATIONS, place);
      if (before === undefined) break;
      found += attempt === 0 ? 1 : 0;
      const after = trusting(before, trusted, clock.now());
      if (after === undefined) break;
      if ((await objects.replaceObject(CONFIGURATIONS, place, after)) === undefined) continue;
      logger.info("configuration trusts the certificate", { configuration: name });
      break;
    }
  }
  if (found > 0) return;
  throw new KubeError(
    "KUBE_REJECTED",
    `There is no MutatingWebhookConfiguration ${configurations.join(" or ")}: create it first`,
  );
}

/** @returns `undefined` where nothing changes. */
function trusting(
  configuration: JsonObject,
  { authority, onlyThis }: { readonly authority: string; readonly onlyThis: boolean },
  now: Date,
): JsonObject | undefined {
  const webhooks = Array.isArray(configuration["webhooks"]) ? configuration["webhooks"].filter(isJsonObject) : [];
  let changed = false;
  const after = webhooks.map((webhook) => {
    const client = isJsonObject(webhook["clientConfig"]) ? webhook["clientConfig"] : {};
    const before = decoded(client["caBundle"]) ?? "";
    const others = onlyThis ? [] : certificatesIn(before).filter((pem) => isValid(pem, now) && pem.trim() !== authority.trim());
    const bundle = [authority.trim(), ...others].map((pem) => `${pem}\n`).join("");
    if (bundle === before) return webhook;
    changed = true;
    return { ...webhook, clientConfig: { ...client, caBundle: Buffer.from(bundle).toString("base64") } };
  });
  return changed ? { ...configuration, webhooks: after } : undefined;
}

function certificatesIn(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function isValid(pem: string, now: Date): boolean {
  try {
    return new X509Certificate(pem).validToDate > now;
  } catch {
    return false;
  }
}

function decoded(json: JsonValue | undefined): string | undefined {
  return typeof json === "string" && json !== "" ? Buffer.from(json, "base64").toString("utf8") : undefined;
}

function contested(what: string): KubeError {
  return new KubeError("KUBE_REJECTED", `${what} is changed by somebody else again and again`);
}
