/**
 * Certificate authorities that TLS trusts when nobody says which, and their late reading.
 *
 * As soon as Node 24 loads `node:tls`, which HTTP/2 needs, a thread of it parses the 150 certificates that Node carries: some 10 ms of CPU
 * and 2 MiB in programs that may never speak TLS. Our programs are therefore started with `--use-openssl-ca` (docs/adr/0047), which
 * leaves that out, and here these certificates come back when a connection needs them.
 *
 * @module
 */
import * as tls from "node:tls";

/** The option with which our start scripts start Node. Set by somebody else, by NODE_OPTIONS, it is what they want, and stays. */
const OPTION = "--use-openssl-ca";

let isDone = false;

/**
 * What Node trusts when it is started without options: the certificates it carries and those of NODE_EXTRA_CA_CERTS.
 *
 * @returns PEM texts, one certificate each.
 */
export function defaultAuthorities(): readonly string[] {
  // Node before 22.15 lacks the function, hence the namespace import, and knows only the certificates it carries.
  if (typeof tls.getCACertificates !== "function") return tls.rootCertificates;
  if (!isLeftOut()) return tls.getCACertificates("default");
  return [...tls.getCACertificates("bundled"), ...tls.getCACertificates("extra")];
}

/** Call it before a TLS connection that names no authorities. The first call of a process takes some 10 ms, later ones nothing. */
export function trustDefaultAuthorities(): void {
  if (isDone) return;
  isDone = true;
  // The start scripts give the option only to a Node of theirs, which has the function.
  if (isLeftOut() && typeof tls.setDefaultCACertificates === "function") tls.setDefaultCACertificates([...defaultAuthorities()]);
}

function isLeftOut(): boolean {
  return process.execArgv.includes(OPTION);
}
