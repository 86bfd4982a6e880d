/**
 * The certificate of the server and its key, in two files that somebody else renews: cert-manager and the kubelet, or a job of ours.
 *
 * Files are read again and again instead of being watched: the kubelet swaps a link to the folder they lie in, and a change that is missed
 * would only be noticed when the certificate has expired.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorMessage, UsageError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Logger } from "../ports/logger.ts";
import type { TlsIdentity } from "./certificates/issue-certificate.ts";

/** Where the two files are. */
export interface CertificatePaths {
  readonly certPath: string;
  readonly keyPath: string;
}

/** A pair that belongs together. */
export interface ServerCertificate extends TlsIdentity {
  readonly notAfter: Date;
}

/** What reading takes. */
export interface CertificateDeps {
  readonly files: Pick<FileSystem, "readAnyText">;
  readonly clock: Pick<Clock, "sleep">;
  readonly logger: Logger;
}

/** PEM of a chain and of a key are a few kilobytes. */
const FILE_LIMIT = { maxBytes: 1024 * 1024 };

/** @throws {UsageError} FILE_UNREADABLE naming the file, or both where they do not belong together. */
export async function readCertificate(
  files: CertificateDeps["files"],
  { certPath, keyPath }: CertificatePaths,
): Promise<ServerCertificate> {
  const cert = await readPem(files, "certificate", certPath);
  const key = await readPem(files, "private key", keyPath);
  const leaf = parsed("certificate", certPath, () => new X509Certificate(cert));
  const privateKey = parsed("private key", keyPath, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey))
    throw new UsageError("FILE_UNREADABLE", `The certificate ${certPath} is not one of the private key ${keyPath}`);
  return { cert, key, notAfter: leaf.validToDate };
}

/**
 * Reads the files again at an interval, until the signal is aborted. Never throws; what cannot be read is said once, and what is in use stays
 * so.
 *
 * @param current What is in use.
 * @param onChange Called with each other pair.
 */
export async function followCertificate(
  { files, clock, logger }: CertificateDeps,
  current: ServerCertificate,
  options: CertificatePaths & {
    readonly intervalMs: number;
    readonly signal: AbortSignal;
    readonly onChange: (certificate: ServerCertificate) => void;
  },
): Promise<void> {
  const { intervalMs, signal, onChange } = options;
  let inUse = current;
  let said = "";
  while (!signal.aborted) {
    try {
      await clock.sleep(intervalMs, signal);
    } catch {
      return;
    }
    try {
      const found = await readCertificate(files, options);
      said = "";
      if (found.cert === inUse.cert && found.key === inUse.key) continue;
      onChange(found);
      inUse = found;
      logger.info("certificate loaded", { notAfter: found.notAfter.toISOString() });
    } catch (error) {
      const problem = errorMessage(error);
      if (problem !== said) logger.warn(`the certificate stays as it is: ${problem}`);
      said = problem;
    }
  }
}

async function readPem(files: CertificateDeps["files"], what: string, path: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await files.readAnyText(path, FILE_LIMIT);
  } catch (error) {
    throw unreadable(what, path, errorMessage(error), error);
  }
  if (text === undefined) throw unreadable(what, path, "there is no such file");
  return text;
}

/** What OpenSSL says of a key never has anything of the key in it. */
function parsed<T>(what: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw unreadable(what, path, errorMessage(error), error);
  }
}

function unreadable(what: string, path: string, reason: string, cause?: unknown): UsageError {
  return new UsageError("FILE_UNREADABLE", `Cannot read the ${what} ${path}: ${reason}`, { details: { path }, cause });
}
