/**
 * A certificate authority of one: a self-signed certificate for 127.0.0.1 and localhost, made on the spot so that no key lies in
 * the repository.
 *
 * @module
 */
import { issueCertificate, type TlsIdentity } from "../../src/webhook/certificates/issue-certificate.ts";

export type { TlsIdentity };

export function createSelfSignedCertificate(): TlsIdentity {
  return issueCertificate({
    ...{ commonName: "kfp-runtime test", hosts: ["127.0.0.1", "localhost"], isAuthority: true },
    ...{ notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2049-12-31T23:59:59Z") },
  });
}
