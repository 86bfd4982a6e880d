/**
 * The embedded server with REST on a free port, and plain `fetch` against it.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { startFakeApiServer } from "./api-server.ts";
import type { RestOptions } from "../../src/apiserver/rest/start-rest.ts";
import type { WatchedServer, WatchedServerOptions } from "./watched-server.ts";

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a JSON answer; empty for others. */
  readonly json: JsonObject;
}

export interface RestApi {
  readonly server: WatchedServer;
  /** Without a slash at the end. */
  readonly url: string;
  /** What the server calls internal errors, by place. */
  readonly internal: string[];
  /** @param path Below /apis/v2beta1, or from the root when it begins with `//`. */
  request(this: void, method: string, path: string, body?: unknown, init?: RequestInit): Promise<RestAnswer>;
  get(this: void, path: string, init?: RequestInit): Promise<RestAnswer>;
  post(this: void, path: string, body?: unknown, init?: RequestInit): Promise<RestAnswer>;
}

/** Closed when the running test ends. */
export async function startRestApi(
  options: Partial<Omit<WatchedServerOptions, "rest">> & { readonly rest?: Partial<RestOptions> } = {},
): Promise<RestApi> {
  const internal: string[] = [];
  const server = await startFakeApiServer({
    onInternalError: (method, error) => internal.push(`${method}: ${error instanceof Error ? error.message : String(error)}`),
    ...options,
    rest: { build: { commit: "c0ffee", version: "1.2.3" }, ...options.rest },
  });
  const url = `http://127.0.0.1:${server.rest?.port ?? 0}`;
  const request: RestApi["request"] = async (method, path, body, init = {}) => {
    const response = await fetch(path.startsWith("//") ? `${url}${path.slice(1)}` : `${url}/apis/v2beta1${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...init,
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json" && text !== "";
    return { status: response.status, headers: response.headers, text, json: isJson ? (JSON.parse(text) as JsonObject) : {} };
  };
  return {
    server,
    url,
    internal,
    request,
    get: async (path, init) => await request("GET", path, undefined, init),
    post: async (path, body, init) => await request("POST", path, body, init),
  };
}
