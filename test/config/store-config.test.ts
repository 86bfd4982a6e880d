import fc from "fast-check";
import { describe, test } from "vitest";
import { joinPipelineRoot, keyPrefixOf, parseArtifactUri, parseBucketPath } from "../../src/core/executor/artifact-uri.ts";
import { assertUriAllowed, parseLauncherConfig, resolveBucket, sessionFor, storeConfig } from "../../src/config/store-config.ts";
import type { StoreSession } from "../../src/config/store-config.ts";
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

const fromEnvironment = (provider: "s3" | "minio" | "gs"): StoreSession => ({
  provider,
  disableSsl: false,
  forcePathStyle: false,
  ...(provider === "gs" ? { maxAttempts: 5 } : {}),
  credentials: environment,
  query: {},
});

async function configOf(defaultPipelineRoot: string | undefined, providers?: string) {
  return storeConfig(
    defaultPipelineRoot === undefined ? {} : { defaultPipelineRoot },
    providers === undefined ? undefined : await parseProvidersYaml(providers),
  );
}

describe("parseLauncherConfig()", () => {
  test("trims the pipeline root and treats empty texts as absent (LAU-30)", ({ expect }) => {
    expect(parseLauncherConfig({ defaultPipelineRoot: " s3://b/p\n", providers: "minio: {}\n", other: "x" })).toEqual({
      defaultPipelineRoot: "s3://b/p",
      providersText: "minio: {}\n",
    });
    expect(parseLauncherConfig({ defaultPipelineRoot: "", providers: " \n" })).toEqual({});
  });
});

