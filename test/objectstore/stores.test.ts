import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ObjectReader, ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeGcsServer } from "../fakes/fake-gcs-server.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import { startGoogleLogin } from "../fakes/google-login.ts";
import { startFsouzaServer, startStorageEmulator } from "../support/gcs-server.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { startAzurite } from "../support/azurite.ts";
import { startMoto, startVersityGateway } from "../support/s3-server.ts";
import type { S3Server, S3ServerResult } from "../support/s3-server.ts";
import { skipUnless } from "../support/skip.ts";
import { openStore, patternBytes, readTree, sha256, writeTree } from "../support/store-bench.ts";
import type { Scheme, Tree } from "../support/store-bench.ts";

async function startFake(): Promise<S3Server> {
  const fake = await startFakeS3Server({ accessKeyId: "fake-key", pageSize: 3 });
  return {
    name: "the in-process server",
    endpoint: fake.endpoint,
    accessKeyId: "fake-key",
    secretAccessKey: "fake-secret",
    verifiesSignatures: false,
    hasFreeKeys: true,
    createBucket: (name) => Promise.resolve(void fake.buckets.set(name, new Map())),
    stop: () => fake.close(),
  };
}

async function startFakeGcs(): Promise<S3Server> {
  const login = await startGoogleLogin();
  const fake = await startFakeGcsServer({ pageSize: 3, isAllowed: (token) => login.accountOf(token) !== undefined });
  return {
    name: "the in-process server of Google's kind",
    endpoint: fake.endpoint,
    accessKeyId: "",
    secretAccessKey: "",
    keyDocument: login.keyDocument(),
    verifiesSignatures: false,
    hasFreeKeys: true,
    createBucket: (name) => Promise.resolve(void fake.buckets.set(name, new Map())),
    async stop() {
      await login.close();
      await fake.close();
    },
  };
}

const SCHEMES: readonly Scheme[] = ["minio", "s3"];
const SERVERS: readonly (readonly [name: string, start: () => Promise<S3ServerResult>, schemes: readonly Scheme[]])[] = [
  ["the in-process server", startFake, SCHEMES],
  ["versitygw", startVersityGateway, SCHEMES],
  ["moto", startMoto, SCHEMES],
  ["the in-process server of Google's kind", startFakeGcs, ["gs"]],
  ["fake-gcs-server", startFsouzaServer, ["gs"]],
  ["gcp-storage-emulator", startStorageEmulator, ["gs"]],
  ["azurite", startAzurite, ["azblob"]],
];

/** Base64, as account keys of Azure are. */
const WRONG_SECRET = Buffer.from("this is a wrong secret").toString("base64");

const TREES: readonly { name: string; tree: Tree }[] = [
  { name: "nested folders", tree: { "a.txt": "A", "d/b.txt": "B", "d/e/f/c.txt": "C" } },
  { name: "hidden files", tree: { ".hidden": "h", ".config/.deep": "d", "x/.keep": "" } },
  {
    name: "unicode, spaces and reserved characters",
    tree: { "grün/データ.txt": "u", "a b+c%20&=?#'()*!~@:,;$.txt": "r", "e\u0301": "nfd" },
  },
  { name: "names that look like numbers and entities", tree: { "007": "n", "1e5": "e", "&amp;<x>": "x", " padded ": "p" } },
  { name: "empty files", tree: { empty: "", "d/empty": "" } },
  { name: "names that end in dots", tree: { "a../b": "dots", "c..": "end", "...": "three" } },
];

