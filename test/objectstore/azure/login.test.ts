/** Every login of Azure against azurite over TLS, which checks signatures, SAS tokens and the claims of tokens of Entra ID. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { storeConfig } from "../../../src/config/store-config.ts";
import { openObjectStore } from "../../../src/objectstore/open-store.ts";
import type { ObjectStore } from "../../../src/ports/object-store.ts";
import { CLIENT_ID, PLANTED_SECRET, startAzureLogin, TENANT } from "../../fakes/azure-login.ts";
import type { AzureLogin } from "../../fakes/azure-login.ts";
import { AZURE_ACCOUNT, startAzurite } from "../../support/azurite.ts";
import type { AzuriteServer } from "../../support/azurite.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import type { FaultProxy } from "../../support/fault-proxy.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../../support/installed-servers.ts";
import { skipUnless } from "../../support/skip.ts";
import { patternBytes, sha256 } from "../../support/store-bench.ts";

const CONTAINER = "container";
const ROOT = `azblob://${CONTAINER}/root`;
const WRONG_KEY = Buffer.from("this is a wrong secret").toString("base64");

let azurite: AzuriteServer | { readonly missing: string };
let proxy: FaultProxy;
let login: AzureLogin;
let folder: string;
let opened: ObjectStore[];
let now: () => Date;

beforeAll(async () => {
  login = await startAzureLogin();
  folder = await mkdtemp(join(tmpdir(), "kfp-azure-login-"));
  await writeFile(join(folder, "in"), "content");
  azurite = await startAzurite({ tls: true });
  if ("missing" in azurite) return void skipUnless(false, `logins of Azure: ${azurite.missing}`);
  await azurite.createBucket(CONTAINER);
  proxy = await startFaultProxy(new URL(azurite.endpoint).origin, azurite.caPem);
}, STORE_SERVER_SETUP_TIMEOUT_MS);
afterAll(async () => {
  await login.close();
  await rm(folder, { recursive: true, force: true });
  if ("missing" in azurite) return;
  await proxy.close();
  await azurite.stop();
});

beforeEach(async (context) => {
  if ("missing" in azurite) return context.skip(azurite.missing);
  opened = [];
  now = () => new Date();
  proxy.reset();
  Object.assign(login, { lifetimeSeconds: 3600, assertion: `assertion-${PLANTED_SECRET}`, fault: () => undefined });
  login.requests.length = 0;
  login.tokens.length = 0;
  await writeFile(join(folder, "token"), `${login.assertion}\n`);
});
afterEach(async () => {
  for (const store of opened) await store.close();
});

const server = (): AzuriteServer => {
  if ("missing" in azurite) throw new Error(azurite.missing);
  return azurite;
};
const direct = (): string => new URL(server().endpoint).host;

type Variables = Readonly<Record<string, string>>;

interface Opening {
  readonly environment?: Variables;
  readonly providers?: unknown;
  readonly secret?: Variables;
  readonly root?: string;
}

function open({ environment = {}, providers, secret = {}, root = ROOT }: Opening): ObjectStore {
  const store = openObjectStore(
    {
      clock: { now: () => now(), monotonicMs: () => performance.now(), sleep: () => Promise.resolve() },
      kube: () =>
        Promise.resolve({
          getSecret: () => Promise.resolve(Object.fromEntries(Object.entries(secret).map(([k, v]) => [k, Buffer.from(v)]))),
        }),
    },
    {
      config: storeConfig({ defaultPipelineRoot: root }, providers),
      namespace: "team-a",
      environment,
      extraCaPem: server().caPem,
    },
  );
  opened.push(store);
  return store;
}

const fromEnv = (endpoint = server().endpoint): unknown => ({
  azblob: { default: { endpoint, credentials: { fromEnv: true } } },
});
const fromSecret = (secretRef: Variables, more: Variables = {}): unknown => ({
  azblob: { default: { endpoint: server().endpoint, ...more, credentials: { secretRef: { secretName: "s", ...secretRef } } } },
});
const workloadIdentity = (): Variables => ({
  AZURE_CLIENT_ID: CLIENT_ID,
  AZURE_TENANT_ID: TENANT,
  AZURE_FEDERATED_TOKEN_FILE: join(folder, "token"),
  AZURE_AUTHORITY_HOST: `${login.url}/`,
});
const throughProxy = (): string => `${proxy.endpoint}/${AZURE_ACCOUNT}`;
const connectionString = (): string =>
  `DefaultEndpointsProtocol=https;AccountName=${AZURE_ACCOUNT};AccountKey=${server().accountKey};BlobEndpoint=${server().endpoint};`;

let count = 0;
async function roundTrip(store: ObjectStore, content: string | Buffer = "content"): Promise<void> {
  const uri = `${ROOT}/${(count += 1)}`;
  await writeFile(join(folder, "in"), content);
  await store.upload(join(folder, "in"), uri);
  await store.download(uri, join(folder, "out"));
  expect(sha256(await readFile(join(folder, "out")))).toBe(sha256(Buffer.from(content)));
}
async function failureOf(store: ObjectStore): Promise<unknown> {
  return await roundTrip(store).then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("logins", () => {
  test.for<{ name: string; opening: () => Opening }>([
    {
      name: "the account key of the environment",
      opening: () => ({
        environment: { AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT, AZURE_STORAGE_KEY: server().accountKey },
        providers: fromEnv(),
      }),
    },
    {
      name: "the account key and the domain of the environment, no provider section",
      opening: () => ({
        environment: {
          AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT,
          AZURE_STORAGE_KEY: server().accountKey,
          AZURE_STORAGE_DOMAIN: direct(),
        },
      }),
    },
    {
      name: "the account key of the environment, the rest in the query of the pipeline root",
      opening: () => ({
        environment: { AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT, AZURE_STORAGE_KEY: server().accountKey },
        root: `${ROOT}?domain=${direct()}&protocol=https&localemu=true`,
      }),
    },
    {
      name: "the SAS token of the environment",
      opening: () => ({
        environment: { AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT, AZURE_STORAGE_SAS_TOKEN: `?${server().sasToken()}` },
        providers: fromEnv(),
      }),
    },
    {
      name: "the connection string of the environment",
      opening: () => ({ environment: { AZURE_STORAGE_CONNECTION_STRING: connectionString() } }),
    },
    {
      name: "a connection string with a SAS token",
      opening: () => ({
        environment: {
          AZURE_STORAGEBLOB_CONNECTIONSTRING: `BlobEndpoint=${server().endpoint};SharedAccessSignature=${server().sasToken()}`,
        },
      }),
    },
    {
      name: "the account key of a Secret",
      opening: () => ({ providers: fromSecret({ accountKeyKey: "key" }), secret: { key: `${server().accountKey}\n` } }),
    },
    {
      name: "account and key of a Secret",
      opening: () => ({
        providers: fromSecret({ accountKeyKey: "key", accountNameKey: "name" }),
        secret: { key: server().accountKey, name: AZURE_ACCOUNT },
      }),
    },
    {
      name: "the SAS token of a Secret",
      opening: () => ({ providers: fromSecret({ sasTokenKey: "sas" }), secret: { sas: server().sasToken() } }),
    },
    {
      name: "the connection string of a Secret",
      opening: () => ({
        providers: { azblob: { default: { credentials: { secretRef: { secretName: "s", connectionStringKey: "c" } } } } },
        secret: { c: connectionString() },
      }),
    },
    { name: "a workload identity", opening: () => ({ environment: workloadIdentity(), providers: fromEnv() }) },
    {
      name: "a client secret",
      opening: () => ({
        environment: {
          AZURE_CLIENT_ID: CLIENT_ID,
          AZURE_TENANT_ID: TENANT,
          AZURE_CLIENT_SECRET: PLANTED_SECRET,
          AZURE_AUTHORITY_HOST: login.url,
        },
        providers: fromEnv(),
      }),
    },
    {
      name: "the managed identity of the machine",
      opening: () => ({ environment: { AZURE_POD_IDENTITY_AUTHORITY_HOST: login.url }, providers: fromEnv() }),
    },
    {
      name: "a managed identity by its client id",
      opening: () => ({
        environment: { AZURE_POD_IDENTITY_AUTHORITY_HOST: login.url, AZURE_CLIENT_ID: CLIENT_ID },
        providers: fromEnv(),
      }),
    },
  ])("$name", async ({ opening }) => {
    await expect(roundTrip(open(opening()))).resolves.toBeUndefined();
  });

  test("tokens are asked for once, and again shortly before they expire", async () => {
    const store = open({ environment: workloadIdentity(), providers: fromEnv() });
    await roundTrip(store);
    await roundTrip(store);
    expect(login.requests).toHaveLength(1);
    const start = Date.now();
    now = () => new Date(start + 56 * 60_000);
    // Entra ID's token is read anew from the file, which the kubelet renews.
    login.assertion = "renewed-assertion";
    await writeFile(join(folder, "token"), "renewed-assertion");
    await roundTrip(store).catch(() => undefined);
    expect(login.requests.map(({ form }) => form.get("client_assertion"))).toEqual([
      `assertion-${PLANTED_SECRET}`,
      "renewed-assertion",
    ]);
  });
});

describe("in the middle of a transfer", () => {
  const LARGE = patternBytes(20_000_000);

  test("a token that is refused is replaced, and the transfer goes on", async () => {
    const store = open({ environment: workloadIdentity(), providers: fromEnv(throughProxy()) });
    proxy.fault = (request, index) => {
      const isOld = (request.headers.authorization ?? "").endsWith(login.tokens[0] ?? "-");
      return index >= 2 && isOld
        ? { kind: "status", status: 401, headers: { "x-ms-error-code": "InvalidAuthenticationInfo" } }
        : undefined;
    };
    await roundTrip(store, LARGE);
    expect(login.tokens.length).toBeGreaterThanOrEqual(2);
    const blocks = proxy.requests.filter(({ target }) => target.includes("comp=block&"));
    // Nothing was sent twice but what was refused.
    expect(blocks.length).toBeLessThanOrEqual(3 + 3);
  });

  test("a token that expires meanwhile is not sent any more", async () => {
    const start = Date.now();
    const store = open({ environment: workloadIdentity(), providers: fromEnv(throughProxy()) });
    const sent: string[] = [];
    proxy.fault = (request, index) => {
      sent.push(request.headers.authorization ?? "");
      if (index === 1) now = () => new Date(start + 59 * 60_000);
      return undefined;
    };
    // The date of requests is this clock's, which the emulator does not compare for tokens.
    await roundTrip(store, LARGE);
    expect(login.tokens).toHaveLength(2);
    expect(sent.at(-1)).toBe(`Bearer ${login.tokens[1]}`);
  });

  test("a token that stays refused ends the transfer", async () => {
    const store = open({ environment: workloadIdentity(), providers: fromEnv(throughProxy()) });
    proxy.fault = () => ({ kind: "status", status: 401, headers: { "x-ms-error-code": "InvalidAuthenticationInfo" } });
    expect(await failureOf(store)).toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
    expect(login.tokens).toHaveLength(2);
  });

  test("a SAS token that has expired is named, and worth another try with a new Secret", async () => {
    const secret = { sas: server().sasToken({ expiresAt: new Date(Date.now() - 60_000) }) };
    const store = open({ providers: fromSecret({ sasTokenKey: "sas" }), secret });
    const failure = await failureOf(store);
    expect(failure).toMatchObject({ code: "OBJECT_ACCESS_DENIED", details: { reason: "ExpiredToken", transient: true } });
    expect(String(failure)).toMatch(/the credentials have expired \(the SAS token was good until 2/);
    secret.sas = server().sasToken();
    await store.refresh();
    await roundTrip(store);
  });
});

describe("what is refused", () => {
  const base = (): Variables => ({ AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT });
  test.for<{ name: string; opening: () => Opening; code: string; says: RegExp }>([
    {
      name: "a wrong account key",
      opening: () => ({ environment: { ...base(), AZURE_STORAGE_KEY: WRONG_KEY }, providers: fromEnv() }),
      code: "OBJECT_ACCESS_DENIED",
      says: /refused access \(HTTP 4/,
    },
    {
      name: "an account key that is not Base64",
      opening: () => ({ environment: { ...base(), AZURE_STORAGE_KEY: `${PLANTED_SECRET}!` }, providers: fromEnv() }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_STORAGE_KEY: it is not a Base64 text/,
    },
    {
      name: "a SAS token without signature",
      opening: () => ({ environment: { ...base(), AZURE_STORAGE_SAS_TOKEN: PLANTED_SECRET }, providers: fromEnv() }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_STORAGE_SAS_TOKEN: it is not a SAS token/,
    },
    {
      name: "a SAS token that may only read",
      opening: () => ({
        environment: { ...base(), AZURE_STORAGE_SAS_TOKEN: server().sasToken({ permissions: "rl" }) },
        providers: fromEnv(),
      }),
      code: "OBJECT_ACCESS_DENIED",
      says: /is known and may not do this/,
    },
    {
      name: "a SAS token with an address of the query",
      opening: () => ({
        environment: { ...base(), AZURE_STORAGE_SAS_TOKEN: server().sasToken(), AZURE_STORAGE_DOMAIN: direct() },
        root: `${ROOT}?domain=collector.example`,
      }),
      code: "STORE_CONFIG_INVALID",
      says: /cannot name another address than the one that the SAS token is for/,
    },
    {
      name: "a SAS token with an account of the query",
      opening: () => ({
        environment: { ...base(), AZURE_STORAGE_SAS_TOKEN: server().sasToken() },
        root: `${ROOT}?storage_account=collector`,
      }),
      code: "STORE_CONFIG_INVALID",
      says: /cannot name another address/,
    },
    {
      name: "a token over plain HTTP",
      opening: () => ({ environment: workloadIdentity(), providers: fromEnv("http://store.example/account") }),
      code: "STORE_CONFIG_INVALID",
      says: /is not sent to http:\/\/store\.example\/account in the clear/,
    },
    {
      name: "an authority over plain HTTP",
      opening: () => ({
        environment: { ...workloadIdentity(), AZURE_AUTHORITY_HOST: "http://login.example" },
        providers: fromEnv(),
      }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_AUTHORITY_HOST is not an https URL/,
    },
    {
      name: "a workload identity without client",
      opening: () => ({ environment: { ...workloadIdentity(), AZURE_CLIENT_ID: "" }, providers: fromEnv() }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_CLIENT_ID is not set/,
    },
    {
      name: "a workload identity without its file",
      opening: () => ({ environment: { ...workloadIdentity(), AZURE_FEDERATED_TOKEN_FILE: "/none" }, providers: fromEnv() }),
      code: "STORE_CONFIG_INVALID",
      says: /the file that AZURE_FEDERATED_TOKEN_FILE names cannot be read/,
    },
    {
      name: "a client that is not known",
      opening: () => ({ environment: { ...workloadIdentity(), AZURE_CLIENT_ID: "other" }, providers: fromEnv() }),
      code: "OBJECT_ACCESS_DENIED",
      says: /HTTP 400 AADSTS700016\. The client is not known in this tenant/,
    },
    {
      name: "a managed identity that is not there",
      opening: () => ({
        environment: { AZURE_POD_IDENTITY_AUTHORITY_HOST: login.url, AZURE_CLIENT_ID: "other" },
        providers: fromEnv(),
      }),
      code: "OBJECT_ACCESS_DENIED",
      says: /HTTP 400 invalid_request\. No such managed identity/,
    },
    {
      name: "a certificate",
      opening: () => ({ environment: { AZURE_CLIENT_CERTIFICATE_PATH: "/x" }, providers: fromEnv() }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_CLIENT_CERTIFICATE_PATH\) are not supported/,
    },
    {
      name: "no login at all",
      opening: () => ({ environment: { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:9" }, providers: fromEnv() }),
      code: "OBJECT_ACCESS_DENIED",
      says: /No Azure credentials found in the environment/,
    },
    {
      name: "no account",
      opening: () => ({ environment: { AZURE_STORAGE_SAS_TOKEN: server().sasToken() } }),
      code: "STORE_CONFIG_INVALID",
      says: /the storage account is not known/,
    },
    {
      name: "a connection string that is not one",
      opening: () => ({ environment: { AZURE_STORAGE_CONNECTION_STRING: PLANTED_SECRET } }),
      code: "STORE_CONFIG_INVALID",
      says: /AZURE_STORAGE_CONNECTION_STRING cannot be read: it is not a list of Name=Value/,
    },
    {
      name: "an option of the query that is not known",
      opening: () => ({ root: `${ROOT}?endpoint=https://collector.example` }),
      code: "STORE_CONFIG_INVALID",
      says: /Unknown option "endpoint"/,
    },
  ])("$name", async ({ opening, code, says }) => {
    const failure = await Promise.resolve()
      .then(() => failureOf(open(opening())))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect(String(failure)).toMatch(says);
    expect(String(failure)).not.toMatch(new RegExp(`${PLANTED_SECRET}|${WRONG_KEY}|sig=`));
  });

  test("Entra ID that is overloaded is asked again", async () => {
    let left = 2;
    login.fault = () => (left-- > 0 ? 503 : undefined);
    await roundTrip(open({ environment: workloadIdentity(), providers: fromEnv() }));
    expect(login.requests).toHaveLength(3);
  });

  test("a clock that is wrong is named", async () => {
    now = () => new Date(Date.now() + 3_600_000);
    const environment = { AZURE_STORAGE_ACCOUNT: AZURE_ACCOUNT, AZURE_STORAGE_KEY: server().accountKey };
    const store = open({ environment, providers: fromEnv(throughProxy()) });
    proxy.fault = () => ({
      kind: "status",
      status: 403,
      headers: { "x-ms-error-code": "AuthenticationFailed", date: new Date().toUTCString() },
    });
    expect(String(await failureOf(store))).toMatch(/are \d+ s apart \(this one is ahead\)/);
  });
});
