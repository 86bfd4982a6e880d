/**
 * A small HTTP server that tells how a long-running program is: health checks and metrics. It takes nothing in.
 *
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a path answers. */
export interface StatusPage {
  readonly status: number;
  readonly text: string;
  /** Default: plain text. */
  readonly contentType?: string;
}

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface StatusServerOptions {
  /** Empty: every address of the machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly pages: Readonly<Record<string, () => StatusPage>>;
}

const TIMEOUT_MS = 5000;

/** Rejects when the address cannot be used. */
export async function startStatusServer({ host, port, pages }: StatusServerOptions): Promise<StatusServer> {
  const server = createServer({ requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS }, (request, response) => {
    const path = (request.url ?? "").replace(/\?.*/s, "");
    const isRead = request.method === "GET" || request.method === "HEAD";
    const page = isRead && Object.hasOwn(pages, path) ? pages[path] : undefined;
    const { status, text, contentType = "text/plain; charset=utf-8" } = page?.() ?? { status: 404, text: "not found\n" };
    response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
    response.end(request.method === "HEAD" ? "" : text);
  });
  server.keepAliveTimeout = TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host === "" ? {} : { host }) }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
