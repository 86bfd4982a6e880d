import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, test } from "vitest";
import { MAX_UPLOAD_BYTES, packageText } from "../../../../src/apiserver/rest/uploads/package-text.ts";
import { paxRecord, tarArchive, zipArchive, type ArchiveEntry } from "../../../support/archives.ts";

const kinds = [
  { kind: "zip", pack: (entries: readonly ArchiveEntry[]) => zipArchive(entries) },
  { kind: "tar.gz", pack: (entries: readonly ArchiveEntry[]) => gzipSync(tarArchive(entries)) },
];

// docs/spec/pipelines-and-python-client.md#upload-endpoints
describe("packageText()", () => {
  test.for(["p.yaml", "p.yml", "P.YAML", "p.json"])("%s is the text itself", async (name, { expect }) => {
    expect(await packageText(name, Buffer.from("a: ü"))).toBe("a: ü");
    expect(await packageText(name, Buffer.from("PK"))).toBe("PK");
  });

  test("a text under another name is refused, and so are bytes that are no text", async ({ expect }) => {
    await expect(packageText("pipeline", Buffer.from("a: 1"))).rejects.toThrow("none of .yaml");
    await expect(packageText("p.yaml", Buffer.from([0xff, 0xfe]))).rejects.toThrow("not UTF-8");
    await expect(packageText("p", Buffer.alloc(0))).rejects.toThrow("none of .yaml");
  });

  describe.for(kinds)("$kind", ({ kind, pack }) => {
    test.for([
      { name: "pipeline.yaml alone", entries: [{ name: "pipeline.yaml", content: "x" }], text: "x" },
      {
        name: "pipeline.yaml after others",
        entries: [{ name: "README.md" }, { name: "pipeline.yaml", content: "x" }],
        text: "x",
      },
      { name: "the first file", entries: [{ name: "my.yml", content: "x" }, { name: "other.yaml" }], text: "x" },
      {
        name: "a file in a folder",
        entries: [
          { name: "d/", type: "5" },
          { name: "d/my.yaml", content: "x" },
        ],
        text: "x",
      },
      {
        name: "not pipeline.yaml of a folder",
        entries: [{ name: "a.yaml", content: "x" }, { name: "d/pipeline.yaml" }],
        text: "x",
      },
    ])("takes $name", async ({ entries, text }, { expect }) => {
      expect(await packageText("p.any", pack(entries))).toBe(text);
    });

    test.for([
      { name: "no files", entries: [], message: "it has no files" },
      { name: "a first file of another kind", entries: [{ name: "a.txt" }, { name: "b.yaml" }], message: "not a YAML file" },
      {
        name: "a file that inflates beyond all measure",
        entries: [{ name: "pipeline.yaml", content: Buffer.alloc(2 * MAX_UPLOAD_BYTES + 1) }],
        message: /inflates to more than \d+ bytes/,
      },
    ])("refuses $name", async ({ entries, message }, { expect }) => {
      const bytes = pack(entries);
      if (kind === "zip" && entries.length === 0) expect(bytes).toHaveLength(22);
      await expect(packageText("p.any", bytes)).rejects.toThrow(message);
      await expect(packageText("p.any", bytes)).rejects.toThrow(expect.objectContaining({ status: "INVALID_ARGUMENT" }));
    });

    test("survives damage anywhere", async ({ expect }) => {
      const whole = pack([{ name: "pipeline.yaml", content: "a: 1\n".repeat(100) }]);
      const problems: unknown[] = [];
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
          const damaged = cut ? whole.subarray(0, at) : Buffer.from(whole);
          if (!cut) damaged[at] = byte;
          const outcome = await packageText("p.any", damaged).catch((error: unknown) => error);
          if (typeof outcome !== "string" && (outcome as { status?: string }).status !== "INVALID_ARGUMENT")
            problems.push(outcome);
        }),
        { numRuns: 300 },
      );
      expect(problems).toEqual([]);
    });
  });

  test("a zip entry larger than it says is refused", async ({ expect }) => {
    const bytes = zipArchive([{ name: "pipeline.yaml", content: Buffer.alloc(1_000_000), claimedSize: 10 }]);
    await expect(packageText("p.zip", bytes)).rejects.toThrow("Cannot read the zip archive");
  });

  test("zip archives by Python's zipfile, with a comment and a stored entry", async ({ expect }) => {
    // zipfile.ZipFile(..., "w") with a stored "a.yaml" of "x: 1\n" and the comment "hello".
    const bytes = Buffer.from(
      "UEsDBBQAAAAAAAAAIVCa7NOOBQAAAAUAAAAGAAAAYS55YW1seDogMQpQSwECFAMUAAAAAAAAACFQmuzTjgUAAAAFAAAABgAAAAAAAAAAAAAAgAEAAAAAYS55YW1sUEsFBgAAAAABAAEANAAAACkAAAAFAGhlbGxv",
      "base64",
    );
    expect(await packageText("p.zip", bytes)).toBe("x: 1\n");
    const encrypted = Buffer.from(bytes);
    encrypted.writeUInt16LE(1, encrypted.indexOf("PK\x01\x02", 0, "latin1") + 8);
    await expect(packageText("p.zip", encrypted)).rejects.toThrow("it is encrypted");
  });

  test("long names of tar entries, in both forms", async ({ expect }) => {
    const name = `${"d/".repeat(80)}my.yaml`;
    const tar = (before: ArchiveEntry) => gzipSync(tarArchive([before, { name: "short", content: "x" }]));
    expect(await packageText("p", tar({ name: "././@LongLink", type: "L", content: `${name}\0` }))).toBe("x");
    const records = paxRecord("mtime", "1.5") + paxRecord("path", name);
    expect(await packageText("p", tar({ name: "pax", type: "x", content: records }))).toBe("x");
    await expect(packageText("p", tar({ name: "pax", type: "x", content: "999 path=x\n" }))).rejects.toThrow("broken pax");
  });

  test("links and devices are no files", async ({ expect }) => {
    const links = [
      { name: "pipeline.yaml", type: "2" },
      { name: "d.yaml", type: "3" },
    ];
    await expect(packageText("p", gzipSync(tarArchive(links)))).rejects.toThrow("it has no files");
    await expect(packageText("p", gzipSync("no tar".repeat(200)))).rejects.toThrow("not a tar archive");
  });
});
