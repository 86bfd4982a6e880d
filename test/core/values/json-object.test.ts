import { describe, test } from "vitest";
import { isJsonObject } from "../../../src/core/values/json-object.ts";

describe("isJsonObject()", () => {
  test.for([
    { json: {}, is: true },
    { json: { a: 1 }, is: true },
    { json: [], is: false },
    { json: null, is: false },
    { json: "{}", is: false },
    { json: undefined, is: false },
  ])("of $json is $is", ({ json, is }, { expect }) => {
    expect(isJsonObject(json)).toBe(is);
  });
});
