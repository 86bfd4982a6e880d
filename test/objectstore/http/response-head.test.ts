import { describe, test } from "vitest";
import { parseResponseHead } from "../../../src/objectstore/http/response-head.ts";

const head = (...lines: string[]): string => ["HTTP/1.1 206 Partial Content", ...lines].join("\r\n");

describe("parseResponseHead()", () => {
  test("reads status, headers and length", ({ expect }) => {
    const text = head('ETag: "a"', "content-length:  12 ", "X-Two: 1", "x-two: 2", "Content-Range: bytes 0-11/40");
    const headers = { etag: '"a"', "content-length": "12", "x-two": "1, 2", "content-range": "bytes 0-11/40" };
    const read = parseResponseHead(text);
    expect({ ...read, headers: { ...read?.headers } }).toEqual({ status: 206, headers, contentBytes: 12, isKeptAlive: true });
  });

  test("no header of an answer reaches into prototypes", ({ expect }) => {
    const read = parseResponseHead(head("content-length: 1", "__proto__: x", "constructor: y"));
    expect(Object.getPrototypeOf(read?.headers)).toBeNull();
    expect(read?.headers["constructor"]).toBe("y");
  });

  test.for([
    ["close", false],
    ["Close", false],
    ["keep-alive, close", false],
    ["keep-alive", true],
    ["closed", true],
  ] as const)("connection: %s", ([value, isKeptAlive], { expect }) => {
    expect(parseResponseHead(head("content-length: 1", `connection: ${value}`))?.isKeptAlive).toBe(isKeptAlive);
  });

  test.for([
    ["HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 1"],
    ["an interim answer", "HTTP/1.1 100 Continue\r\ncontent-length: 1"],
    ["something else", "SSH-2.0-OpenSSH\r\ncontent-length: 1"],
    ["no length", head("etag: x")],
    ["two lengths", head("content-length: 1", "content-length: 2")],
    ["a length that is no number", head("content-length: 0x10")],
    ["a negative length", head("content-length: -1")],
    ["chunks", head("content-length: 1", "transfer-encoding: chunked")],
    ["compression", head("content-length: 1", "content-encoding: gzip")],
    ["a folded header", head("content-length: 1", " more")],
    ["a space before the colon", head("content-length : 1")],
    ["a header without a colon", head("content-length: 1", "etag")],
    ["a line feed in a value", head("content-length: 1", "etag: a\nb: c")],
    ["nothing", ""],
  ] as const)("leaves to Node's client: %s", ([, text], { expect }) => {
    expect(parseResponseHead(text)).toBeUndefined();
  });
});
