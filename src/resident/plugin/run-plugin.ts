/**
 * `driver plugin` without its process: serves Argo's agent until it is told to stop.
 *
 * Exit codes: 0 stopped when it was told to, also for help and version; 1 any failure; 2 malformed flags.
 *
 * @module
 */
import type { ApiServerFlags } from "../../core/api-server-flags.ts";
import { errorMessage, KfpError, UsageError } from "../../core/errors.ts";
import { parseGoDuration } from "../../core/go/duration.ts";
import { parseFlags, usageText, type FlagTable } from "../../core/go/flags.ts";
import type { LogFields, Logger } from "../../ports/logger.ts";
import { buildInfo, formatVersion } from "../../program/build-info.ts";
import type { ApiConnection, ProgramHost } from "../../program/host.ts";
import { readLogLevel } from "../../program/log-level.ts";
import { reportUsage } from "../../program/usage.ts";
import { executeNodes, type ExecuteNodeDeps } from "./execute-node.ts";
import { PLUGIN_LIMITS, PluginJobs } from "./plugin-jobs.ts";
import { startPluginServer } from "./plugin-server.ts";

const string = (help: string, value = "") => ({ type: "string", default: value, help }) as const;

/** Every flag with type, default and help text, in the order of the usage text. */
export const PLUGIN_FLAGS = {
  listen_address: string(
    "address and port that Argo's agent asks; the port is that of the plugin's container",
    "127.0.0.1:14355",
  ),
  token_path: string("file of the token that Argo's agent shows", "/var/run/argo/token"),
  patch_period: string("how often Argo's agent writes results, its ARGO_AGENT_PATCH_RATE, as 10s", "10s"),
  max_drives: { type: "int", default: PLUGIN_LIMITS.drives, help: "drives at a time" },
  api_retry_timeout: string("how long calls are tried again while the API server does not answer", "30m"),
  log_level: string("log verbosity, as of the driver", "1"),
  version: { type: "bool", default: false, help: "print the version and exit" },
} as const satisfies FlagTable;

/** What the main file wires up. */
export interface PluginHost
  extends
    Omit<ExecuteNodeDeps, "connect" | "createLogger" | "pod" | "retryTimeout">,
    Pick<ProgramHost<ApiServerFlags>, "stdout" | "stderr"> {
  readonly createLogger: (verbosity: number, fields?: LogFields) => Logger;
  readonly connect: (flags: ApiServerFlags, logger: Logger) => Promise<ApiConnection>;
  /** Aborted to stop. */
  readonly signal: AbortSignal;
  /** Told once it listens; for tests, which take any port. */
  readonly onListening?: (port: number) => void;
}

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly tokenPath: string;
  readonly periodMs: number;
  readonly drives: number;
  readonly retryTimeout: string;
  readonly pod: ExecuteNodeDeps["pod"];
  readonly logLevel: number;
  readonly warnings: readonly string[];
}

const PROGRAM = { name: "driver plugin", flags: PLUGIN_FLAGS };
/** The kubelet gives a pod half a minute. */
const STOP_MS = 25_000;
/** For answers that are under way. */
const CLOSE_MS = 1_000;
const TOKEN_LIMIT = { maxBytes: 4096 };

/** Serves until it is told to stop. Never throws. */
export async function runPlugin(argv: readonly string[], host: PluginHost): Promise<number> {
  let settings: Settings;
  try {
    const parsed = parseFlags(PLUGIN_FLAGS, argv);
    if (parsed.help) {
      host.stdout.write(usageText(PLUGIN_FLAGS, PROGRAM.name));
      return 0;
    }
    if (parsed.values.version) {
      host.stdout.write(`${formatVersion(PROGRAM.name)}\n`);
      return 0;
    }
    settings = readSettings(parsed, host.environment);
  } catch (error) {
    return reportUsage(error, host.stderr, PROGRAM);
  }
  const logger = host.createLogger(settings.logLevel);
  for (const warning of settings.warnings) logger.warn(warning);
  try {
    await serve(settings, host, logger);
    return 0;
  } catch (error) {
    logger.error(`plugin failed: ${errorMessage(error)}`, error instanceof KfpError ? { code: error.code } : {});
    return 1;
  }
}

async function serve(settings: Settings, host: PluginHost, logger: Logger): Promise<void> {
  const { clock, files, signal } = host;
  const connections = new Map<string, Promise<ApiConnection>>();
  const execute = executeNodes({
    ...host,
    pod: settings.pod,
    retryTimeout: settings.retryTimeout,
    createLogger: (fields) => host.createLogger(settings.logLevel, fields),
    connect: async (flags, jobLogger) => {
      const key = JSON.stringify(flags);
      const known = connections.get(key) ?? host.connect(flags, jobLogger);
      connections.set(key, known);
      return await known.catch((error: unknown) => {
        connections.delete(key);
        throw error;
      });
    },
  });
  const limits = { ...PLUGIN_LIMITS, drives: settings.drives, periodMs: settings.periodMs };
  const jobs = new PluginJobs({ clock, execute }, limits);
  const token = async (): Promise<string | undefined> => (await files.readAnyText(settings.tokenPath, TOKEN_LIMIT))?.trim();
  const server = await startPluginServer({ host: settings.host, port: settings.port, jobs, token, logger });
  try {
    logger.info("plugin serves", { version: buildInfo.version, port: server.port });
    host.onListening?.(server.port);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    logger.info("plugin stops", { unfinished: jobs.unfinished });
    const deadline = new AbortController();
    const done = new AbortController();
    const overdue = clock.sleep(STOP_MS, done.signal).then(
      () => deadline.abort(new Error("the time is over")),
      () => undefined,
    );
    await jobs.stop(deadline.signal);
    done.abort(new Error("stopped"));
    await overdue;
  } finally {
    await server.close(CLOSE_MS);
    for (const connection of connections.values()) {
      await connection.then(
        (open) => open.close?.(),
        () => undefined,
      );
    }
  }
}

function readSettings(
  { values, positional, warnings }: ReturnType<typeof parseFlags<typeof PLUGIN_FLAGS>>,
  environment: PluginHost["environment"],
): Settings {
  const [word] = positional;
  if (word !== undefined) throw invalid(`Cannot read argument ${JSON.stringify(word)}: it is not a flag`);
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(values.listen_address) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw invalid(
      `Cannot read flag --listen_address: "${values.listen_address}" is not an address and a port such as 127.0.0.1:14355`,
    );
  const periodMs = parseGoDuration(values.patch_period);
  if (periodMs === undefined || periodMs < 0)
    throw invalid(`Cannot read flag --patch_period: "${values.patch_period}" is not a time such as 10s`);
  if (values.max_drives < 1) throw invalid(`Cannot read flag --max_drives: ${values.max_drives} is below 1`);
  const level = readLogLevel(values.log_level);
  return {
    ...{ host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port), tokenPath: values.token_path, periodMs },
    ...{ drives: values.max_drives, retryTimeout: values.api_retry_timeout },
    pod: { name: variable(environment, "KFP_POD_NAME"), uid: variable(environment, "KFP_POD_UID") },
    ...{ logLevel: level.logLevel, warnings: [...warnings, ...level.warnings] },
  };
}

function variable(environment: PluginHost["environment"], name: string): string {
  const value = environment[name] ?? "";
  if (value !== "") return value;
  throw new UsageError("ENVIRONMENT_INVALID", `Environment variable ${name} must hold the identity of this pod`);
}

function invalid(message: string): UsageError {
  return new UsageError("FLAG_INVALID", message);
}
