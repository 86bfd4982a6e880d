/**
 * Everything about the connection that is decided before it is opened: address, TLS, reconnect delays, proxy, forced package and
 * layout. Reads environment values only; loads no gRPC library, so a bad value is found at start-up at no cost.
 *
 * Source: docs/spec/driver-command-line.md#environment, docs/spec/connections.md#connection-of-the-driver, #drv-1,
 * #connections-of-the-launcher, #lau-1, #lau-2, #endpoint-and-channel.
 *
 * @module
 */
import type { GivenApiServerFlags } from "../core/api-server-flags.ts";
import { UsageError } from "../core/errors.ts";
import { parseGoDuration } from "../core/go/duration.ts";
import type { ApiPackage } from "../wire/grpc-definition.ts";
import type { RunLayout } from "../wire/run-layout.ts";
import { chooseProxy, type Environment, type HttpProxy } from "./proxy.ts";

/** What the command line says about the connection, as texts: reading them is done here. */
export interface ConnectionFlags extends GivenApiServerFlags {
  /** Used when neither flags nor environment name a server; the reference's is `ml-pipeline.kubeflow`. */
  readonly defaultAddress?: string;
}

/** How a broken connection is opened again. grpc-js takes delays and connect timeout; its growth (1.6) and jitter (0.2) are fixed. */
export interface ReconnectSettings {
  readonly baseDelayMs: number;
  readonly multiplier: number;
  readonly jitter: number;
  readonly maxDelayMs: number;
  readonly minConnectTimeoutMs: number;
}

/** Everything a channel is opened with, checked. Never logged as a whole: the proxy may carry a password. */
export interface ChannelSettings {
  readonly host: string;
  readonly port: number;
  /** Never plaintext when TLS was asked for. */
  readonly tls: { readonly caCertPath: string; readonly systemRootsPath?: string } | undefined;
  /** `undefined`: the library's own defaults. */
  readonly reconnect: ReconnectSettings | undefined;
  readonly proxy: HttpProxy | undefined;
  /** How long calls are tried again while the server gives no answer; 0: never. `undefined`: the default. */
  readonly retryTimeoutMs?: number | undefined;
  /** `KFP_API_PACKAGE`. */
  readonly forcedPackage: ApiPackage | undefined;
  /** `KFP_RUN_LAYOUT`. */
  readonly forcedLayout: Exclude<RunLayout, "unknown"> | undefined;
}

const DEFAULT_ADDRESS = "ml-pipeline.kubeflow";
const DEFAULT_PORT = "8887";

/**
 * Reads the settings of the connection.
 *
 * @throws {UsageError} ENVIRONMENT_INVALID naming the variable, or FLAG_INVALID for a port that is not a number.
 */
export function readChannelSettings(environment: Environment, flags: ConnectionFlags): ChannelSettings {
  const { host, port } = chooseAddress(environment, flags);
  const systemRootsPath = environment["SSL_CERT_FILE"] ?? "";
  return {
    host,
    port,
    tls: flags.tlsEnabled ? { caCertPath: flags.caCertPath, ...(systemRootsPath === "" ? {} : { systemRootsPath }) } : undefined,
    reconnect: readReconnectSettings(environment),
    retryTimeoutMs: readRetryTimeoutMs(environment, flags.retryTimeout ?? ""),
    proxy: chooseProxy(environment, host, port),
    forcedPackage: readWord(environment, "KFP_API_PACKAGE", ["v2beta1", "v2"]),
    forcedLayout: readWord(environment, "KFP_RUN_LAYOUT", ["branch", "merged"]),
  };
}

/** `host:port`, with brackets around an IPv6 address. */
export function endpointText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Flags when both are non-empty, else the environment pair when both are, else the default (a half-given pair counts as absent). */
function chooseAddress(environment: Environment, flags: ConnectionFlags): { host: string; port: number } {
  const pairs = [
    [flags.address, flags.port],
    [environment["KFP_API_ADDRESS"], environment["KFP_API_PORT"]],
  ];
  const [address = "", portText = ""] = pairs.find((pair) => pair.every((part) => part !== undefined && part !== "")) ?? [
    flags.defaultAddress ?? DEFAULT_ADDRESS,
    DEFAULT_PORT,
  ];
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) {
    const source = portText === flags.port ? "flag --ml_pipeline_server_port" : "environment variable KFP_API_PORT";
    const code = portText === flags.port ? "FLAG_INVALID" : "ENVIRONMENT_INVALID";
    throw new UsageError(code, `Cannot read ${source}: "${portText}" is not a port number from 1 to 65535`);
  }
  return { host: address.replace(/^\[(.*)\]$/, "$1"), port };
}

function readReconnectSettings(environment: Environment): ReconnectSettings | undefined {
  const prefix = "ML_PIPELINE_GRPC_";
  const baseDelayMs = readDurationMs(environment, `${prefix}BACKOFF_BASE_DELAY`);
  const multiplier = readNumber(environment, `${prefix}BACKOFF_MULTIPLIER`);
  const jitter = readNumber(environment, `${prefix}BACKOFF_JITTER`);
  const maxDelayMs = readDurationMs(environment, `${prefix}BACKOFF_MAX_DELAY`);
  const minConnectTimeoutMs = readDurationMs(environment, `${prefix}MIN_CONNECT_TIMEOUT`);
  if ([baseDelayMs, multiplier, jitter, maxDelayMs, minConnectTimeoutMs].every((value) => value === undefined)) return undefined;
  return {
    baseDelayMs: baseDelayMs ?? 1000,
    multiplier: multiplier ?? 1.6,
    jitter: jitter ?? 0.2,
    maxDelayMs: maxDelayMs ?? 120_000,
    minConnectTimeoutMs: minConnectTimeoutMs ?? 20_000,
  };
}

function readRetryTimeoutMs(environment: Environment, flag: string): number | undefined {
  if (flag === "") return readDurationMs(environment, "KFP_API_RETRY_TIMEOUT");
  const ms = parseGoDuration(flag);
  if (ms === undefined || ms < 0) {
    throw new UsageError("FLAG_INVALID", `Cannot read flag --api_retry_timeout: "${flag}" is not a duration such as 90s or 10m`);
  }
  return ms;
}

function readDurationMs(environment: Environment, name: string): number | undefined {
  const text = environment[name] ?? "";
  if (text === "") return undefined;
  const ms = parseGoDuration(text);
  if (ms === undefined || ms < 0) {
    throw new UsageError(
      "ENVIRONMENT_INVALID",
      `Cannot read environment variable ${name}: "${text}" is not a duration such as 500ms or 1m30s`,
    );
  }
  return ms;
}

function readNumber(environment: Environment, name: string): number | undefined {
  const text = environment[name] ?? "";
  if (text === "") return undefined;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    throw new UsageError(
      "ENVIRONMENT_INVALID",
      `Cannot read environment variable ${name}: "${text}" is not a number such as 1.6`,
    );
  }
  return Number(text);
}

function readWord<Word extends string>(environment: Environment, name: string, words: readonly Word[]): Word | undefined {
  const text = environment[name] ?? "";
  if (text === "") return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word === undefined) {
    throw new UsageError(
      "ENVIRONMENT_INVALID",
      `Cannot read environment variable ${name}: "${text}" is none of ${words.join(", ")}`,
    );
  }
  return word;
}
