/**
 * The certificates the user's program shall trust: the system's and the installation's own, in one file.
 *
 * Source: docs/spec/inputs-and-user-command.md#ca-bundle, #lau-21, docs/spec/launcher-flow.md#launcher-of-later-upstream.
 *
 * @module
 */
import { readCaFile } from "../core/ca-file.ts";
import { errorMessage } from "../core/errors.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Logger } from "../ports/logger.ts";
import type { LauncherSettings } from "./settings.ts";

const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Where certificates are read from and written to. */
export interface CaBundleDeps {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  readonly settings: Pick<LauncherSettings, "systemCertificatesPath" | "temporaryFolder">;
}

/** All roots of a system are some hundred kilobytes. */
const CERTIFICATES_LIMIT = { maxBytes: 16 * 1024 * 1024 };

/**
 * Writes the bundle and names the variables that make programs use it; no variables without a certificate of our own.
 *
 * @param caCertPath Empty means none.
 * @throws {UsageError} FILE_UNREADABLE when that file cannot be read.
 */
export async function prepareCaBundle(deps: CaBundleDeps, caCertPath: string): Promise<Record<string, string>> {
  if (caCertPath === "") return {};
  const { fileSystem, settings } = deps;
  const own = await readCaFile(caCertPath, (path) => fileSystem.readRegularText(path, CERTIFICATES_LIMIT));
  const system = await readSystemBundle(deps, caCertPath);
  const path = `${settings.temporaryFolder}/ca-bundle-${crypto.randomUUID()}.crt`;
  await fileSystem.makeDirectory(settings.temporaryFolder);
  // Certificates of two files must not run into each other on one line.
  await fileSystem.writeText(path, system === undefined || system.endsWith("\n") ? `${system ?? ""}${own}` : `${system}\n${own}`);
  return { REQUESTS_CA_BUNDLE: path, AWS_CA_BUNDLE: path, SSL_CERT_FILE: path };
}

async function readSystemBundle({ fileSystem, logger, settings }: CaBundleDeps, caCertPath: string): Promise<string | undefined> {
  const { systemCertificatesPath: named } = settings;
  const candidates = named === undefined || named === caCertPath ? SYSTEM_BUNDLES : [named, ...SYSTEM_BUNDLES];
  for (const path of candidates) {
    try {
      const text = await fileSystem.readRegularText(path, CERTIFICATES_LIMIT);
      if (text !== undefined) return text;
    } catch (error) {
      logger.warn("A bundle of system certificates cannot be read and is skipped", { path, reason: errorMessage(error) });
    }
  }
  return undefined;
}
