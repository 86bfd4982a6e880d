/**
 * A client of webhooks that trusts one authority, as the API server does.
 *
 * @module
 */
import { request, type RequestOptions } from "node:https";
import type { PeerCertificate, TLSSocket } from "node:tls";
import type { JsonObject } from "../../src/core/values/value.ts";
import { issueCertificate, type TlsIdentity } from "../../src/webhook/certificates/issue-certificate.ts";

const VALIDITY = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2049-01-01T00:00:00Z") };

export const authority = issueCertificate({ ...VALIDITY, commonName: "tests", hosts: [], isAuthority: true });

/** For 127.0.0.1. */
export function serverCertificate(commonName = "webhook", validity = VALIDITY): TlsIdentity {
  return issueCertificate({ ...validity, commonName, hosts: ["127.0.0.1"], isAuthority: false }, authority);
}

export interface WebhookAnswer {
  readonly status: number;
  readonly body: string;
  readonly connection: string | undefined;
  /** Who answered. */
  readonly peer: PeerCertificate;
}

/** @param body Sent as it is; an object as JSON. */
export async function askWebhook(
  port: number,
  path: string,
  body: JsonObject | string | Uint8Array,
  options: RequestOptions = {},
): Promise<WebhookAnswer> {
  return await new Promise((resolve, reject) => {
    const settings: RequestOptions = {
      ...{ host: "127.0.0.1", port, path, method: "POST", ca: authority.cert, agent: false },
      ...{ headers: { "content-type": "application/json" } },
      ...options,
    };
    const asked = request(settings, (response) => {
      const peer = (response.socket as TLSSocket).getPeerCertificate();
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: text, connection: response.headers.connection, peer });
      });
    });
    asked.on("error", reject);
    const isObject = typeof body === "object" && !(body instanceof Uint8Array);
    asked.end(isObject ? JSON.stringify(body) : body);
  });
}
