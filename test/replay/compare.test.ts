import { describe, test } from "vitest";
import { compareJson } from "./compare.ts";

describe("compareJson()", () => {
  test.for<[name: string, theirs: never, ours: never, fields: string[]]>([
    ["nothing where members have another order", { a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, []],
    ["a value", { a: { b: 1 } }, { a: { b: "1" } }, ["f.a.b"]],
    ["a member that only one has", { a: 1 }, { b: 1 }, ["f.a", "f.b"]],
    ["a member that is null from one that is absent", { a: null }, {}, ["f.a"]],
    ["a list that only has another order", [1, 2], [2, 1], ["f.order"]],
    ["an element", [1, 2], [1, 3], ["f[1]"]],
    ["lists of other lengths as a whole", [1, 2], [1], ["f"]],
    ["named members by name", [{ name: "a", v: 1 }, { name: "b" }], [{ name: "b" }, { name: "a", v: 2 }], ["f[a].v"]],
    ["the order of named members", [{ name: "a" }, { name: "b" }], [{ name: "b" }, { name: "a" }], ["f.order"]],
    ["mounts by path", [{ mountPath: "/a", name: "x" }], [{ mountPath: "/a", name: "y" }], ["f[/a].name"]],
    ["members of one name by position", [{ name: "a", v: 1 }, { name: "a" }], [{ name: "a", v: 2 }, { name: "a" }], ["f[0].v"]],
  ] as never)("finds %s", ([, theirs, ours, fields], { expect }) => {
    expect(compareJson("f", theirs, ours).map(({ field }) => field)).toEqual(fields);
  });
});
