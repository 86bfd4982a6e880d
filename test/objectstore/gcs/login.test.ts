import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeConfig } from "../../../src/config/store-config.ts";
import type { StoreConfig } from "../../../src/config/store-config.ts";
import type { ObjectStore } from "../../../src/ports/object-store.ts";
import { startFakeGcsServer } from "../../fakes/fake-gcs-server.ts";
import type { FakeGcsServer } from "../../fakes/fake-gcs-server.ts";
import { AUDIENCE, CLIENT_EMAIL, PLANTED_SECRET, startGoogleLogin, SUBJECT_TOKEN } from "../../fakes/google-login.ts";
import type { GoogleLogin } from "../../fakes/google-login.ts";
import { createSelfSignedCertificate } from "../../support/self-signed-certificate.ts";
import { openStore } from "../../support/store-bench.ts";
import type { BenchOptions } from "../../support/store-bench.ts";

let folder: string;
let login: GoogleLogin;
let server: FakeGcsServer;
/** Accounts that the store saw, one for each request. */
let accounts: (string | undefined)[];
const stores: ObjectStore[] = [];
const URI = "gs://bucket/root/x";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-gcs-login-"));
  login = await startGoogleLogin();
  accounts = [];
  server = await startFakeGcsServer({ isAllowed });
  server.buckets.set("bucket", new Map());
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all([login.close(), server.close()]);
  await rm(folder, { recursive: true, force: true });
});

function isAllowed(token: string): boolean {
  accounts.push(login.accountOf(token));
  return accounts.at(-1) !== undefined;
}

function open(options: BenchOptions & { readonly keyDocument?: string } = {}): ObjectStore {
  const { keyDocument = login.keyDocument(), ...given } = options;
  const target = { endpoint: server.endpoint, accessKeyId: "", secretAccessKey: "", keyDocument };
  const store = openStore("gs", "bucket", target, given);
  stores.push(store);
  return store;
}

async function roundTrip(store: ObjectStore): Promise<string> {
  await writeFile(join(folder, "in"), "content");
  await store.upload(join(folder, "in"), URI);
  await store.download(URI, join(folder, "out"));
  return await readFile(join(folder, "out"), "utf8");
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

/** Credentials from the environment, at our server. */
function fromEnvironment(root = "gs://bucket/root"): StoreConfig {
  const gs = { default: { endpoint: server.endpoint, credentials: { fromEnv: true } } };
  return storeConfig({ defaultPipelineRoot: root }, { gs });
}

async function document(name: string, json: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof json === "string" ? json : JSON.stringify(json));
  return path;
}

const federated = (more: Record<string, unknown>): Record<string, unknown> => ({
  type: "external_account",
  audience: AUDIENCE,
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: `${login.url}/sts`,
  credential_source: { file: join(folder, "subject") },
  ...more,
});
const person = (): Record<string, unknown> => ({
  type: "authorized_user",
  client_id: "client",
  client_secret: PLANTED_SECRET,
  refresh_token: `refresh-${PLANTED_SECRET}`,
  token_uri: `${login.url}/token`,
});
const impersonation = (): string => `${login.url}/impersonate/target@project:generateAccessToken`;

