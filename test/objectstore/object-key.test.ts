import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/core/errors.ts";
import { escapeKey, relativePathOf, unescapeKey } from "../../src/objectstore/object-key.ts";

describe("escapeKey()", () => {
  test.for([
    ["a/b.txt", "a/b.txt"],
    ["a\tb\nc\0", "a__0x9__b__0xa__c__0x0__"],
    ["a/../b", "a/..__0x2f__b"],
    ["../../x", "..__0x2f__..__0x2f__x"],
    ["a../b", "a..__0x2f__b"],
    ["./x", "./x"],
    ["grün/データ", "grün/データ"],
  ])("writes %j as %j", ([key = "", escaped]) => {
    expect(escapeKey(key)).toBe(escaped);
  });

  test("is undone by unescapeKey()", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ".", "/", "\t", "\0", "_", "0", "x", "é") }), (key) => {
        fc.pre(!key.includes("__0x"));
        expect(unescapeKey(escapeKey(key))).toBe(key);
      }),
    );
  });
});

describe("unescapeKey()", () => {
  test("leaves what is no escape", () => {
    for (const text of ["__0x__", "__0xzz__", "__0xffffff__", "_0x41_"]) expect(unescapeKey(text)).toBe(text);
  });
});

describe("relativePathOf()", () => {
  test("never leads out of the folder", () => {
    const part = fc.constantFrom("..", ".", "", "a", "b c", "...", "\0");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const path = pathOrRefusal(`root/${parts.join("/")}`);
        expect(path.startsWith("/")).toBe(false);
        expect(path.split("/")).not.toContain("..");
        expect(path).not.toContain("\0");
      }),
    );
  });
});

/** The path, or a harmless word where the key is refused. */
function pathOrRefusal(key: string): string {
  try {
    return relativePathOf(key, "root", "s3://b/root");
  } catch (error) {
    if (error instanceof StorageError && error.code === "LOCAL_PATH_INVALID") return "refused";
    throw error;
  }
}
