import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeConfig } from "../../src/config/store-config.ts";
import type { StoreConfig } from "../../src/config/store-config.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Options, FakeS3Server } from "../fakes/fake-s3-server.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";
import { configFor, openStore, patternBytes } from "../support/store-bench.ts";
import type { BenchOptions, Scheme } from "../support/store-bench.ts";

const SCHEMES: readonly Scheme[] = ["minio", "s3"];
const KEYS = { accessKeyId: "test-key", secretAccessKey: "secret" };

let folder: string;
let server: FakeS3Server;
const stores: ObjectStore[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kfp-open-store-test-"));
  await startServer({});
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function startServer(options: FakeS3Options): Promise<void> {
  await server?.close();
  server = await startFakeS3Server(options);
  server.buckets.set("bucket", new Map());
}

function open(scheme: Scheme, options: BenchOptions = {}): ObjectStore {
  const store = openStore(scheme, "bucket", { ...server, ...KEYS }, options);
  stores.push(store);
  return store;
}

async function roundTrip(store: ObjectStore, uri: string): Promise<string> {
  await writeFile(join(folder, "in"), "content");
  await store.upload(join(folder, "in"), uri);
  await store.download(uri, join(folder, "out"));
  return await readFile(join(folder, "out"), "utf8");
}

/** Credentials from the environment, endpoint and all. */
function environmentConfig(scheme: Scheme, settings: Record<string, unknown> = {}): StoreConfig {
  const section = { default: { ...settings, credentials: { fromEnv: true } } };
  return storeConfig({ defaultPipelineRoot: `${scheme}://bucket/root` }, { [scheme]: section });
}

describe.for(SCHEMES)("%s://", (scheme) => {
  const uri = `${scheme}://bucket/root/x`;

  test.for([
    ["in one request", 3, ["PUT"]],
    ["in parts", 20 * 1024 * 1024, ["PUT", "PUT", "PUT"]],
  ] as const)("content %s is signed over plain HTTP, and not over TLS, which protects it", async ([, sizeBytes, puts]) => {
    const content = patternBytes(sizeBytes);
    await writeFile(join(folder, "in"), content);
    const signedAs = (): unknown[] =>
      server.requests.filter(({ method }) => method === "PUT").map(({ headers }) => headers["x-amz-content-sha256"]);
    // The server compares the digest with the bytes.
    await open(scheme).upload(join(folder, "in"), uri);
    expect(signedAs().map((digest) => /^[0-9a-f]{64}$/.test(String(digest)))).toEqual(puts.map(() => true));
    const tls = createSelfSignedCertificate();
    await startServer({ tls });
    await open(scheme, { extraCaPem: tls.cert }).upload(join(folder, "in"), uri);
    expect(signedAs()).toEqual(puts.map(() => "UNSIGNED-PAYLOAD"));
    expect(server.buckets.get("bucket")?.get("root/x")?.body.equals(content)).toBe(true);
  });

  test.for([
    ["in one request", 3],
    ["in parts", 9 * 1024 * 1024],
  ] as const)("content %s goes up without checksums that older stores refuse", async ([, sizeBytes]) => {
    await writeFile(join(folder, "in"), patternBytes(sizeBytes));
    await open(scheme).upload(join(folder, "in"), uri);
    const names = server.requests.flatMap(({ headers }) => Object.keys(headers));
    expect(names.filter((name) => /^(content-md5|x-amz-trailer|x-amz-(sdk-)?checksum-.*)$/.test(name))).toEqual([]);
  });

  test("a private certificate authority is trusted when it is handed in", async () => {
    const tls = createSelfSignedCertificate();
    await startServer({ tls });
    expect(await roundTrip(open(scheme, { extraCaPem: tls.cert }), uri)).toBe("content");
  });

  test.for(["AWS_CA_BUNDLE", "SSL_CERT_FILE"])("the certificates that %s names are trusted", async (variable) => {
    const tls = createSelfSignedCertificate();
    await startServer({ tls });
    await writeFile(join(folder, "ca.pem"), tls.cert);
    expect(await roundTrip(open(scheme, { environment: { [variable]: join(folder, "ca.pem") } }), uri)).toBe("content");
  });

  test("an unknown certificate authority is refused", async () => {
    await startServer({ tls: createSelfSignedCertificate() });
    await expect(roundTrip(open(scheme), uri)).rejects.toMatchObject({ code: "TRANSFER_FAILED", details: { transient: false } });
  });

  test("requests go through the proxy of the environment, except to its exclusions", async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? "");
      response.writeHead(403).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const variables = { HTTP_PROXY: `http://127.0.0.1:${port}` };
    const config = configFor(scheme, "bucket", { endpoint: "http://store.example" });
    await expect(roundTrip(open(scheme, { environment: variables, config }), uri)).rejects.toMatchObject({
      code: "OBJECT_ACCESS_DENIED",
    });
    expect(seen[0]).toMatch(/^http:\/\/store\.example\/bucket\/root\/x/);
    expect(await roundTrip(open(scheme, { environment: variables }), uri)).toBe("content");
    expect(seen).toHaveLength(1);
    await new Promise((resolve) => proxy.close(resolve));
  });

  test("TLS goes through the proxy in a tunnel", async () => {
    const tls = createSelfSignedCertificate();
    await startServer({ tls });
    const port = new URL(server.endpoint).port;
    const proxy = createServer();
    const tunnels: string[] = [];
    proxy.on("connect", (request, socket) => {
      tunnels.push(request.url ?? "");
      const upstream = connect(Number(port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [upstream, socket]) end.on("error", () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    const environment = { https_proxy: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` };
    // The name resolves nowhere: only the proxy can reach it. Its certificate is for localhost, so the name is checked too.
    const config = configFor(scheme, "bucket", { endpoint: `https://store.example:${port}` });
    await expect(roundTrip(open(scheme, { environment, config, extraCaPem: tls.cert }), uri)).rejects.toMatchObject({
      details: { reason: "ERR_TLS_CERT_ALTNAME_INVALID" },
    });
    expect(tunnels).toEqual([`store.example:${port}`]);
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });

  test("keys and endpoint come from the handed-in environment", async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: "test-key",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_SESSION_TOKEN: "session",
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_REGION: "eu-test-1",
      HOME: folder,
    };
    expect(await roundTrip(open(scheme, { environment, config: environmentConfig(scheme) }), uri)).toBe("content");
    const headers = server.requests[0]?.headers;
    expect(headers?.["x-amz-security-token"]).toBe("session");
    expect(headers?.authorization).toContain("/eu-test-1/s3/aws4_request");
  });

  test("a configured endpoint and region win over the environment's (LAU-35)", async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: "test-key",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
      AWS_REGION: "eu-test-1",
    };
    const config = environmentConfig(scheme, { endpoint: server.endpoint, region: "us-test-9" });
    expect(await roundTrip(open(scheme, { environment, config }), uri)).toBe("content");
    expect(server.requests[0]?.headers.authorization).toContain("/us-test-9/s3/aws4_request");
  });

  test("options in the query of the pipeline root are applied", async () => {
    const query = `region=q-1&endpoint=${server.endpoint}&use_path_style=true`;
    const config = storeConfig({ defaultPipelineRoot: `${scheme}://bucket/root?${query}` }, undefined);
    const environment = { AWS_ACCESS_KEY_ID: "test-key", AWS_SECRET_ACCESS_KEY: "secret" };
    expect(await roundTrip(open(scheme, { environment, config }), uri)).toBe("content");
    expect(server.requests[0]?.headers.authorization).toContain("/q-1/s3/aws4_request");
  });

  test("no credentials anywhere is one clear error", async () => {
    const config = environmentConfig(scheme, { endpoint: server.endpoint });
    const environment = { HOME: folder, AWS_EC2_METADATA_DISABLED: "true" };
    await expect(roundTrip(open(scheme, { environment, config }), uri)).rejects.toMatchObject({
      code: "OBJECT_ACCESS_DENIED",
      message: expect.stringMatching(/^No credentials found in the environment/) as unknown,
    });
  });

  test("a Secret that lacks a key is named", async () => {
    const kube = { getSecret: () => Promise.resolve({ ak: Buffer.from("only") }) };
    const { openObjectStore } = await import("../../src/objectstore/open-store.ts");
    const clock = { now: () => new Date(), monotonicMs: () => 0, sleep: () => Promise.resolve() };
    const config = configFor(scheme, "bucket", server);
    const store = openObjectStore({ clock, kube: () => Promise.resolve(kube) }, { config, namespace: "team-a", environment: {} });
    stores.push(store);
    await expect(roundTrip(store, uri)).rejects.toMatchObject({
      code: "SECRET_KEY_MISSING",
      message: expect.stringContaining('Secret team-a/store, keys "ak" and "sk"') as unknown,
    });
  });

  test("warming up makes no request and reads no Secret, whatever the URI", async () => {
    const secretReads: string[] = [];
    const store = open(scheme, { secretReads });
    await store.warmUp?.(uri);
    await store.warmUp?.("/a/local/path");
    expect({ requests: server.requests, secretReads }).toEqual({ requests: [], secretReads: [] });
  });

  test("one read of the Secret serves all folders of a bucket (LAU-33)", async () => {
    const secretReads: string[] = [];
    const store = open(scheme, { secretReads });
    for (const name of ["a/1", "b/2", "c/d/3"]) await roundTrip(store, `${scheme}://bucket/root/${name}`);
    expect(secretReads).toHaveLength(1);
  });

  test("a failed login is tried again by the next transfer", async () => {
    const environment: Record<string, string> = { HOME: folder, AWS_EC2_METADATA_DISABLED: "true" };
    const store = open(scheme, { environment, config: environmentConfig(scheme, { endpoint: server.endpoint }) });
    await expect(roundTrip(store, uri)).rejects.toMatchObject({ code: "OBJECT_ACCESS_DENIED" });
    Object.assign(environment, { AWS_ACCESS_KEY_ID: "test-key", AWS_SECRET_ACCESS_KEY: "s" });
    await store.refresh();
    expect(await roundTrip(store, uri)).toBe("content");
  });
});

