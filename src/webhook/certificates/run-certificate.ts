/**
 * `driver webhook-certificate` without its process: makes or renews the webhook's certificate, once.
 *
 * Exit codes: 0 the certificate is there and trusted, also for help and version; 1 any failure; 2 malformed flags.
 *
 * @module
 */
import { errorMessage, KfpError, UsageError } from "../../core/errors.ts";
import { parseFlags, usageText, type FlagTable } from "../../core/go/flags.ts";
import { formatVersion } from "../../program/build-info.ts";
import type { ProgramHost } from "../../program/host.ts";
import { readLogLevel } from "../../program/log-level.ts";
import { reportUsage } from "../../program/usage.ts";
import { installCertificate, type CertificateObjects, type InstallOptions } from "./install-certificate.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text, in the order of the usage text. */
export const CERTIFICATE_FLAGS = {
  namespace: string("namespace of the Secret and of the Service; empty means that of this pod"),
  secret: string("Secret that the certificate is kept in", "kfp-runtime-webhook-tls"),
  service: string("Service by which Kubernetes reaches the webhook", "kfp-runtime-webhook"),
  configurations: string(
    "MutatingWebhookConfigurations that trust the certificate, separated by commas; those that are not there are left out",
    "kfp-runtime-workflow,kfp-runtime-agent-pod",
  ),
  valid_days: { type: "int", default: 365, help: "days that a certificate is valid; it is renewed when a third is left" },
  log_level: string("log verbosity", "1"),
  version: { type: "bool", default: false, help: "print the version and exit" },
} as const satisfies FlagTable;

/** What the main file wires up. */
export interface CertificateHost extends Pick<
  ProgramHost<never>,
  "environment" | "stdout" | "stderr" | "clock" | "createLogger"
> {
  /** Called once the command line has been read. */
  readonly openObjects: () => CertificateObjects & { close(): void };
}

/** A program by its name, as its usage text has it. */
const PROGRAM = { name: "driver webhook-certificate", flags: CERTIFICATE_FLAGS };
/** Go's certificates end with the year 9999; nobody means more than this. */
const LONGEST_DAYS = 3650;

/** Makes sure of the certificate. Never throws. */
export async function runCertificate(argv: readonly string[], host: CertificateHost): Promise<number> {
  let options: InstallOptions;
  let logger;
  try {
    const parsed = parseFlags(CERTIFICATE_FLAGS, argv);
    if (parsed.help) {
      host.stdout.write(usageText(CERTIFICATE_FLAGS, PROGRAM.name));
      return 0;
    }
    if (parsed.values.version) {
      host.stdout.write(`${formatVersion(PROGRAM.name)}\n`);
      return 0;
    }
    const [word] = parsed.positional;
    if (word !== undefined) throw invalid(`Cannot read argument ${JSON.stringify(word)}: it is not a flag`);
    options = installOptions(parsed.values, host.environment);
    const level = readLogLevel(parsed.values.log_level);
    logger = host.createLogger(level.logLevel);
    for (const warning of [...parsed.warnings, ...level.warnings]) logger.warn(warning);
  } catch (error) {
    return reportUsage(error, host.stderr, PROGRAM);
  }
  const objects = host.openObjects();
  try {
    const result = await installCertificate({ objects, clock: host.clock, logger }, options);
    logger.info(result === "renewed" ? "the certificate is a new one" : "the certificate stays as it is");
    return 0;
  } catch (error) {
    logger.error(`webhook-certificate failed: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
    return 1;
  } finally {
    objects.close();
  }
}

function installOptions(
  values: Record<"namespace" | "secret" | "service" | "configurations", string> & { readonly valid_days: number },
  environment: CertificateHost["environment"],
): InstallOptions {
  const namespace = values.namespace || environment["NAMESPACE"] || "";
  if (namespace === "")
    throw new UsageError("ENVIRONMENT_INVALID", "Environment variable NAMESPACE must hold the namespace, or --namespace");
  const { secret, service, valid_days: validDays } = values;
  if (validDays < 1 || validDays > LONGEST_DAYS)
    throw invalid(`Cannot read flag --valid_days: ${validDays} is not a number from 1 to ${LONGEST_DAYS}`);
  const configurations = values.configurations.split(",").filter((name) => name !== "");
  return { namespace, secret, service, configurations, validDays };
}

function invalid(message: string): UsageError {
  return new UsageError("FLAG_INVALID", message);
}