describe("worked configurations (docs/spec/object-stores.md#worked-configurations)", () => {
  const below = (root: string) => `${root}/P/R/train/S/model`;

  test("A: no configuration", async ({ expect }) => {
    const config = await configOf(undefined);
    const resolved = resolveBucket(below("minio://mlpipeline/v2/artifacts"), config);
    expect(resolved).toMatchObject({ bucket: "mlpipeline", key: "v2/artifacts/P/R/train/S/model" });
    expect(sessionFor(resolved.lookup, config, {})).toEqual(builtIn);
    expect(sessionFor(resolved.lookup, config, { objectStoreHost: "h", objectStorePort: "1" }).endpoint).toBe("http://h:1");
    expect(sessionFor(resolved.lookup, config, { objectStoreHost: "h" }).endpoint).toBe("http://seaweedfs.kubeflow:9000");
  });

  test("B: MinIO elsewhere", async ({ expect }) => {
    const config = await configOf(
      "minio://team/kfp",
      `minio:
  default:
    endpoint: minio.storage.svc:9000
    region: minio
    disableSSL: true
    credentials: {secretRef: {secretName: team-minio, accessKeyKey: ak, secretKeyKey: sk}}`,
    );
    const resolved = resolveBucket(below("minio://team/kfp"), config);
    expect(resolved).toMatchObject({ bucket: "team", key: "kfp/P/R/train/S/model" });
    expect(sessionFor(resolved.lookup, config, {})).toEqual({
      ...builtIn,
      endpoint: "http://minio.storage.svc:9000",
      credentials: secret("team-minio", "ak", "sk"),
    });
  });

  describe("C: AWS with static keys and overrides", () => {
    const config = configOf(
      "s3://corp-main/kfp",
      `s3:
  default:
    endpoint: s3.amazonaws.com
    region: us-east-1
    forcePathStyle: false
    credentials: {secretRef: {secretName: main, accessKeyKey: a, secretKeyKey: s}}
  overrides:
    - bucketName: corp-data
      keyPrefix: shared
      endpoint: s3.eu-west-1.amazonaws.com
      region: eu-west-1
      credentials: {secretRef: {secretName: data, accessKeyKey: a, secretKeyKey: s}}
    - bucketName: corp-data
      keyPrefix: shared/restricted
      credentials: {fromEnv: true}`,
    );
    const main = {
      provider: "s3",
      region: "us-east-1",
      disableSsl: false,
      forcePathStyle: false,
      maxAttempts: 5,
      credentials: secret("main", "a", "s"),
      query: {},
    };
    const data = {
      ...main,
      endpoint: "https://s3.eu-west-1.amazonaws.com",
      region: "eu-west-1",
      credentials: secret("data", "a", "s"),
    };

    test.for([
      { uri: "s3://corp-main/kfp/P/R/x", session: main },
      { uri: "s3://corp-data/shared/x", session: data },
      { uri: "s3://corp-data/shared/restricted/x", session: data },
    ])("$uri", async ({ uri, session }, { expect }) => {
      const resolved = resolveBucket(uri, await config);
      expect(sessionFor(resolved.lookup, await config, {})).toEqual(session);
    });

    test.for(["s3://corp-data/sharedother/x", "s3://elsewhere/x", "minio://corp-data/shared/x"])(
      "%s is not allowed",
      async (uri, { expect }) => {
        const resolvedConfig = await config;
        expect(() => resolveBucket(uri, resolvedConfig)).toThrow(expect.objectContaining({ code: "URI_OUTSIDE_PIPELINE_ROOT" }));
      },
    );

    test("an override that names exactly the artifact's path matches (LAU-32)", async ({ expect }) => {
      const resolved = resolveBucket("s3://corp-data/shared", await config);
      expect(resolved.key).toBe("shared");
      expect(sessionFor(resolved.lookup, await config, {})).toEqual(data);
    });
  });

  test("D: AWS with IRSA", async ({ expect }) => {
    const config = await configOf("s3://corp-main/kfp");
    expect(sessionFor(resolveBucket(below("s3://corp-main/kfp"), config).lookup, config, {})).toEqual(fromEnvironment("s3"));
  });

  test("E: options in the query of the pipeline root", async ({ expect }) => {
    const config = await configOf("s3://lake/kfp?region=eu&endpoint=https://ceph.local&use_path_style=true");
    const resolved = resolveBucket(below("s3://lake/kfp"), config);
    expect(resolved.key).toBe("kfp/P/R/train/S/model");
    expect(sessionFor(resolved.lookup, config, {})).toEqual({
      ...fromEnvironment("s3"),
      region: "eu",
      endpoint: "https://ceph.local",
      forcePathStyle: true,
    });
  });

  test("F: GCS with key", async ({ expect }) => {
    const config = await configOf(
      "gs://proj-kfp/root",
      "gs: {default: {credentials: {secretRef: {secretName: gcs-sa, tokenKey: key.json}}}}",
    );
    const resolved = resolveBucket(below("gs://proj-kfp/root"), config);
    expect(resolved).toMatchObject({ bucket: "proj-kfp", key: "root/P/R/train/S/model" });
    expect(sessionFor(resolved.lookup, config, {})).toEqual({
      ...fromEnvironment("gs"),
      credentials: { kind: "gcs-secret", secretName: "gcs-sa", tokenKey: "key.json" },
    });
  });

  test("G: GCS with workload identity", async ({ expect }) => {
    const config = await configOf("gs://proj-kfp/root");
    expect(sessionFor(resolveBucket(below("gs://proj-kfp/root"), config).lookup, config, {})).toEqual(fromEnvironment("gs"));
  });

  test("H: importing from another bucket", async ({ expect }) => {
    const config = await configOf(
      undefined,
      `gs:
  default: {credentials: {fromEnv: true}}
  overrides:
    - {bucketName: ml-public, keyPrefix: "", credentials: {fromEnv: true}}`,
    );
    expect(sessionFor(resolveBucket("gs://ml-public/any/file", config).lookup, config, {})).toEqual(fromEnvironment("gs"));
    expect(resolveBucket("gs://ml-public/file", config).key).toBe("file");
    expect(sessionFor(resolveBucket("minio://mlpipeline/v2/artifacts/x", config).lookup, config, {})).toEqual(builtIn);
    expect(() => resolveBucket("gs://ml-private/any/file", config)).toThrow(/outside the configured pipeline root/);
  });

  test.for([
    {
      providers: "minio: {overrides: []}",
      path: "minio://b/p",
      message: /missing default credentials.*providers\.minio\.default/,
    },
    { providers: "minio: {default: {endpoint: x}}", path: "minio://b/p", message: /missing default credentials/ },
    {
      providers: "s3: {default: {credentials: {}}}",
      path: "s3://b",
      message: /missing default secretref.*providers\.s3\.default/,
    },
    { providers: "gs: {default: {credentials: {}}}", path: "gs://b", message: /missing default secretref/ },
    { providers: "azblob: {default: {credentials: {}}}", path: "azblob://b", message: /missing default secretref/ },
    {
      providers: "azblob: {default: {credentials: {secretRef: {secretName: s}}}}",
      path: "azblob://b",
      message: /providers\.azblob\.default\.credentials\.secretRef needs exactly one of accountKeyKey, sasTokenKey/,
    },
    {
      providers: "azblob: {default: {credentials: {secretRef: {secretName: s, sasTokenKey: a, connectionStringKey: b}}}}",
      path: "azblob://b",
      message: /needs exactly one of/,
    },
    {
      providers: "s3: {default: {credentials: {fromEnv: true}}, overrides: [{bucketName: b}]}",
      path: "s3://b",
      message: /missing override credentials.*providers\.s3\.overrides\[0\]/,
    },
    {
      providers: "gs: {default: {credentials: {fromEnv: true}}, overrides: [{bucketName: x}, {bucketName: b, credentials: {}}]}",
      path: "gs://b",
      message: /missing override secretref.*providers\.gs\.overrides\[1\]/,
    },
    {
      providers: "s3: {default: {credentials: {secretRef: {secretName: s, accessKeyKey: a}}}}",
      path: "s3://b",
      message: /providers\.s3\.default\.credentials\.secretRef\.secretKeyKey is empty/,
    },
  ])("I: $providers", async ({ providers, path, message }, { expect }) => {
    const config = await configOf(undefined, providers);
    expect(() => sessionFor(parseBucketPath(path), config, {})).toThrow(message);
  });

  test.for([
    ["unsupported://b/p", /unsupported Cloud bucket/],
    ["minio.no.scheme", /unrecognized pipeline root format/],
  ] as const)("I: pipeline root %s", async ([root, message], { expect }) => {
    const config = await configOf(root);
    expect(() => resolveBucket("s3://b/p/x", config)).toThrow(message);
  });
});

