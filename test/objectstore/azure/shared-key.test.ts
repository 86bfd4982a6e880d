import { describe, expect, test } from "vitest";
import { signRequest, textToSign } from "../../../src/objectstore/azure/shared-key.ts";

describe("textToSign()", () => {
  // As the documentation of the service writes it out ("Authorize with Shared Key", Get Container Metadata; the query in another order).
  test("is the documented text", () => {
    const url = new URL("http://myaccount.blob.core.windows.net/mycontainer?timeout=20&restype=container&comp=metadata");
    const headers = { "x-ms-version": "2015-02-21", "x-ms-date": "Fri, 26 Jun 2015 23:39:12 GMT" };
    expect(textToSign("myaccount", { method: "GET", url, headers })).toBe(
      "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20",
    );
  });

  test("a length of 0 is left out, escapes stay, values of one option are sorted", () => {
    const url = new URL("https://h/acc/c/a%20b?x=%2F&x=b&x=a");
    const headers = { "content-length": "0", "if-match": '"e"', range: "bytes=0-1", "x-ms-b": " 2  3 ", "x-ms-a": "1" };
    expect(textToSign("acc", { method: "PUT", url, headers })).toBe(
      'PUT\n\n\n\n\n\n\n\n"e"\n\n\nbytes=0-1\nx-ms-a:1\nx-ms-b:2 3\n/acc/acc/c/a%20b\nx:/,a,b',
    );
  });

  test("the signature is the account's", () => {
    const url = new URL("https://h/c");
    expect(signRequest({ accountName: "acc", key: Buffer.from("k") }, { method: "GET", url, headers: {} })).toMatch(
      /^SharedKey acc:[A-Za-z0-9+/]{43}=$/,
    );
  });
});
