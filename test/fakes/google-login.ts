/**
 * The services that Google's logins talk to, in this process: token service, token exchange, impersonation, metadata server, and an
 * identity provider of somebody else. They check what they are sent: signatures, audiences, scopes, client secrets.
 *
 * @module
 */
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";

export interface LoginRequest {
  readonly path: string;
  readonly form: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

export interface GoogleLogin {
  readonly url: string;
  /** Host and port, as GCE_METADATA_HOST has them. */
  readonly host: string;
  readonly requests: LoginRequest[];
  /** Of the tokens that are handed out from now on. */
  lifetimeSeconds: number;
  /** Answer a status for a request that is to fail. */
  fault: (request: LoginRequest) => number | undefined;
  /** A service account key that the token service knows. @param overrides Fields of the document. */
  keyDocument(overrides?: Record<string, unknown>): string;
  /** The account a token was handed out for; `undefined` for one that is not valid (any more) or not good for objects. */
  accountOf(token: string): string | undefined;
  /** Makes all tokens handed out so far invalid. */
  revokeAll(): void;
  close(): Promise<void>;
}

/** In every document that must not be seen in a message. */
export const PLANTED_SECRET = "planted-secret-value";
export const CLIENT_EMAIL = "runner@project.iam.gserviceaccount.com";
export const AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider";
export const SUBJECT_TOKEN = `subject-${PLANTED_SECRET}`;

const STORAGE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";
const PLATFORM_SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const KEYS = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

export async function startGoogleLogin(): Promise<GoogleLogin> {
  const tokens = new Map<string, { account: string; scope: string }>();
  let count = 0;
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const what = { path: request.url ?? "/", form: new URLSearchParams(body), headers: request.headers };
      login.requests.push(what);
      const status = login.fault(what);
      const answer = status === undefined ? serve(what, body) : { status, json: { error: "unavailable" } };
      response.writeHead(answer.status, { "content-type": "application/json", "metadata-flavor": "Google" });
      response.end(JSON.stringify(answer.json));
    });
  });

  const login: GoogleLogin = {
    url: "",
    host: "",
    requests: [],
    lifetimeSeconds: 3600,
    fault: () => undefined,
    keyDocument: (overrides = {}) =>
      JSON.stringify({
        type: "service_account",
        client_email: CLIENT_EMAIL,
        private_key: KEYS.privateKey,
        private_key_id: "key-1",
        token_uri: `${login.url}/token`,
        ...overrides,
      }),
    accountOf(token) {
      const known = tokens.get(token);
      return known?.scope === STORAGE_SCOPE || known?.scope === PLATFORM_SCOPE ? known.account : undefined;
    },
    revokeAll: () => tokens.clear(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function issue(account: string, scope: string): string {
    count += 1;
    const token = `token-${count}-${PLANTED_SECRET}`;
    tokens.set(token, { account, scope });
    return token;
  }
  const granted = (account: string, scope: string): Answer => ({
    status: 200,
    json: { access_token: issue(account, scope), expires_in: login.lifetimeSeconds, token_type: "Bearer" },
  });

  function serve({ path, form, headers }: LoginRequest, body: string): Answer {
    const [route = ""] = path.split("?");
    if (route === "/token" && form.get("grant_type") === "refresh_token") {
      const isKnown = form.get("client_secret") === PLANTED_SECRET && form.get("refresh_token") === `refresh-${PLANTED_SECRET}`;
      return isKnown ? granted("person@example.com", PLATFORM_SCOPE) : refused("invalid_grant");
    }
    if (route === "/token") return assertion(form, `${login.url}/token`);
    if (route === "/sts") return exchange(form, headers);
    if (route.startsWith("/impersonate/")) return impersonate(route, headers, body);
    if (route === "/computeMetadata/v1/instance/service-accounts/default/token") {
      if (headers["metadata-flavor"] !== "Google") return { status: 403, json: {} };
      return granted("workload@project", new URLSearchParams(path.split("?")[1]).get("scopes") ?? "");
    }
    if (route === "/subject" && headers["x-identity"] === "yes") return { status: 200, json: { value: SUBJECT_TOKEN } };
    return { status: 404, json: {} };
  }

  function assertion(form: URLSearchParams, audience: string): Answer {
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") return refused("unsupported_grant_type");
    const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    const signed = Buffer.from(`${header}.${claims}`);
    const isSigned = verify("RSA-SHA256", signed, createPublicKey(KEYS.publicKey), Buffer.from(signature, "base64url"));
    const { alg, kid } = decode(header);
    const { iss, aud, scope, iat, exp } = decode(claims);
    const nowSeconds = Date.now() / 1000;
    const isCurrent = Math.abs(Number(iat) - nowSeconds) < 300 && Number(exp) - Number(iat) <= 3600 && Number(exp) > nowSeconds;
    if (!isSigned || alg !== "RS256" || kid !== "key-1" || iss !== CLIENT_EMAIL || aud !== audience || !isCurrent) {
      return refused("invalid_grant");
    }
    return granted(CLIENT_EMAIL, String(scope));
  }

  function exchange(form: URLSearchParams, headers: LoginRequest["headers"]): Answer {
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:token-exchange") return refused("unsupported_grant_type");
    if (form.get("requested_token_type") !== "urn:ietf:params:oauth:token-type:access_token") return refused("invalid_request");
    if (form.get("audience") !== AUDIENCE) return refused("invalid_target");
    if (form.get("subject_token") !== SUBJECT_TOKEN || form.get("subject_token_type") === null) return refused("invalid_grant");
    const client = headers.authorization;
    const wanted = `Basic ${Buffer.from(`client:${PLANTED_SECRET}`).toString("base64")}`;
    if (client !== undefined && client !== wanted) return refused("invalid_client");
    return granted("federated", form.get("scope") ?? "");
  }

  function impersonate(route: string, headers: LoginRequest["headers"], body: string): Answer {
    const token = tokens.get((headers.authorization ?? "").replace("Bearer ", ""));
    if (token?.scope !== PLATFORM_SCOPE)
      return { status: 403, json: { error: { status: "PERMISSION_DENIED", message: PLANTED_SECRET } } };
    const { scope, lifetime } = JSON.parse(body) as { scope: string[]; lifetime: string };
    const account = /^\/impersonate\/(.+):generateAccessToken$/.exec(route)?.[1] ?? "";
    const expireTime = new Date(Date.now() + Number.parseInt(lifetime, 10) * 1000).toISOString();
    return { status: 200, json: { accessToken: issue(account, scope.join(" ")), expireTime } };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the login services have no port");
  const host = `127.0.0.1:${address.port}`;
  return Object.assign(login, { host, url: `http://${host}` });
}

function refused(error: string): Answer {
  return { status: 400, json: { error, error_description: `said by the service: ${PLANTED_SECRET}` } };
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString() || "{}") as Record<string, unknown>;
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
