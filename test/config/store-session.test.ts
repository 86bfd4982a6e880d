import { describe, test } from "vitest";
import { parseBucketPath } from "../../src/core/executor/artifact-uri.ts";
import { parseProviders } from "../../src/config/store-providers.ts";
import { sessionFor } from "../../src/config/store-session.ts";
import type { StoreSession } from "../../src/config/store-session.ts";
import { parseProvidersYaml } from "../../src/config/providers-yaml.ts";

const secret = (secretName: string, accessKeyKey: string, secretKeyKey: string) =>
  ({ kind: "secret", secretName, accessKeyKey, secretKeyKey }) as const;
const environment = { kind: "environment" } as const;

const builtIn: StoreSession = {
  provider: "minio",
  endpoint: "http://seaweedfs.kubeflow:9000",
  region: "minio",
  disableSsl: true,
  forcePathStyle: true,
  maxAttempts: 5,
  credentials: secret("mlpipeline-minio-artifact", "accesskey", "secretkey"),
  query: {},
};

const fromEnvironment = (provider: "s3" | "minio" | "gs" | "azblob"): StoreSession => ({
  provider,
  disableSsl: false,
  forcePathStyle: false,
  ...(provider === "gs" || provider === "azblob" ? { maxAttempts: 5 } : {}),
  credentials: environment,
  query: {},
});

async function configOf(providers: string) {
  return { providers: parseProviders(await parseProvidersYaml(providers)) };
}

