import { describe, expect, test } from "vitest";
import { PROVIDER_NAMES } from "../../src/core/executor/store-schemes.ts";
import { bucketOpener, CONNECTED_SCHEMES } from "../../src/objectstore/providers.ts";

describe("the table of providers", () => {
  test("a scheme counts as connected exactly where there is an opener", async () => {
    for (const name of PROVIDER_NAMES) {
      const load = bucketOpener(name);
      expect(CONNECTED_SCHEMES.includes(name)).toBe(load !== undefined);
      if (load !== undefined) expect(await load()).toBeTypeOf("function");
    }
  });

  test("s3:// and minio:// are connected", () => {
    expect(CONNECTED_SCHEMES).toEqual(expect.arrayContaining(["s3", "minio"]));
  });
});
