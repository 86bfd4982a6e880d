/** Folders with names, links and emptiness of every kind: what goes up, what is refused, and what a download leaves. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeConfig } from "../../src/config/store-config.ts";
import type { ObjectStore } from "../../src/ports/object-store.ts";
import { startFakeS3Server } from "../fakes/fake-s3-server.ts";
import type { FakeS3Server } from "../fakes/fake-s3-server.ts";
import { openStore, readTree, writeTree } from "../support/store-bench.ts";

const KEYS = { accessKeyId: "test-key", secretAccessKey: "test-secret" };
const URI = "minio://bucket/root/x";
/** `café` in Latin-1. */
const LATIN = Buffer.from("caf\xe9", "latin1");

let server: FakeS3Server;
let store: ObjectStore;
let folder: string;
beforeEach(async () => {
  server = await startFakeS3Server();
  server.buckets.set("bucket", new Map());
  folder = await mkdtemp(join(tmpdir(), "kfp-directories-"));
  store = openStore("minio", "bucket", { ...server, ...KEYS });
});
afterEach(async () => {
  await store.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const path = (name: string): string => join(folder, name);
const pathOf = (parent: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${path(parent)}/`), name]);
const keys = (): string[] => [...(server.buckets.get("bucket")?.keys() ?? [])].sort();

describe("names that are not UTF-8", () => {
  test.for([
    { kind: "a file", make: (name: Buffer) => writeFile(name, "x") },
    { kind: "a folder", make: (name: Buffer) => mkdir(name) },
  ])("$kind is refused by name, before it is read", async ({ make }) => {
    await writeTree(path("in"), { "deep/ok": "1" });
    await make(pathOf("in/deep", LATIN));
    await expect(store.upload(path("in"), URI)).rejects.toMatchObject({
      code: "LOCAL_PATH_INVALID",
      message: expect.stringMatching(/\/in\/deep\/caf\ufffd as an artifact: its name, caf\\xe9, is not UTF-8/) as string,
    });
  });

  test("artifacts that stay on this disk may have them", async () => {
    await mkdir(path("root/a"), { recursive: true });
    await mkdir(pathOf("root/a", LATIN));
    await writeFile(Buffer.concat([pathOf("root/a", LATIN), Buffer.from("/f")]), "x");
    const config = storeConfig({ defaultPipelineRoot: path("root") }, undefined);
    const local = openStore("minio", "bucket", { ...server, ...KEYS }, { config, localRootAllowed: true });
    await expect(local.upload(path("root/a"), path("root/a"))).resolves.toBeUndefined();
    await local.close();
  });

  test("names that only look alike stay two", async () => {
    const tree = { "\u00e9": "composed", "e\u0301": "decomposed", "caf\ufffd": "a real replacement character" };
    await writeTree(path("in"), tree);
    await store.upload(path("in"), URI);
    await store.download(URI, path("out"));
    expect(await readTree(path("out"))).toEqual(tree);
  });
});

describe("empty folders", () => {
  test("leave nothing, alone and beside files", async () => {
    await writeTree(path("in"), { "full/f": "1" });
    await mkdir(path("in/empty/deeper"), { recursive: true });
    await store.upload(path("in"), URI);
    expect(keys()).toEqual(["root/x/full/f"]);
  });

  test("that other programs have marked come back", async () => {
    const objects = new Map(
      ["root/x/empty/", "root/x/full/", "root/x/full/f"].map((key) => [
        key,
        { body: Buffer.from(""), contentType: "", etag: "" },
      ]),
    );
    server.buckets.set("bucket", objects);
    await store.download(URI, path("out"));
    expect((await readdir(path("out"), { recursive: true })).sort()).toEqual(["empty", "full", "full/f"]);
  });
});

describe("links", () => {
  test("to a file are that file, wherever it lies; the artifact itself may be one to a folder", async () => {
    await writeTree(path("in"), { "real/f": "1" });
    await writeFile(path("outside"), "2");
    await symlink("real/f", path("in/inside"));
    await symlink(path("outside"), path("in/out"));
    await symlink(path("in"), path("top"));
    await store.upload(path("top"), URI);
    expect(keys()).toEqual(["root/x/inside", "root/x/out", "root/x/real/f"]);
  });

  test.for([
    { kind: "to a folder", target: "real" },
    { kind: "to the folder it lies in", target: "." },
    { kind: "to a folder outside", target: "/" },
    { kind: "to nothing", target: "nothing" },
    { kind: "to itself", target: "link" },
    { kind: "to a device", target: "/dev/zero" },
  ])("$kind are refused by name", { timeout: 120_000 }, async ({ target }) => {
    await writeTree(path("in"), { "real/f": "1" });
    await symlink(target, path("in/link"));
    const failure: unknown = await store.upload(path("in"), URI).catch((error: unknown) => error);
    expect(String(failure)).toMatch(/\/in\/link/);
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(LOCAL_PATH_INVALID|TRANSFER_FAILED)$/) as string });
    expect(keys().filter((key) => key.includes("link"))).toEqual([]);
  });

  test("that are in the way of a download are replaced, not followed", async () => {
    await writeTree(path("in"), { f: "new" });
    await store.upload(path("in"), URI);
    await writeFile(path("elsewhere"), "old");
    await mkdir(path("out"));
    await symlink(path("elsewhere"), path("out/f"));
    await store.download(URI, path("out"));
    expect(await readFile(path("elsewhere"), "utf8")).toBe("old");
    expect(await readFile(path("out/f"), "utf8")).toBe("new");
  });
});