describe("who logs in", () => {
  test("the service account of a Secret, with a signed assertion, once for many requests", async () => {
    expect(await roundTrip(open())).toBe("content");
    expect(new Set(accounts)).toEqual(new Set([CLIENT_EMAIL]));
    expect(login.requests.map(({ path }) => path)).toEqual(["/token"]);
  });

  const subjectUrl = (): unknown => ({
    url: `${login.url}/subject`,
    headers: { "x-identity": "yes" },
    format: { type: "json", subject_token_field_name: "value" },
  });
  test.for<{ name: string; json: () => unknown; account: string }>([
    { name: "a key in a file", json: () => JSON.parse(login.keyDocument()), account: CLIENT_EMAIL },
    { name: "a person", json: person, account: "person@example.com" },
    { name: "a federated identity from a file", json: () => federated({}), account: "federated" },
    { name: "a federated identity from a URL", json: () => federated({ credential_source: subjectUrl() }), account: "federated" },
    {
      name: "a federated identity with a client of its own",
      json: () => federated({ client_id: "client", client_secret: PLANTED_SECRET }),
      account: "federated",
    },
    {
      name: "a federated identity that acts as a service account",
      json: () => federated({ service_account_impersonation_url: impersonation() }),
      account: "target@project",
    },
    {
      name: "a person who acts as a service account",
      json: () => ({
        type: "impersonated_service_account",
        service_account_impersonation_url: impersonation(),
        delegates: [],
        source_credentials: person(),
      }),
      account: "target@project",
    },
    {
      name: "a key that acts as a service account",
      json: () => ({
        type: "impersonated_service_account",
        service_account_impersonation_url: impersonation(),
        source_credentials: JSON.parse(login.keyDocument()) as unknown,
      }),
      account: "target@project",
    },
  ])("GOOGLE_APPLICATION_CREDENTIALS: $name", async ({ json, account }) => {
    await document("subject", `${SUBJECT_TOKEN}\n`);
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: await document("login.json", json()) };
    expect(await roundTrip(open({ environment, config: fromEnvironment() }))).toBe("content");
    expect(new Set(accounts)).toEqual(new Set([account]));
  });

  test("the file that gcloud leaves in the home folder", async () => {
    const gcloud = join(folder, ".config", "gcloud");
    await mkdir(gcloud, { recursive: true });
    await writeFile(join(gcloud, "application_default_credentials.json"), JSON.stringify(person()));
    expect(await roundTrip(open({ environment: { HOME: folder }, config: fromEnvironment() }))).toBe("content");
    expect(new Set(accounts)).toEqual(new Set(["person@example.com"]));
  });

  test("workload identity through the metadata server, also when it is not ready at once", async () => {
    let left = 2;
    login.fault = () => (left-- > 0 ? 503 : undefined);
    const environment = { GCE_METADATA_HOST: login.host, HOME: folder, HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "127.0.0.1" };
    expect(await roundTrip(open({ environment, config: fromEnvironment() }))).toBe("content");
    expect(new Set(accounts)).toEqual(new Set(["workload@project"]));
    expect(login.requests).toHaveLength(3);
  });

  test("nobody, where the pipeline root asks for anonymous access", async () => {
    await server.close();
    server = await startFakeGcsServer();
    server.put("bucket", "root/x", "public");
    const store = open({ environment: {}, config: fromEnvironment("gs://bucket/root?access_id=-") });
    await store.download(URI, join(folder, "out"));
    expect(await readFile(join(folder, "out"), "utf8")).toBe("public");
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  test.for(["", "http://"])("nobody at an emulator that STORAGE_EMULATOR_HOST names with scheme '%s'", async (scheme) => {
    await server.close();
    server = await startFakeGcsServer();
    server.buckets.set("bucket", new Map());
    const environment = { STORAGE_EMULATOR_HOST: `${scheme}${new URL(server.endpoint).host}` };
    const config = storeConfig({ defaultPipelineRoot: "gs://bucket/root" }, undefined);
    expect(await roundTrip(open({ environment, config }))).toBe("content");
    expect(login.requests).toEqual([]);
  });
});

describe("tokens", () => {
  test("a token that is about to expire is replaced before it is used", async () => {
    login.lifetimeSeconds = 60;
    await roundTrip(open());
    expect(login.requests.length).toBe(server.requests.length);
  });

  test("an old token is used to its end when the token service fails meanwhile", async () => {
    login.lifetimeSeconds = 60;
    login.fault = () => (login.requests.length > 1 ? 500 : undefined);
    expect(await roundTrip(open())).toBe("content");
    expect(new Set(accounts)).toEqual(new Set([CLIENT_EMAIL]));
  });

  test("a token that the store refuses is replaced in the middle of a transfer", async () => {
    const store = open();
    await roundTrip(store);
    login.revokeAll();
    expect(await roundTrip(store)).toBe("content");
    expect(login.requests).toHaveLength(2);
  });

  test("a token service that fails for a while is asked again", async () => {
    let left = 2;
    login.fault = () => (left-- > 0 ? 503 : undefined);
    expect(await roundTrip(open())).toBe("content");
  });
});

describe("refusals name what to do and show no secret", () => {
  test.for<{ name: string; json: () => string; code: string; says: RegExp }>([
    {
      name: "a key that Google does not know",
      json: () => login.keyDocument({ private_key_id: "key-2" }),
      code: "OBJECT_ACCESS_DENIED",
      says: /token service of Google \(127\.0\.0\.1:\d+\) gave no token: HTTP 400 invalid_grant.*deleted, disabled or revoked.*clock/,
    },
    {
      name: "a key that is not one",
      json: () => login.keyDocument({ private_key: `-----BEGIN PRIVATE KEY-----\n${PLANTED_SECRET}\n` }),
      code: "STORE_CONFIG_INVALID",
      says: /private_key of the service account key is not an RSA key in PEM form/,
    },
    {
      name: "no JSON",
      json: () => PLANTED_SECRET,
      code: "STORE_CONFIG_INVALID",
      says: /with the Secret store, key "key.json": it is not JSON/,
    },
    {
      name: "a file of the identity provider that is not there",
      json: () => JSON.stringify(federated({})),
      code: "STORE_CONFIG_INVALID",
      says: /token of the identity provider cannot be read: ENOENT.*subject/,
    },
    {
      name: "an identity pool that does not exist",
      json: () =>
        JSON.stringify(
          federated({ audience: "other", credential_source: { url: `${login.url}/subject`, headers: { "x-identity": "yes" } } }),
        ),
      code: "OBJECT_ACCESS_DENIED",
      says: /token exchange of Google.*HTTP 400 invalid_target.*audience is not known/,
    },
    {
      name: "an identity provider that refuses",
      json: () => JSON.stringify(federated({ credential_source: { url: `${login.url}/subject` } })),
      code: "OBJECT_ACCESS_DENIED",
      says: /identity provider .*gave no token: HTTP 404/,
    },
    {
      name: "an identity provider that answers something else",
      json: () =>
        JSON.stringify(
          federated({
            credential_source: {
              url: `${login.url}/subject`,
              headers: { "x-identity": "yes" },
              format: { type: "json", subject_token_field_name: "other" },
            },
          }),
        ),
      code: "OBJECT_ACCESS_DENIED",
      says: /holds no token in its field "other"/,
    },
  ])("$name", async ({ json, code, says }) => {
    const failure = await failureOf(roundTrip(open({ keyDocument: json() })));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(says) as string });
    expect(String(failure)).not.toContain(PLANTED_SECRET);
    expect(server.requests).toEqual([]);
  });

  test("a login that may not act as the service account", async () => {
    await document("subject", SUBJECT_TOKEN);
    const url = impersonation();
    const json = { type: "impersonated_service_account", service_account_impersonation_url: url, source_credentials: person() };
    login.fault = (request) => {
      if (request.path.startsWith("/impersonate/")) login.revokeAll();
      return undefined;
    };
    const failure = await failureOf(roundTrip(open({ keyDocument: JSON.stringify(json) })));
    expect(String(failure)).toMatch(/HTTP 403 PERMISSION_DENIED.*roles\/iam.serviceAccountTokenCreator/);
    expect(String(failure)).not.toContain(PLANTED_SECRET);
  });

  test("a file that GOOGLE_APPLICATION_CREDENTIALS names and that is not there", async () => {
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, "none.json") };
    expect(await failureOf(roundTrip(open({ environment, config: fromEnvironment() })))).toMatchObject({
      code: "STORE_CONFIG_INVALID",
      message: expect.stringMatching(/GOOGLE_APPLICATION_CREDENTIALS names: ENOENT/) as string,
    });
  });

  test("no login at all", async () => {
    const { host } = login;
    await login.close();
    const environment = { HOME: folder, GCE_METADATA_HOST: host };
    const failure = await failureOf(roundTrip(open({ environment, config: fromEnvironment() })));
    expect(failure).toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
    expect(String(failure)).toContain("No Google credentials found in the environment");
    login = await startGoogleLogin();
  });

  test("a token that the store never takes", async () => {
    await server.close();
    server = await startFakeGcsServer({ isAllowed: () => false });
    server.buckets.set("bucket", new Map());
    const failure = await failureOf(roundTrip(open()));
    expect(failure).toMatchObject({ code: "OBJECT_ACCESS_DENIED", details: { status: 401 } });
    expect(String(failure)).toMatch(/Check the credentials of provider "gs" and their rights on bucket "bucket"/);
    expect(server.requests).toHaveLength(2);
  });

  test("an endpoint that is no URL", async () => {
    const gs = { default: { endpoint: "ftp://x", credentials: { fromEnv: true } } };
    const config = storeConfig({ defaultPipelineRoot: "gs://bucket/root" }, { gs });
    expect(await failureOf(roundTrip(open({ config })))).toMatchObject({ code: "STORE_CONFIG_INVALID" });
  });
});

