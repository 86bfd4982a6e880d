import fc from "fast-check";
import { posix } from "node:path";
import { describe, test } from "vitest";
import { baseName, cleanPath, climbsOut, folderOf, isFileName } from "../../../src/core/go/slash-path.ts";

const pathText = fc
  .array(fc.constantFrom("a", "b", ".", "..", "", "x y"), { maxLength: 8 })
  .map((segments) => segments.join("/"));

describe("cleanPath()", () => {
  test.for([
    ["", "."],
    ["/", "/"],
    ["/..", "/"],
    ["a/../..", ".."],
    ["../a", "../a"],
    ["//a//b/./c/..", "/a/b"],
    ["a/", "a"],
  ] as const)("turns %j into %j", ([path, clean], { expect }) => {
    expect(cleanPath(path)).toBe(clean);
  });

  test("agrees with the platform's normalisation, trailing slash aside", ({ expect }) => {
    fc.assert(
      fc.property(pathText, (path) => {
        const expected = posix.normalize(path);
        expect(cleanPath(path)).toBe(expected.length > 1 ? expected.replace(/\/$/, "") : expected);
      }),
    );
  });
});

describe("baseName() and folderOf()", () => {
  test.for([
    ["", "."],
    ["/", "/"],
    ["//", "/"],
    ["/a/b/", "b"],
    ["a", "a"],
  ] as const)("the last element of %j is %j", ([path, base], { expect }) => {
    expect(baseName(path)).toBe(base);
  });
  test.for([
    ["a", "."],
    ["/a", "/"],
    ["/a/b", "/a"],
  ] as const)("the folder of %j is %j", ([path, folder], { expect }) => {
    expect(folderOf(path)).toBe(folder);
  });
});

describe("climbsOut()", () => {
  test.for([
    ["a/b", false],
    ["a/../b", false],
    ["a/../../b", true],
    ["..", true],
    ["/a/..", false],
    ["./..", true],
    ["...", false],
  ] as const)("%j: %s", ([path, expected], { expect }) => {
    expect(climbsOut(path)).toBe(expected);
  });
});

describe("isFileName()", () => {
  test.for([
    ["a", true],
    ["a b", true],
    ["", false],
    [".", false],
    ["..", false],
    ["a/b", false],
    ["a\0", false],
  ] as const)("%j: %s", ([name, expected], { expect }) => {
    expect(isFileName(name)).toBe(expected);
  });
});
