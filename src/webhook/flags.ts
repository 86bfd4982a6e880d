/**
 * The command line of `driver webhook`.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { parseFlags, usageText, type FlagTable } from "../core/go/flags.ts";
import { readLogLevel } from "../program/log-level.ts";
import { DEFAULT_LOOP_PARALLELISM } from "../resident/rewrite/marks.ts";
import type { CertificatePaths } from "./certificate-files.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text, in the order of the usage text. */
export const WEBHOOK_FLAGS = {
  listen_address: string("address and port of the webhooks, over HTTPS", ":8443"),
  status_address: string("address and port of health checks and metrics; empty means none", ":8080"),
  cert_path: string("PEM file of the server's certificate, read again when it changes", "/etc/kfp-runtime/webhook/tls.crt"),
  key_path: string("PEM file of its private key", "/etc/kfp-runtime/webhook/tls.key"),
  agent_ready_url: string(
    "URL that answers 200 while a resident driver is ready; workflows are left alone otherwise. Empty: it is always taken as ready",
  ),
  for_plugin: {
    type: "bool",
    default: false,
    help: "drivers run as an executor plugin beside Argo's agent: the workflow's pods get the volumes that it needs",
  },
  loop_parallelism: {
    type: "int",
    default: DEFAULT_LOOP_PARALLELISM,
    help: "iterations at a time of loops that do not say; 0 leaves them unlimited",
  },
  log_level: string("log verbosity; from 2 on it says what was ignored", "1"),
  version: { type: "bool", default: false, help: "print the version and exit" },
} as const satisfies FlagTable;

/** What the program was asked to do. */
export type WebhookCommand =
  | { readonly mode: "help"; readonly text: string }
  | { readonly mode: "version" }
  | {
      readonly mode: "serve";
      readonly settings: WebhookSettings;
      readonly logLevel: number;
      /** What the log should begin with. */
      readonly warnings: readonly string[];
    };

/** Where to listen. */
export interface ListenAddress {
  /** Empty: every address of the machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** How to serve. */
export interface WebhookSettings extends CertificatePaths {
  readonly listen: ListenAddress;
  /** Absent: nothing listens. */
  readonly status?: ListenAddress;
  /** Absent: it is always taken as ready. */
  readonly agentReadyUrl?: string;
  readonly loopParallelism: number;
  readonly forPlugin: boolean;
}

/** @throws {UsageError} FLAG_INVALID for flags that cannot be read. */
export function parseWebhookFlags(argv: readonly string[]): WebhookCommand {
  const parsed = parseFlags(WEBHOOK_FLAGS, argv);
  const { values } = parsed;
  if (parsed.help) return { mode: "help", text: usageText(WEBHOOK_FLAGS, "driver webhook") };
  if (values.version) return { mode: "version" };
  const [word] = parsed.positional;
  if (word !== undefined) throw invalid(word, `Cannot read argument ${JSON.stringify(word)}: it is not a flag`);
  const level = readLogLevel(values.log_level);
  const { status_address: status, agent_ready_url: url } = values;
  if (url !== "" && (!URL.canParse(url) || new URL(url).protocol !== "http:"))
    throw invalid("agent_ready_url", `Cannot read flag --agent_ready_url: "${url}" is not a URL of plain HTTP`);
  return {
    mode: "serve",
    settings: {
      listen: readAddress("listen_address", values.listen_address),
      ...(status === "" ? {} : { status: readAddress("status_address", status) }),
      certPath: values.cert_path,
      keyPath: values.key_path,
      ...(url === "" ? {} : { agentReadyUrl: url }),
      loopParallelism: readParallelism(values.loop_parallelism),
      forPlugin: values.for_plugin,
    },
    logLevel: level.logLevel,
    warnings: [...parsed.warnings, ...level.warnings],
  };
}

function readAddress(flag: string, text: string): ListenAddress {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw invalid(flag, `Cannot read flag --${flag}: "${text}" is not an address and a port such as :8080`);
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}

function readParallelism(value: number): number {
  if (value >= 0) return value;
  throw invalid("loop_parallelism", `Cannot read flag --loop_parallelism: ${value} is below 0`);
}

function invalid(flag: string, message: string): UsageError {
  return new UsageError("FLAG_INVALID", message, { details: { flag } });
}
