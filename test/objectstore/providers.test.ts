import { describe, expect, test } from "vitest";
import { PROVIDER_NAMES } from "../../src/core/executor/store-schemes.ts";
import { loadProvider } from "../../src/objectstore/providers.ts";

describe("the table of providers", () => {
  test.for(PROVIDER_NAMES)("%s:// has a client", async (name) => {
    expect(await loadProvider(name)).toBeTypeOf("function");
  });
});
