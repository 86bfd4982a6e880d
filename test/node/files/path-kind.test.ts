import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { exists, isFolder } from "../../../src/node/files/path-kind.ts";

describe("what is at a path", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "path-kind-"));
    await writeFile(join(folder, "file"), "");
    await symlink(folder, join(folder, "link"));
    await symlink(join(folder, "absent"), join(folder, "dangling"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.for([
    { name: ".", there: true, folder: true },
    { name: "file", there: true, folder: false },
    { name: "link", there: true, folder: true },
    { name: "dangling", there: false, folder: false },
    { name: "absent", there: false, folder: false },
    { name: "file/below", there: false, folder: false },
  ])("$name", async (row, { expect }) => {
    const path = join(folder, row.name);
    expect({ there: await exists(path), folder: await isFolder(path) }).toEqual({ there: row.there, folder: row.folder });
  });
});
