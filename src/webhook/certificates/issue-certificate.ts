/**
 * X.509 certificates for servers of ours, where no certificate manager is: ECDSA on P-256, signed by themselves or by an authority.
 *
 * Node reads certificates but makes none. What is written here is the profile that Go's verifier, which Kubernetes uses, asks for: names in
 * the subject alternative name, key usages, and key identifiers.
 *
 * Standard: RFC 5280 4.1, 4.2.1; RFC 5480; RFC 5758 3.2; X.690 (DER).
 *
 * @module
 */
import { createHash, generateKeyPairSync, KeyObject, createPrivateKey, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIPv4 } from "node:net";

/** A certificate with its private key, both PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateSubject {
  /** Shown by tools; nothing is verified by it. */
  readonly commonName: string;
  /** Names and IPv4 addresses that clients may reach the server by; none for an authority. */
  readonly hosts: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
}

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const SUBJECT_KEY_IDENTIFIER = oid(0x55, 0x1d, 0x0e);
const KEY_USAGE = oid(0x55, 0x1d, 0x0f);
const SUBJECT_ALTERNATIVE_NAME = oid(0x55, 0x1d, 0x11);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const AUTHORITY_KEY_IDENTIFIER = oid(0x55, 0x1d, 0x23);
const EXTENDED_KEY_USAGE = oid(0x55, 0x1d, 0x25);
const SERVER_AUTHENTICATION = oid(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01);
const TRUE = der(0x01, Buffer.from([0xff]));
/** digitalSignature; an authority also keyCertSign and cRLSign. */
const USAGE_OF_SERVER = der(0x03, Buffer.from([7, 0x80]));
const USAGE_OF_AUTHORITY = der(0x03, Buffer.from([1, 0x86]));

/** @param authority Signs it; absent: it signs itself. */
export function issueCertificate(subject: CertificateSubject, authority?: TlsIdentity): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = authority === undefined ? undefined : new X509Certificate(authority.cert);
  const signer = authority === undefined ? privateKey : createPrivateKey(authority.key);
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    // Positive, unique without a register, and 17 bytes of at most 20.
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(16)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer === undefined ? subject.commonName : commonNameOf(issuer)),
    sequence(time(subject.notBefore), time(subject.notAfter)),
    distinguishedName(subject.commonName),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions(subject, publicKey, issuer?.publicKey ?? publicKey))),
  );
  const signature = sign("sha256", content, signer);
  const bits = der(0x03, Buffer.concat([Buffer.from([0]), signature]));
  return {
    cert: pem("CERTIFICATE", sequence(content, ECDSA_WITH_SHA256, bits)),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function extensions({ hosts, isAuthority }: CertificateSubject, own: KeyObject, issuer: KeyObject): Buffer[] {
  const names = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host, "latin1")),
  );
  return [
    extension(BASIC_CONSTRAINTS, isAuthority ? sequence(TRUE) : sequence(), { critical: true }),
    extension(KEY_USAGE, isAuthority ? USAGE_OF_AUTHORITY : USAGE_OF_SERVER, { critical: true }),
    ...(isAuthority ? [] : [extension(EXTENDED_KEY_USAGE, sequence(SERVER_AUTHENTICATION))]),
    extension(SUBJECT_KEY_IDENTIFIER, der(0x04, keyIdentifier(own))),
    extension(AUTHORITY_KEY_IDENTIFIER, sequence(der(0x80, keyIdentifier(issuer)))),
    ...(names.length === 0 ? [] : [extension(SUBJECT_ALTERNATIVE_NAME, sequence(...names))]),
  ];
}

function extension(id: Buffer, value: Buffer, { critical }: { readonly critical: boolean } = { critical: false }): Buffer {
  return sequence(id, ...(critical ? [TRUE] : []), der(0x04, value));
}

/** SHA-1 of the point, which the last 65 bytes of the key's form are (RFC 5280 4.2.1.2). */
function keyIdentifier(key: KeyObject): Buffer {
  const point = key.export({ type: "spki", format: "der" }).subarray(-65);
  return createHash("sha1").update(point).digest();
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
}

function commonNameOf({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? "";
}

/** UTCTime until 2049, then GeneralizedTime. */
function time(moment: Date): Buffer {
  const digits = `${moment.toISOString().replaceAll(/\D/g, "").slice(0, 14)}Z`;
  return moment.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function der(tag: number, content: Buffer): Buffer {
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