describe("other stores", () => {
  test("a scheme that no provider serves is refused with one clear error, before anything is transferred", async () => {
    const store = open("s3", { config: storeConfig({ defaultPipelineRoot: "mem://b/root" }, undefined) });
    expect(() => store.assertAllowed("mem://b/root/x")).toThrow("No provider serves mem://b/");
    await expect(store.download("mem://b/root/x", join(folder, "out"))).rejects.toMatchObject({ code: "STORE_URI_INVALID" });
  });

  test("an endpoint that is not a URL is refused", async () => {
    const config = configFor("s3", "bucket", { endpoint: "ftp://x" });
    await expect(roundTrip(open("s3", { config }), "s3://bucket/root/x")).rejects.toMatchObject({ code: "STORE_CONFIG_INVALID" });
  });
});

describe("an absolute path as URI", () => {
  const local = (): ObjectStore => open("s3", { localRootAllowed: true });

  test("is used in place", async () => {
    const path = join(folder, "artifact");
    await writeFile(path, "here");
    await local().upload(path, path);
    expect(await local().download(path, path)).toEqual({ objects: 1 });
    expect(await local().download(`${path}2`, `${path}2`)).toEqual({ objects: 0 });
    expect(await readFile(path, "utf8")).toBe("here");
  });

  test("must exist when it is an output", async () => {
    await expect(local().upload(join(folder, "none"), join(folder, "none"))).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });

  test("takes the content of a path of the component's own", async () => {
    await mkdir(join(folder, "custom"));
    await writeFile(join(folder, "custom/f"), "x");
    await local().upload(join(folder, "custom"), join(folder, "root/artifact"));
    expect(await local().download(join(folder, "root/artifact"), join(folder, "elsewhere"))).toEqual({ objects: 1 });
    expect(await readFile(join(folder, "elsewhere/f"), "utf8")).toBe("x");
  });

  test("is refused where the pipeline root is a bucket", () => {
    expect(() => open("s3").assertAllowed("/etc/passwd")).toThrow(/outside the configured pipeline root/);
  });
});
