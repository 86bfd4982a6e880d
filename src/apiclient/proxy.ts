/**
 * Which HTTP proxy a connection to the API server goes through, decided from environment values as Go's net/http does, because the
 * reference's gRPC library asks it. Pure.
 *
 * grpc-js would read `process.env` by itself, and by other rules (lower case names only); channel.ts switches that off.
 *
 * Source: docs/spec/driver-command-line.md#environment, docs/spec/launcher-command-line.md#environment-and-files.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface HttpProxy {
  /** `host:port` of the proxy, spoken to in plaintext (CONNECT). */
  readonly address: string;
  /** `user:password`, never to be printed. */
  readonly credentials?: string;
}

/**
 * Picks the proxy for a target.
 *
 * @param host Host name or IP address of the API server, without brackets.
 * @returns `undefined` for a direct connection.
 * @throws {UsageError} ENVIRONMENT_INVALID when the proxy variable is no URL.
 */
export function chooseProxy(environment: Environment, host: string, port: number): HttpProxy | undefined {
  const variable = ["HTTPS_PROXY", "https_proxy"].find((name) => (environment[name] ?? "") !== "");
  if (variable === undefined) return undefined;
  if (isExcluded(environment["NO_PROXY"] || environment["no_proxy"] || "", host.toLowerCase(), port)) return undefined;
  const text = environment[variable] ?? "";
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === "") {
    // The value may hold a password, so it is not repeated.
    throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable ${variable}: it is not the URL of a proxy`);
  }
  const address = `${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`;
  if (url.username === "") return { address };
  return { address, credentials: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` };
}

function isExcluded(list: string, host: string, port: number): boolean {
  // Go never sends loopback traffic through a proxy.
  if (host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)) return true;
  return list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && matches(entry, host, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === "*") return true;
  const network = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(entry);
  if (network !== null) return inNetwork(host, network[1] ?? "", Number(network[2]));
  // A bare IPv6 address has colons too: a port follows a name without them, or brackets.
  const [, bracketed, plain, entryPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const name = bracketed ?? plain ?? entry;
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  if (name.startsWith("*.")) return host.endsWith(name.slice(1));
  if (name.startsWith(".")) return host.endsWith(name);
  return host === name || host.endsWith(`.${name}`);
}

function inNetwork(host: string, network: string, prefixLength: number): boolean {
  const address = ipv4Number(host);
  const base = ipv4Number(network);
  if (address === undefined || base === undefined || prefixLength > 32) return false;
  const size = 2 ** (32 - prefixLength);
  return Math.floor(address / size) === Math.floor(base / size);
}

function ipv4Number(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}
