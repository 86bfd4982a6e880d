/**
 * The services that logins of Azure talk to, in this process: the token endpoint of Entra ID and the metadata service of a machine. They
 * check what they are sent, and give tokens that azurite takes.
 *
 * @module
 */
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";

export interface AzureLoginRequest {
  readonly path: string;
  readonly form: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

export interface AzureLogin {
  readonly url: string;
  readonly requests: AzureLoginRequest[];
  /** Of the tokens that are handed out from now on. */
  lifetimeSeconds: number;
  /** What the file of the workload identity has to hold. */
  assertion: string;
  /** Answer a status, or an error of Entra ID, for a request that is to fail. */
  fault: (request: AzureLoginRequest) => number | { readonly error: string; readonly description: string } | undefined;
  /** All that have been handed out. */
  readonly tokens: string[];
  close(): Promise<void>;
}

export const TENANT = "11111111-2222-3333-4444-555555555555";
export const CLIENT_ID = "66666666-7777-8888-9999-000000000000";
/** In everything that must not be seen in a message. */
export const PLANTED_SECRET = "planted-secret-value";
const RESOURCE = "https://storage.azure.com/";

export async function startAzureLogin(): Promise<AzureLogin> {
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const what = { path: request.url ?? "/", form: new URLSearchParams(body), headers: request.headers };
      login.requests.push(what);
      const { status, json } = answerTo(what);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
    });
  });
  const login: AzureLogin = {
    url: "",
    requests: [],
    lifetimeSeconds: 3600,
    assertion: `assertion-${PLANTED_SECRET}`,
    fault: () => undefined,
    tokens: [],
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function answerTo(request: AzureLoginRequest): { status: number; json: unknown } {
    const fault = login.fault(request);
    if (typeof fault === "number") return { status: fault, json: { error: "temporarily_unavailable" } };
    if (fault !== undefined) return refused(fault.error, fault.description);
    const { path, form, headers } = request;
    if (path === `/${TENANT}/oauth2/v2.0/token`) {
      if (form.get("grant_type") !== "client_credentials") return refused("unsupported_grant_type", "AADSTS70003: no");
      if (form.get("scope") !== `${RESOURCE}.default`) return refused("invalid_scope", "AADSTS70011: no");
      if (form.get("client_id") !== CLIENT_ID) return refused("unauthorized_client", `AADSTS700016: ${PLANTED_SECRET}`);
      const isAsserted =
        form.get("client_assertion_type") === "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
        form.get("client_assertion") === login.assertion;
      if (!isAsserted && form.get("client_secret") !== PLANTED_SECRET) {
        return refused("invalid_client", `AADSTS7000215: ${PLANTED_SECRET}`);
      }
      return granted((seconds) => seconds);
    }
    const { pathname, searchParams } = new URL(path, "http://metadata");
    if (pathname !== "/metadata/identity/oauth2/token") return { status: 404, json: {} };
    const isWhole = headers["metadata"] === "true" && searchParams.get("api-version") === "2018-02-01";
    if (!isWhole || searchParams.get("resource") !== RESOURCE) return refused("bad_request", "no");
    if (![null, CLIENT_ID].includes(searchParams.get("client_id"))) return refused("invalid_request", "Identity not found");
    return granted(String);
  }

  /** Numbers are texts in answers of the metadata service. */
  function granted(asNumber: (seconds: number) => unknown): { status: number; json: unknown } {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = {
      aud: RESOURCE,
      iss: `https://sts.windows.net/${TENANT}/`,
      nbf: nowSeconds - 60,
      iat: nowSeconds - 60,
      exp: nowSeconds + login.lifetimeSeconds,
      jti: `${login.tokens.length}-${PLANTED_SECRET}`,
    };
    const parts = [{ alg: "none", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const token = `${parts.join(".")}.c2lnbmF0dXJl`;
    login.tokens.push(token);
    return { status: 200, json: { access_token: token, expires_in: asNumber(login.lifetimeSeconds), token_type: "Bearer" } };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the login services have no port");
  return Object.assign(login, { url: `http://127.0.0.1:${address.port}` });
}

function refused(error: string, description: string): { status: number; json: unknown } {
  return { status: 400, json: { error, error_description: description } };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
