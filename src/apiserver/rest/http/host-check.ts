/**
 * Which requests a server on this machine answers: those that name it by a name that only it has, and come from no other site. Pure.
 *
 * A page of any site can make a browser send requests to 127.0.0.1, and by rebinding a name of its own to that address even read the
 * answers; the name it had to use is in `Host`, the site it is of in `Origin`.
 *
 * Source: docs/spec/api-server.md#decision-rest-callers.
 *
 * @module
 */
import { RequestProblem } from "./error-answer.ts";

/** Names and origins besides this machine's own. */
export interface AllowedCallers {
  /** Host names without port; `*` for any. */
  readonly hosts: readonly string[];
  /** Origins as browsers send them: `http://localhost:3000`. */
  readonly origins: readonly string[];
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * @throws {RequestProblem} PERMISSION_DENIED for a foreign host or origin.
 */
export function assertAllowedCaller(
  { host, origin }: { readonly host?: string | undefined; readonly origin?: string | undefined },
  allowed: AllowedCallers,
): void {
  const name = hostName(host ?? "");
  if (!LOOPBACK.has(name) && !allowed.hosts.includes("*") && !allowed.hosts.includes(name)) {
    throw denied("The request names a host that this server does not go by; allow the name when starting it");
  }
  if (origin === undefined || allowed.origins.includes(origin)) return;
  if (origin === `http://${host}` || origin === `https://${host}`) return;
  throw denied("The request comes from a page of another origin; allow the origin when starting the server");
}

/** Lower case, without port and without a dot at the end. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
}

function denied(message: string): RequestProblem {
  return new RequestProblem(message, { status: "PERMISSION_DENIED" });
}
