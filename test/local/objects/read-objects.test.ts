import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ObjectKind } from "../../../src/local/objects/local-objects.ts";
import { readLocalObjects } from "../../../src/local/objects/read-objects.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-read-objects-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function read(kind: ObjectKind, name: string, path = folder): Promise<Record<string, string> | undefined> {
  const data = (await readLocalObjects(path)).find(kind, name);
  return data === undefined
    ? undefined
    : Object.fromEntries([...data].map(([key, value]) => [key, Buffer.from(value).toString("latin1")]));
}

const manifest = (kind: string, more: object): string =>
  JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "n" }, ...more });

describe("readLocalObjects()", () => {
  test("takes a folder as secret and as config map, byte for byte", async () => {
    write("login/user", "ada\n");
    write("login/raw", Uint8Array.of(0, 255, 10));
    const expected = { user: "ada\n", raw: "\u0000\u00ff\n" };
    expect(await read("Secret", "login")).toEqual(expected);
    expect(await read("ConfigMap", "login")).toEqual(expected);
    expect(await read("Secret", "other")).toBeUndefined();
  });

  test("reads a folder that Kubernetes mounted", async () => {
    write("login/..2026/user", "ada");
    symlinkSync("..2026", join(folder, "login/..data"));
    symlinkSync("..data/user", join(folder, "login/user"));
    expect(await read("Secret", "login")).toEqual({ user: "ada" });
  });

  test.for([
    { kind: "Secret", more: { data: { a: "YWRh" }, stringData: { b: "plain" } }, expected: { a: "ada", b: "plain" } },
    { kind: "Secret", more: { data: { a: "old=" }, stringData: { a: "new" } }, expected: { a: "new" } },
    { kind: "ConfigMap", more: { data: { a: "YWRh" }, binaryData: { b: "AP8=" } }, expected: { a: "YWRh", b: "\u0000\u00ff" } },
    { kind: "ConfigMap", more: {}, expected: {} },
  ])("reads a manifest: $kind $more", async ({ kind, more, expected }) => {
    expect(await read(kind as ObjectKind, "n", write("one.json", manifest(kind, more)))).toEqual(expected);
  });

  test("reads several documents and lists of them", async () => {
    const secret = manifest("Secret", { stringData: { a: "1" } });
    write("all.yaml", `---\n${secret}\n---\nkind: List\nitems:\n- ${manifest("ConfigMap", { data: { b: "2" } })}\n`);
    expect(await read("Secret", "n")).toEqual({ a: "1" });
    expect(await read("ConfigMap", "n")).toEqual({ b: "2" });
  });

  test.for<{ name: string; file: string; text: string; says: RegExp }>([
    { name: "a file that is no manifest", file: "README.md", text: "", says: /README\.md is neither a folder of keys nor a/ },
    { name: "another kind", file: "a.yaml", text: "kind: Pod", says: /a\.yaml holds an object of kind "Pod"/ },
    { name: "a list", file: "a.yaml", text: "- 1", says: /a document that is not a Kubernetes object/ },
    { name: "no name", file: "a.yaml", text: "kind: Secret", says: /a secret without metadata\.name/ },
    { name: "a number", file: "a.json", text: manifest("Secret", { stringData: { a: 1 } }), says: /not text at key a/ },
    { name: "no base64", file: "a.json", text: manifest("Secret", { data: { a: "plain!" } }), says: /key a is not base64/ },
    {
      name: "a key that is a path",
      file: "a.json",
      text: manifest("Secret", { stringData: { "../a": "" } }),
      says: /name "\.\.\/a"/,
    },
    { name: "a folder as key", file: "login/deep/key", text: "", says: /login\/deep is a folder: a key is a file/ },
    { name: "too much", file: "login/key", text: "x".repeat(1024 * 1024 + 1), says: /the limit of Kubernetes for one object/ },
  ])("refuses $name", async ({ file, text, says }) => {
    write(file, text);
    const error = await readLocalObjects(folder).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "FILE_UNREADABLE", message: expect.stringMatching(says) as string });
    expect((error as Error).message).not.toContain("plain!");
  });

  test("refuses the same object twice", async () => {
    write("n/a", "1");
    write("n.json", manifest("Secret", { stringData: { a: "2" } }));
    await expect(readLocalObjects(folder)).rejects.toThrow(/is there twice: secret n/);
  });

  test("refuses what is not there", async () => {
    await expect(readLocalObjects(join(folder, "gone"))).rejects.toThrow(/gone cannot be read: .*ENOENT/);
  });
});