describe.for(SERVERS)("on %s", ([serverName, start, schemes]) => {
  let server: S3Server;
  let missing: string | undefined;

  beforeAll(async () => {
    const result = await start();
    if ("missing" in result) {
      missing = result.missing;
      skipUnless(false, `object store tests on ${serverName}: ${missing}`);
      return;
    }
    server = result;
    for (const scheme of schemes) await server.createBucket(`${scheme}-bucket`);
  }, STORE_SERVER_SETUP_TIMEOUT_MS);

  afterAll(async () => {
    if (missing === undefined) await server.stop();
  });

  describe.for(schemes)("%s://", (scheme) => {
    let folder: string;
    let store: ObjectStore & ObjectReader;
    let count = 0;
    let uri: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "kfp-store-test-"));
      if (missing === undefined) store = openStore(scheme, `${scheme}-bucket`, server);
    });
    afterAll(async () => {
      await store?.close();
      await rm(folder, { recursive: true, force: true });
    });

    /** Every test has folders and keys of its own. */
    beforeEach(async (context) => {
      if (missing !== undefined && skipUnless(false, missing)) return context.skip(missing);
      count += 1;
      uri = `${scheme}://${scheme}-bucket/root/${count}`;
      await mkdir(local());
    });
    const local = (name = ""): string => join(folder, String(count), name);

    test("a file comes back as it was", async () => {
      await writeFile(local("in"), "hello\n");
      await store.upload(local("in"), `${uri}/model`);
      expect(await store.download(`${uri}/model`, local("deep/down/out"))).toEqual({ objects: 1 });
      expect(await readFile(local("deep/down/out"), "utf8")).toBe("hello\n");
      expect(await readdir(local("deep/down"))).toEqual(["out"]);
    });

    test("an empty file comes back empty", async () => {
      await writeFile(local("in"), "");
      await store.upload(local("in"), `${uri}/empty`);
      expect(await store.download(`${uri}/empty`, local("out"))).toEqual({ objects: 1 });
      expect((await stat(local("out"))).size).toBe(0);
    });

    test("an object is read in parts where it lies; folders and what is missing are told apart", async () => {
      await writeTree(local("in"), { "a.txt": "0123456789", "d/b.txt": "", ümlaut: "u" });
      await store.upload(local("in"), `${uri}/out`);
      const found = await store.look(`${uri}/out/a.txt`);
      if (found.kind !== "object") throw new Error(found.kind);
      expect(found.sizeBytes).toBe(10);
      for (const [start, end] of [
        [0, 10],
        [3, 5],
        [9, 10],
        [4, 4],
      ] as const) {
        expect(await text(Readable.from(found.read(start, end)))).toBe("0123456789".slice(start, end));
      }
      const empty = await store.look(`${uri}/out/d/b.txt`);
      expect(empty).toMatchObject({ kind: "object", sizeBytes: 0 });
      expect(await store.look(`${uri}/out`)).toEqual({
        ...{ kind: "folder", isWhole: true },
        names: expect.toSatisfy(
          (names: string[]) => names.toSorted().join() === ["a.txt", "d/b.txt", "ümlaut"].join(),
        ) as unknown,
      });
      expect(await store.look(`${uri}/ou`)).toEqual({ kind: "missing" });
      await expect(store.look(`${scheme}://elsewhere/x`)).rejects.toMatchObject({ code: "URI_OUTSIDE_PIPELINE_ROOT" });
    });

    test("an existing object and an existing file are overwritten", async () => {
      for (const version of ["a much longer first version", "second"]) {
        await writeFile(local("in"), version);
        await store.upload(local("in"), `${uri}/x`);
        await store.download(`${uri}/x`, local("out"));
        expect(await readFile(local("out"), "utf8")).toBe(version);
      }
    });

    for (const { name, tree } of TREES) {
      test(`a folder comes back as it was: ${name}`, async () => {
        await writeTree(local("in"), tree);
        await store.upload(local("in"), `${uri}/out_ds`);
        expect(await store.download(`${uri}/out_ds`, local("out"))).toEqual({ objects: Object.keys(tree).length });
        expect(await readTree(local("out"))).toEqual(tree);
      });
    }

    test("siblings that share the beginning of the name stay out", async () => {
      await writeTree(local("in"), { a: "A" });
      for (const name of ["out_ds", "out_ds2", "out_ds-3"]) await store.upload(local("in"), `${uri}/${name}`);
      expect(await store.download(`${uri}/out_ds`, local("out"))).toEqual({ objects: 1 });
      expect(await readTree(local("out"))).toEqual({ a: "A" });
    });

    test("percent-escapes of the URI name the decoded object", async () => {
      await writeFile(local("in"), "m");
      await store.upload(local("in"), `${uri}/my%20model%25`);
      expect(await store.download(`${uri}/my%20model%25/`, local("out"))).toEqual({ objects: 1 });
    });

    test("a link to a file is uploaded as that file", async () => {
      await writeTree(local("in"), { real: "text" });
      await symlink("real", local("in/link"));
      await symlink(local("in/real"), local("top"));
      await store.upload(local("in"), `${uri}/d`);
      await store.upload(local("top"), `${uri}/f`);
      await store.download(`${uri}/d`, local("out"));
      await store.download(`${uri}/f`, local("file"));
      expect(await readTree(local("out"))).toEqual({ real: "text", link: "text" });
      expect(await readFile(local("file"), "utf8")).toBe("text");
    });

    test("20 MB go up in parts and come down in ranges", async () => {
      const bytes = patternBytes(20_000_001);
      await writeFile(local("in"), bytes);
      await store.upload(local("in"), `${uri}/big`);
      expect(await store.download(`${uri}/big`, local("out"))).toEqual({ objects: 1 });
      expect(sha256(await readFile(local("out")))).toBe(sha256(bytes));
    });

    test("many small files go up and come down", async () => {
      const tree = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`d${i % 7}/f${i}`, `content ${i}`]));
      await writeTree(local("in"), tree);
      await store.upload(local("in"), `${uri}/many`);
      expect(await store.download(`${uri}/many`, local("out"))).toEqual({ objects: 120 });
      expect(await readTree(local("out"))).toEqual(tree);
    });

    test("what exists is a file, or a folder with files, and not what begins with its name", async () => {
      await writeTree(local("in"), { file: "f", "folder/a": "a", "folder-2/b": "b", "folder.c": "c" });
      await store.upload(local("in"), uri);
      const found = async (name: string): Promise<boolean> => store.exists(`${uri}/${name}`);
      expect(await Promise.all(["file", "folder", "folder-2", "folder/a"].map(found))).toEqual([true, true, true, true]);
      expect(await Promise.all(["fil", "folder-", "none", "folder/b", "file/a"].map(found))).toEqual([
        false,
        false,
        false,
        false,
        false,
      ]);
    });

    test("nothing at the URI is no error and writes nothing", async () => {
      expect(await store.download(`${uri}/none`, local("out"))).toEqual({ objects: 0 });
      expect(await readdir(local())).toEqual([]);
    });

    test("an empty folder leaves nothing", async () => {
      await mkdir(local("in/empty"), { recursive: true });
      await store.upload(local("in"), `${uri}/d`);
      expect(await store.download(`${uri}/d`, local("out"))).toEqual({ objects: 0 });
    });

    test("a missing local path is named", async () => {
      await expect(store.upload(local("none"), `${uri}/x`)).rejects.toMatchObject({
        code: "OBJECT_NOT_FOUND",
        message: expect.stringContaining(local("none")) as unknown,
      });
    });

    test("a missing bucket is named", async () => {
      const other = openStore(scheme, "no-such-bucket", server);
      await writeFile(local("in"), "x");
      const target = `${scheme}://no-such-bucket/root/x`;
      const expected = {
        code: "OBJECT_NOT_FOUND",
        message: expect.stringContaining('bucket "no-such-bucket" does not exist') as unknown,
      };
      await expect(other.upload(local("in"), target)).rejects.toMatchObject(expected);
      await expect(other.download(target, local("out"))).rejects.toMatchObject(expected);
      await other.close();
    });

    test("wrong credentials are refused and not repeated in the message", async (context) => {
      if (skipUnless(server.verifiesSignatures, `checks of credentials on ${server.name}, which accepts any key`))
        return context.skip();
      const wrong = { ...server, accessKeyId: "WRONGKEYID", secretAccessKey: WRONG_SECRET };
      const other = openStore(scheme, `${scheme}-bucket`, wrong);
      await writeFile(local("in"), "x");
      const failure = await other.upload(local("in"), `${uri}/x`).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "OBJECT_ACCESS_DENIED", details: { transient: false } });
      expect(String(failure)).not.toMatch(new RegExp(`WRONGKEYID|${WRONG_SECRET}`));
      await other.close();
    });

    test("a wrong secret for a right key is refused", async (context) => {
      if (skipUnless(server.verifiesSignatures, `checks of credentials on ${server.name}, which verifies no signature`))
        return context.skip();
      const other = openStore(scheme, `${scheme}-bucket`, { ...server, secretAccessKey: WRONG_SECRET });
      const failure = await other.download(`${uri}/x`, local("out")).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: "OBJECT_ACCESS_DENIED",
        details: { reason: scheme === "azblob" ? "AuthorizationFailure" : "SignatureDoesNotMatch" },
      });
      await other.close();
    });

    test("a URI outside the pipeline root is refused", async () => {
      await expect(store.download(`${scheme}://${scheme}-bucket/other/x`, local("out"))).rejects.toMatchObject({
        code: "URI_OUTSIDE_PIPELINE_ROOT",
      });
    });
  });
});
