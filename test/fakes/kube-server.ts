/**
 * A tiny Kubernetes API server: answers from a map of paths, over HTTP or HTTPS.
 *
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";

export interface FakeKubeServer {
  readonly url: string;
  readonly port: number;
  readonly requests: { readonly path: string; readonly authorization: string | undefined }[];
  /** Objects by path; a number is a bare status. */
  readonly answers: Map<string, object | number | "reset" | "hang">;
  close(): Promise<void>;
}

export async function startFakeKubeServer(tls?: { readonly key: string; readonly cert: string }): Promise<FakeKubeServer> {
  const requests: FakeKubeServer["requests"] = [];
  const answers: FakeKubeServer["answers"] = new Map();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? "";
    requests.push({ path, authorization: request.headers.authorization });
    const answer = answers.get(path) ?? 404;
    if (answer === "hang") return;
    if (answer === "reset") return void request.socket.destroy();
    const status = typeof answer === "number" ? answer : 200;
    const body = typeof answer === "number" ? { kind: "Status", message: `status ${answer} for ${path}` } : answer;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const server = tls === undefined ? createHttpServer(serve) : createHttpsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the fake Kubernetes server has no port");
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    answers,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