describe("assertUriAllowed()", () => {
  const config = { defaultPipelineRoot: "minio://mlpipeline/v2/artifacts", providers: {} };
  const remote = { localRootAllowed: false };

  test.for(["minio://mlpipeline/v2/artifacts/x", "minio://mlpipeline/v2/artifacts/../artifacts/x"])(
    "allows %s",
    (uri, { expect }) => {
      expect(() => assertUriAllowed(uri, config, remote)).not.toThrow();
    },
  );

  test.for([
    "s3://other/x",
    "minio://mlpipeline/v2/artifacts-old/x",
    "minio://mlpipeline/v2/artifacts/../x",
    "minio://mlpipeline/v2/artifacts/%2e%2e/x",
    "minio://mlpipeline/v2/artifacts",
    "s3://mlpipeline/v2/artifacts/x",
    "/etc/passwd",
  ])("E12 refuses %s", (uri, { expect }) => {
    expect(() => assertUriAllowed(uri, config, remote)).toThrow(/is outside the configured pipeline root/);
  });

  test("absolute paths are allowed where the pipeline root is one", ({ expect }) => {
    expect(() => assertUriAllowed("/home/x", config, { localRootAllowed: true })).not.toThrow();
    const local = { defaultPipelineRoot: "/home/a", providers: {} };
    expect(() => assertUriAllowed("/home/a/x", local, remote)).not.toThrow();
    expect(() => assertUriAllowed("/home/a/../b", local, remote)).toThrow(
      expect.objectContaining({ code: "LOCAL_PATH_INVALID" }),
    );
    expect(() => assertUriAllowed("s3://b/x", local, remote)).toThrow(/is outside the configured pipeline root/);
  });
});

describe("pipeline roots with special characters", () => {
  const artifactOf = (root: string): string => joinPipelineRoot(root, ["p", "run", "task", "salt", "o"], { keepQuery: false });

  test.for([
    { root: "s3://b/p%20q", key: "p q/p/run/task/salt/o" },
    { root: "s3://b/p q", key: "p q/p/run/task/salt/o" },
    { root: "s3://b/a//b", key: "a/b/p/run/task/salt/o" },
    { root: "s3://b//a/", key: "a/p/run/task/salt/o" },
    { root: "s3://b/a#b", key: "a#b/p/run/task/salt/o" },
    { root: "s3://b/100%25", key: "100%/p/run/task/salt/o" },
    { root: "s3://b/a/%2e%2e/c", key: "c/p/run/task/salt/o" },
    { root: "s3://b/a?region=x", key: "a/p/run/task/salt/o" },
  ])("$root holds its own artifacts", async ({ root, key }, { expect }) => {
    expect(resolveBucket(artifactOf(root), await configOf(root))).toMatchObject({ bucket: "b", key });
  });

  test.for([
    { root: "s3://b/a%2", says: /bad percent-escape/ },
    { root: "s3://b/a?b=c?d", says: /more than one question mark/ },
    { root: "s3://b/a%3Fb", says: /encoded query delimiters/ },
    { root: "s3://b/a#%23", says: /encoded query delimiters/ },
  ])("$root is refused by name", async ({ root, says }, { expect }) => {
    const config = await configOf(root);
    expect(() => resolveBucket("s3://b/a/x", config)).toThrow(says);
  });

  test("a root does not reach beside itself by escapes", async ({ expect }) => {
    const config = await configOf("s3://b/a%20b");
    for (const uri of ["s3://b/a%20b/../x/y", "s3://b/a%20b/%2e%2e/x/y", "s3://b/a%20bc/x", "s3://b/a/b/x"]) {
      expect(() => resolveBucket(uri, config), uri).toThrow(/outside the configured pipeline root/);
    }
  });

  test("every root that can be read holds its own artifacts", ({ expect }) => {
    const segment = fc.oneof(
      fc.constantFrom("..", ".", "", "a b", "%20", "%2e%2e", "%2F", "#", "%", "\u00e9", "+", "&"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 5 }), (segments) => {
        const root = `s3://b/${segments.join("/").replaceAll("?", "")}`;
        let prefix: string;
        try {
          prefix = keyPrefixOf(parseBucketPath(root));
          parseArtifactUri(artifactOf(root));
        } catch (error) {
          expect(error).toMatchObject({ code: "STORE_URI_INVALID" });
          return;
        }
        const { key } = resolveBucket(artifactOf(root), storeConfig({ defaultPipelineRoot: root }, undefined));
        expect(key).toBe(`${prefix}p/run/task/salt/o`);
      }),
    );
  });
});
