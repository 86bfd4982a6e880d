import fc from "fast-check";
import { describe, test } from "vitest";
import { applyJsonPatch, jsonPointer, type PatchOperation } from "../../../src/resident/rewrite/json-patch.ts";

describe("jsonPointer()", () => {
  test("escapes what separates names (RFC 6901 3)", ({ expect }) => {
    expect(jsonPointer("metadata", "labels", "kfp-runtime.dev/resident")).toBe("/metadata/labels/kfp-runtime.dev~1resident");
    expect(jsonPointer("a~1/b", 0)).toBe("/a~01~1b/0");
    expect(jsonPointer()).toBe("");
  });
});

describe("applyJsonPatch()", () => {
  // RFC 6902 appendix A.
  test.for<{ name: string; document: object; operation: PatchOperation; result: object }>([
    {
      name: "adds a member",
      document: { foo: "bar" },
      operation: { op: "add", path: "/baz", value: "qux" },
      result: { foo: "bar", baz: "qux" },
    },
    {
      name: "adds an item",
      document: { foo: ["bar", "baz"] },
      operation: { op: "add", path: "/foo/1", value: "qux" },
      result: { foo: ["bar", "qux", "baz"] },
    },
    {
      name: "appends an item",
      document: { foo: ["bar"] },
      operation: { op: "add", path: "/foo/-", value: ["abc"] },
      result: { foo: ["bar", ["abc"]] },
    },
    {
      name: "removes a member",
      document: { baz: "qux", foo: "bar" },
      operation: { op: "remove", path: "/baz" },
      result: { foo: "bar" },
    },
    {
      name: "removes an item",
      document: { foo: ["bar", "qux", "baz"] },
      operation: { op: "remove", path: "/foo/1" },
      result: { foo: ["bar", "baz"] },
    },
    {
      name: "replaces a member by adding it",
      document: { baz: 1 },
      operation: { op: "add", path: "/baz", value: 2 },
      result: { baz: 2 },
    },
    {
      name: "replaces an item",
      document: { foo: [{ a: 1 }, 2] },
      operation: { op: "replace", path: "/foo/0/a", value: null },
      result: { foo: [{ a: null }, 2] },
    },
  ])("$name", ({ document, operation, result }, { expect }) => {
    const before = structuredClone(document);
    expect(applyJsonPatch(document as never, [operation])).toEqual(result);
    expect(document).toEqual(before);
  });

  test.for<PatchOperation>([
    { op: "add", path: "/missing/inside", value: 1 },
    { op: "add", path: "/list/3", value: 1 },
    { op: "add", path: "/list/01", value: 1 },
    { op: "add", path: "/list/x", value: 1 },
    { op: "replace", path: "/list/-", value: 1 },
    { op: "replace", path: "/missing", value: 1 },
    { op: "remove", path: "/list/2" },
    { op: "remove", path: "/missing" },
    { op: "remove", path: "" },
    { op: "add", path: "/text/inside", value: 1 },
  ])("refuses to $op $path where there is no such place", (operation, { expect }) => {
    expect(() => applyJsonPatch({ list: [1, 2], text: "x" }, [operation])).toThrow(/the document has no such place/);
  });

  test("finds every name again that jsonPointer() writes", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (outer, inner) => {
        const document = Object.fromEntries([[outer, Object.fromEntries([[inner, 1]])]]);
        const patch: PatchOperation[] = [{ op: "replace", path: jsonPointer(outer, inner), value: 2 }];
        expect(applyJsonPatch(document, patch)).toEqual(Object.fromEntries([[outer, Object.fromEntries([[inner, 2]])]]));
      }),
    );
  });
});
