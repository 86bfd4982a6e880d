import { describe, expect, test } from "vitest";
import { joinChunks, parseChunkedHead, parseResponseHead } from "../../../src/objectstore/http/response-head.ts";

const head = (...lines: string[]): string => ["HTTP/1.1 206 Partial Content", ...lines].join("\r\n");

describe("parseResponseHead()", () => {
  test("reads status, headers and length", () => {
    const text = head('ETag: "a"', "content-length:  12 ", "X-Two: 1", "x-two: 2", "Content-Range: bytes 0-11/40");
    const headers = { etag: '"a"', "content-length": "12", "x-two": "1, 2", "content-range": "bytes 0-11/40" };
    const read = parseResponseHead(text);
    expect({ ...read, headers: { ...read?.headers } }).toEqual({ status: 206, headers, contentBytes: 12, isKeptAlive: true });
  });

  test("no header of an answer reaches into prototypes", () => {
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
  ] as const)("connection: %s", ([value, isKeptAlive]) => {
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
  ] as const)("leaves to Node's client: %s", ([, text]) => {
    expect(parseResponseHead(text)).toBeUndefined();
  });
});

describe("chunks", () => {
  const chunked = "HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\nx: y";

  test("their head says so, and nothing else", () => {
    expect(parseChunkedHead(chunked)).toMatchObject({ status: 503, headers: { x: "y" }, isKeptAlive: true });
    expect(parseResponseHead(chunked)).toBeUndefined();
    for (const text of [
      chunked.replace("chunked", "gzip, chunked"),
      `${chunked}\r\ncontent-length: 3`,
      `${chunked}\r\ncontent-encoding: gzip`,
      chunked.replace("1.1", "1.0"),
      "HTTP/1.1 200 OK\r\ncontent-length: 3",
    ]) {
      expect(parseChunkedHead(text), text).toBeUndefined();
    }
  });

  test("are joined once all of them are there, wherever they are cut", () => {
    const parts = ["<Error>", "x".repeat(300), "\r\n0\r\n\r\n", "</Error>"];
    const sent = Buffer.from(`${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`);
    for (let end = 0; end < sent.length; end++) {
      const some = Buffer.from(sent.subarray(0, end));
      expect(joinChunks(some), String(end)).toBeUndefined();
      expect(some.equals(sent.subarray(0, end)), String(end)).toBe(true);
    }
    const length = joinChunks(sent);
    expect(sent.toString("latin1", 0, length)).toBe(parts.join(""));
  });

  test.for([
    "x\r\n",
    "-1\r\n",
    "\r\n",
    "1;ext=2\r\na\r\n",
    "1\r\nab\r\n0\r\n\r\n",
    "0\r\nTrailer: x\r\n\r\n",
    "0\r\n\r\nHTTP/1.1",
    "123456789abcdef",
  ])("what is none of them is no content: %j", (text) => {
    expect(joinChunks(Buffer.from(text))).toBeNaN();
  });
});
