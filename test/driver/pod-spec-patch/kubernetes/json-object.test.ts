import fc from "fast-check";
import { describe, test } from "vitest";
import { SpecError } from "../../../../src/core/errors.ts";
import type { JsonObject, JsonValue } from "../../../../src/core/values/value.ts";
import { matchKeys, readObject, type Members } from "../../../../src/driver/pod-spec-patch/kubernetes/json-object.ts";

const MEMBERS: Members = {
  key: { kind: "text" },
  operator: { kind: "text", required: true },
  tolerationSeconds: { kind: "integer" },
  weight: { kind: "integer", required: true },
  values: { kind: "texts" },
  matchExpressions: { kind: "objects", members: { key: { kind: "text" } } },
  preference: { kind: "object", members: { key: { kind: "text" } }, required: true },
};
const NAMES = Object.keys(MEMBERS);

function reader() {
  const warnings: Array<Readonly<Record<string, string>> | undefined> = [];
  const resolve = {
    warn: (_: string, fields?: Readonly<Record<string, string>>) => void warnings.push(fields),
    refuse: (member: string, reason: string) => new SpecError("SPEC_INVALID", `${member}: ${reason}`),
  };
  return { warnings, options: { member: "m", failure: "failed", resolve } };
}

const cases = fc.constantFrom(...NAMES).chain((name) =>
  fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((upper) => ({
    name,
    spelled: name.replace(/./g, (c, i: number) => (upper[i] === true ? c.toUpperCase() : c.toLowerCase())),
  })),
);

describe("matchKeys()", () => {
  test("finds a member in any case, and warns unless it is exact", ({ expect }) => {
    fc.assert(
      fc.property(cases, ({ name, spelled }) => {
        const { warnings, options } = reader();
        expect([...matchKeys({ [spelled]: 1 }, NAMES, options)]).toEqual([[name, 1]]);
        expect(warnings).toEqual(spelled === name ? [] : [{ member: "m", members: `${spelled} as ${name}` }]);
      }),
    );
  });

  test("takes the exact name whatever other spellings say, and in whatever order", ({ expect }) => {
    fc.assert(
      fc.property(cases, fc.boolean(), ({ name, spelled }, exactFirst) => {
        fc.pre(spelled !== name);
        const both = exactFirst ? { [name]: "exact", [spelled]: "other" } : { [spelled]: "other", [name]: "exact" };
        expect(matchKeys(both, NAMES, reader().options).get(name)).toBe("exact");
      }),
    );
  });

  test("the order of members never matters", ({ expect }) => {
    const object = fc.dictionary(
      fc.oneof(
        fc.constantFrom(...NAMES),
        cases.map(({ spelled }) => spelled),
      ),
      fc.integer(),
    );
    fc.assert(
      fc.property(object, (json) => {
        const reversed = Object.fromEntries(Object.entries(json).toReversed());
        const sorted = (map: Map<string, JsonValue>): Array<[string, JsonValue]> =>
          [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(matchKeys(reversed, NAMES, reader().options))).toEqual(sorted(matchKeys(json, NAMES, reader().options)));
      }),
    );
  });

  test.for([
    ["snake case, as Kubernetes clients print it", "match_expressions", "matchExpressions"],
    ["upper snake case", "TOLERATION_SECONDS", "tolerationSeconds"],
    ["Go's field names", "TolerationSeconds", "tolerationSeconds"],
  ] as const)("reads %s", ([, spelled, name], { expect }) => {
    expect(matchKeys({ [spelled]: 1 }, NAMES, reader().options).get(name)).toBe(1);
  });

  test("names what nobody knows, and finds no member that every object has", ({ expect }) => {
    const { warnings, options } = reader();
    const json = JSON.parse('{"constructor": 1, "toString": 2, "__proto__": 3, "kye": 4}') as JsonObject;
    expect(matchKeys(json, NAMES, options).size).toBe(0);
    expect(warnings).toEqual([{ member: "m", members: "__proto__, constructor, kye, toString" }]);
  });
});

describe("readObject()", () => {
  test("prints what must be there and leaves out what says nothing", ({ expect }) => {
    const json = { key: "", values: [], matchExpressions: null, tolerationSeconds: null };
    expect(readObject(json, MEMBERS, reader().options)).toEqual({ operator: "", weight: 0, preference: {} });
  });

  test("reads its own output unchanged and without a word", ({ expect }) => {
    const text = fc.string();
    const object = fc.record(
      {
        key: text,
        operator: text,
        tolerationSeconds: fc.maxSafeInteger(),
        weight: fc.maxSafeInteger(),
        values: fc.array(text),
        matchExpressions: fc.array(fc.record({ key: text }, { requiredKeys: [] })),
        preference: fc.record({ key: text }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(object, (json) => {
        const { warnings, options } = reader();
        const once = readObject(json, MEMBERS, options);
        expect(readObject(once, MEMBERS, options)).toEqual(once);
        expect(warnings).toEqual([]);
      }),
    );
  });

  test.for([
    ["text", { key: 1 }, "m.key: failed: expected a text but got number 1"],
    ["integer", { weight: "1" }, 'm.weight: failed: expected a whole number but got string "1"'],
    ["integer too large", { weight: 2 ** 60 }, "m.weight: failed: expected a whole number"],
    ["texts", { values: ["a", 1] }, "m.values: failed: expected a list of nothing but texts but got a list of 2"],
    ["no list", { values: {} }, "m.values: failed: expected a list of texts but got an object"],
    ["objects", { matchExpressions: {} }, "m.matchExpressions: failed: expected a list of objects but got an object"],
    ["an element", { matchExpressions: [{}, 3] }, "m.matchExpressions[1]: failed: expected an object but got number 3"],
    ["object", { preference: [] }, "m.preference: failed: expected an object but got a list of 0"],
    [
      "a long text",
      { weight: "x".repeat(200) },
      `m.weight: failed: expected a whole number but got string "${"x".repeat(59)}...`,
    ],
  ] as const)("refuses a wrong %s", ([, json, message], { expect }) => {
    expect(() => readObject(json as unknown as JsonObject, MEMBERS, reader().options)).toThrow(message);
  });
});
