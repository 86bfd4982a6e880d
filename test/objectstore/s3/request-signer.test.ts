import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { createRequestSigner } from "../../../src/objectstore/s3/request-signer.ts";

// The examples of Amazon's documentation, "Signature calculations for the Authorization header".
const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const host = "examplebucket.s3.amazonaws.com";
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("createRequestSigner", () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2013, 4, 24) }));
  afterEach(() => void vi.useRealTimers());

  test.for([
    {
      name: "an object's range",
      request: { method: "GET", path: "/test.txt", query: {} },
      headers: { host, range: "bytes=0-9", "x-amz-content-sha256": EMPTY },
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    },
    {
      name: "a query without a value",
      request: { method: "GET", path: "/", query: { lifecycle: "" } },
      headers: { host, "x-amz-content-sha256": EMPTY },
      signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    },
    {
      name: "a listing",
      request: { method: "GET", path: "/", query: { "max-keys": "2", prefix: "J" } },
      headers: { host, "x-amz-content-sha256": EMPTY },
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    },
  ])("signs $name as the documentation says", async ({ request, headers, signature }, { expect }) => {
    const sign = createRequestSigner({ region: "us-east-1", credentials: () => Promise.resolve(keys) });
    for (let time = 0; time < 2; time++) {
      const signed = await sign(request, headers);
      expect(signed["authorization"]).toContain(`Signature=${signature}`);
      expect(signed).toMatchObject({ ...headers, "x-amz-date": "20130524T000000Z" });
    }
  });

  test("takes new credentials for the next request, with their token", async ({ expect }) => {
    let current = { ...keys, sessionToken: "first" };
    const sign = createRequestSigner({ region: "us-east-1", credentials: () => Promise.resolve(current) });
    const request = { method: "GET", path: "/x", query: {} };
    const first = await sign(request, { host, "x-amz-content-sha256": EMPTY });
    current = { accessKeyId: "AKIANEW", secretAccessKey: "other", sessionToken: "second" };
    const second = await sign(request, { host, "x-amz-content-sha256": EMPTY });
    expect([first["x-amz-security-token"], second["x-amz-security-token"]]).toEqual(["first", "second"]);
    expect(second["authorization"]).toContain("Credential=AKIANEW/20130524/us-east-1/s3/aws4_request");
  });
});