describe("an own certificate authority", () => {
  test("is trusted when it is given, and its lack is named", async () => {
    const tls = createSelfSignedCertificate();
    await server.close();
    server = await startFakeGcsServer({ isAllowed, tls });
    server.buckets.set("bucket", new Map());
    expect(String(await failureOf(roundTrip(open())))).toContain("signed by an authority that is not trusted here");
    expect(await roundTrip(open({ extraCaPem: tls.cert }))).toBe("content");
  });
});

describe("a proxy of the environment", () => {
  test("gets the requests to the store, and not those to the metadata server", async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(new URL(request.url ?? "").host);
      response.writeHead(407).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const environment = { GCE_METADATA_HOST: login.host, HOME: folder, HTTP_PROXY: `http://127.0.0.1:${port}` };
    const gs = { default: { endpoint: "http://gcs.example:4443", credentials: { fromEnv: true } } };
    const config = storeConfig({ defaultPipelineRoot: "gs://bucket/root" }, { gs });
    const failure = await failureOf(roundTrip(open({ environment, config })));
    await new Promise((resolve) => proxy.close(resolve));
    expect(String(failure)).toContain("The proxy wants a login");
    expect(seen).toEqual(["gcs.example:4443"]);
    expect(login.requests).toHaveLength(1);
  });
});
