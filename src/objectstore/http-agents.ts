/**
 * Agents for every HTTP client of this program: keep-alive, proxies and extra certificates from the handed-in environment.
 *
 * Node ignores SSL_CERT_FILE and, unless told, the proxy variables, all of which a Go program obeys
 * (docs/spec/portable-launcher.md#pitfalls (pitfall 7), docs/spec/launcher-flow.md#traps-for-a-nodejs-implementation). `proxyEnv`
 * exists from Node 22.21 and 24.5; an older Node connects directly.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import { defaultAuthorities } from "../node/default-authorities.ts";
import { TlsAgent } from "../node/tls-agent.ts";
import { BRIEF_REQUESTS, DirectConnections, LARGE_RANGES } from "./http/direct-connections.ts";

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Agents for both protocols, with keep-alive. */
export interface HttpAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** For large ranges. Absent where a proxy may stand between. */
  readonly direct?: DirectConnections;
  /** For small objects, by the thousand. Absent where a proxy may stand between. */
  readonly brief?: DirectConnections;
  /** Closes idle and busy connections. */
  destroy(): void;
}

/** What connections have to respect. */
export interface HttpAgentsOptions {
  readonly environment: Environment;
  /** PEM text trusted besides the roots of Node and the files that AWS_CA_BUNDLE and SSL_CERT_FILE name. */
  readonly extraCaPem?: string;
  /** Connections per host. */
  readonly maxSockets: number;
}

const PROXY_VARIABLES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] as const;

/** Makes the agents. Files of certificates that cannot be read are passed over. */
export async function createHttpAgents(options: HttpAgentsOptions): Promise<HttpAgents> {
  const proxies = proxySettings(options.environment);
  const shared = { keepAlive: true, maxSockets: options.maxSockets, ...proxies };
  const extra = await readExtraCertificates(options);
  const trust = extra.length === 0 ? {} : { ca: [...defaultAuthorities(), ...extra] };
  const http = new HttpAgent(shared);
  const https = new TlsAgent({ ...shared, ...trust });
  const direct = new DirectConnections(LARGE_RANGES, trust);
  const brief = new DirectConnections(BRIEF_REQUESTS, trust);
  return {
    http,
    https,
    ...(proxies.proxyEnv === undefined ? { direct, brief } : {}),
    destroy() {
      direct.destroy();
      brief.destroy();
      http.destroy();
      https.destroy();
    },
  };
}

function proxySettings(environment: Environment): { proxyEnv?: NodeJS.ProcessEnv } {
  const found = PROXY_VARIABLES.filter((name) => (environment[name] ?? "") !== "");
  if (found.length === 0) return {};
  // Go never sends loopback traffic through a proxy. Node reads the lower case name first.
  const excluded = environment["no_proxy"] || environment["NO_PROXY"] || "";
  const variables = found.map((name) => [name, environment[name]]);
  return { proxyEnv: { ...Object.fromEntries(variables), no_proxy: `localhost,127.0.0.1,::1,${excluded}` } };
}

/** Unreadable files are passed over, as the reference does with its bundle candidates. */
async function readExtraCertificates(options: HttpAgentsOptions): Promise<string[]> {
  const paths = new Set(
    ["AWS_CA_BUNDLE", "SSL_CERT_FILE"].map((name) => options.environment[name] ?? "").filter((path) => path !== ""),
  );
  const texts = await Promise.all([...paths].map((path) => readFile(path, "utf8").catch(() => "")));
  return [...texts, options.extraCaPem ?? ""].filter((pem) => pem.includes("-----BEGIN"));
}