describe("sessionFor() (docs/spec/object-stores.md#configuration-cases)", () => {
  const both = `minio:
  default: {endpoint: "http://d", region: r, maxRetries: 7, credentials: CRED_D}
  overrides:
    - {bucketName: b, keyPrefix: FIRST, endpoint: o, disableSSL: true, maxRetries: 2, credentials: CRED_O}
    - {bucketName: b, keyPrefix: SECOND, region: second, credentials: CRED_D}`;
  const withSecret = "{secretRef: {secretName: team, accessKeyKey: a, secretKeyKey: s}}";
  const fill = (defaults: string, override: string, first = "p", second = "q") =>
    both.replaceAll("CRED_D", defaults).replaceAll("CRED_O", override).replace("FIRST", first).replace("SECOND", second);

  test.for([
    { name: "E2 no section, s3", providers: "", path: "s3://b", expected: fromEnvironment("s3") },
    {
      name: "an endpoint of gs (ours)",
      providers: 'gs: {default: {endpoint: "http://gcs.local:4443", credentials: {fromEnv: true}}}',
      path: "gs://b",
      expected: { endpoint: "http://gcs.local:4443", credentials: environment, maxAttempts: 5 },
    },
    { name: "E2 no section, gs", providers: "", path: "gs://b", expected: fromEnvironment("gs") },
    { name: "no section, azblob", providers: "", path: "azblob://b", expected: fromEnvironment("azblob") },
    {
      name: "an azblob section",
      providers:
        "azblob: {default: {endpoint: store.local, accountName: acc, credentials: {secretRef: {secretName: team, accountKeyKey: k}}}}",
      path: "azblob://b",
      expected: {
        endpoint: "https://store.local",
        accountName: "acc",
        credentials: { kind: "azure-secret", secretName: "team", login: "account key", loginKey: "k" },
      },
    },
    {
      name: "an override of an azblob section",
      providers: `azblob:
  default: {accountName: acc, credentials: {fromEnv: true}}
  overrides: [{bucketName: b, keyPrefix: p, accountName: other, credentials: {secretRef: {secretName: team, sasTokenKey: s, accountNameKey: name}}}]`,
      path: "azblob://b/p/x",
      expected: {
        accountName: "other",
        credentials: { kind: "azure-secret", secretName: "team", login: "SAS token", loginKey: "s", accountNameKey: "name" },
      },
    },
    {
      name: "a query makes an azblob root the environment's",
      providers: "azblob: {default: {accountName: acc, credentials: {secretRef: {secretName: team, sasTokenKey: t}}}}",
      path: "azblob://b?storage_account=other&localemu=true",
      expected: { ...fromEnvironment("azblob"), query: { accountName: "other", isLocalEmulator: true } },
    },
    { name: "E1 no section, minio", providers: "", path: "minio://any/p", expected: builtIn },
    { name: "E3 empty section", providers: "minio: {}", path: "minio://b", expected: builtIn },
    { name: "null section", providers: "minio:", path: "minio://b", expected: builtIn },
    {
      name: "E4 default from environment, override with secret: under the override",
      providers: fill("{fromEnv: true}", withSecret),
      path: "minio://b/p/x",
      expected: { endpoint: "http://o", region: "r", maxAttempts: 2, credentials: secret("team", "a", "s") },
    },
    {
      name: "E4 default from environment, override with secret: elsewhere",
      providers: fill("{fromEnv: true}", withSecret),
      path: "minio://b/x",
      expected: { endpoint: "http://d", region: "r", maxAttempts: 7, forcePathStyle: true, credentials: environment },
    },
    {
      name: "E5 override from environment, default with secret",
      providers: fill(withSecret, "{fromEnv: true}"),
      path: "minio://b/p",
      expected: { endpoint: "http://o", region: "r", maxAttempts: 2, credentials: environment },
    },
    {
      name: "E6 overrides a then a/b: the first wins",
      providers: fill(withSecret, "{fromEnv: true}", "a", "a/b"),
      path: "minio://b/a/b",
      expected: { region: "r" },
    },
    {
      name: "E7 overrides a/b then a: the second matches a",
      providers: fill(withSecret, "{fromEnv: true}", "a/b", "a"),
      path: "minio://b/a",
      expected: { region: "second" },
    },
    {
      name: "E9 prefixes compare by segment",
      providers: fill(withSecret, "{fromEnv: true}", "some/path/allowed", "none"),
      path: "minio://b/some/path/allowed-other/",
      expected: { endpoint: "http://d" },
    },
    {
      name: "E8 a query goes past every section",
      providers: fill(withSecret, withSecret),
      path: "minio://b/p?region=x&endpoint=y",
      expected: { ...fromEnvironment("minio"), region: "x", endpoint: "https://y" },
    },
    {
      name: "a query leaves a gs section in force",
      providers: "gs: {default: {credentials: {secretRef: {secretName: team, tokenKey: t}}}}",
      path: "gs://b?access_id=-",
      expected: { credentials: { kind: "gcs-secret", secretName: "team", tokenKey: "t" }, query: { accessId: "-" } },
    },
    {
      name: "settings apply with credentials from the environment",
      providers: "s3: {default: {endpoint: e, region: '', disableSSL: true, maxRetries: 0, credentials: {fromEnv: true}}}",
      path: "s3://b",
      expected: { ...fromEnvironment("s3"), endpoint: "http://e", disableSsl: true, forcePathStyle: true },
    },
    {
      name: "a minio section without endpoint means the built-in store",
      providers: `minio: {default: {credentials: ${withSecret}}}`,
      path: "minio://b",
      expected: { endpoint: "http://seaweedfs.kubeflow:9000", disableSsl: true, credentials: secret("team", "a", "s") },
    },
  ])("$name", async ({ providers, path, expected }, { expect }) => {
    const session = sessionFor(parseBucketPath(path), await configOf(providers), {});
    if ("provider" in expected) expect(session).toEqual(expected);
    else expect(session).toMatchObject(expected);
  });

  test.for([
    ["s3.amazonaws.com", undefined],
    ["https://S3.amazonaws.com/", undefined],
    ["s3.amazonaws.com:443", undefined],
    ["s3.amazonaws.com.evil.example", "https://s3.amazonaws.com.evil.example"],
    ["s3xamazonaws.com", "https://s3xamazonaws.com"],
    ["http://minio:9000", "http://minio:9000"],
    ["minio:9000", "https://minio:9000"],
    ["", undefined],
  ] as const)("endpoint %j becomes %j", ([endpoint, expected], { expect }) => {
    const providers = parseProviders({ s3: { default: { endpoint, credentials: { fromEnv: true } } } });
    expect(sessionFor(parseBucketPath("s3://b"), { providers }, {}).endpoint).toBe(expected);
  });

  test("no provider serves mem://", ({ expect }) => {
    expect(() => sessionFor(parseBucketPath("mem://b/p"), { providers: {} }, {})).toThrow(/No provider/);
  });
});
