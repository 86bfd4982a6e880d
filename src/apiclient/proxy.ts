/**
 * Which HTTP proxy a connection to the API server goes through, decided from environment values as Go's net/http does, because the
 * reference's gRPC library asks it. Pure: of node:net only the reading of addresses is used.
 *
 * grpc-js would read `process.env` by itself, and by other rules (lower case names only); channel.ts switches that off.
 *
 * Source: docs/spec/driver-command-line.md#environment, docs/spec/launcher-command-line.md#environment-and-files.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import { UsageError } from "../core/errors.ts";

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that tunnels the connection. */
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
 * @throws {UsageError} ENVIRONMENT_INVALID when the proxy variable is not a URL.
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
  const entries = list.split(",").map((entry) => entry.trim().toLowerCase());
  const names: string[] = [];
  const addresses = new BlockList();
  // Go never sends loopback traffic through a proxy.
  addresses.addSubnet("127.0.0.0", 8);
  addresses.addAddress("::1", "ipv6");
  for (const entry of entries) {
    const network = readNetwork(entry);
    if (network !== undefined) {
      addresses.addSubnet(network.address, network.prefixBits, network.family);
      continue;
    }
    // A bare IPv6 address has colons too: a port follows a name without them, or brackets.
    const [, bracketed, plain, entryPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
    const name = bracketed ?? plain ?? entry;
    if (name === "" || (entryPort !== undefined && Number(entryPort) !== port)) continue;
    const family = addressFamily(name);
    if (family === undefined) names.push(name);
    else addresses.addAddress(name, family);
  }
  const family = addressFamily(host);
  if (host === "localhost" || entries.includes("*") || (family !== undefined && addresses.check(host, family))) return true;
  return names.some((name) => isDomainMatch(name, host));
}

function isDomainMatch(name: string, host: string): boolean {
  const domain = name.startsWith("*.") ? name.slice(1) : name;
  if (domain.startsWith(".")) return host.endsWith(domain);
  return host === domain || host.endsWith(`.${domain}`);
}

type AddressFamily = "ipv4" | "ipv6";

interface Network {
  readonly address: string;
  readonly prefixBits: number;
  readonly family: AddressFamily;
}

/** An address, a slash, and a number of bits that fits it; anything else is a name. */
function readNetwork(entry: string): Network | undefined {
  const [, address = "", bits = ""] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(entry) ?? [];
  const family = addressFamily(address);
  if (family === undefined || Number(bits) > (family === "ipv4" ? 32 : 128)) return undefined;
  return { address, prefixBits: Number(bits), family };
}

/** An address with a zone is a name to Go. */
function addressFamily(text: string): AddressFamily | undefined {
  if (text.includes("%")) return undefined;
  const version = isIP(text);
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined;
}
