import { describe, expect, test } from "vitest";
import { sniffContentType } from "../../../src/objectstore/transfer/content-type.ts";

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";

describe("sniffContentType()", () => {
  test.for([
    ["empty", "", TEXT],
    ["JSON", '{"a": 1}', TEXT],
    ["CSV", "a,b\n1,2\n", TEXT],
    ["UTF-8 text", "\xe3\x83\x87", TEXT],
    ["escape sequences", "\x1b[31mred", TEXT],
    ["HTML after white space", " \n\t<!doctype html>", HTML],
    ["HTML tag with attribute", "<BODY class=x>", HTML],
    ["HTML comment", "<!-- x", HTML],
    ["a tag that only begins like one", "<Abc>", TEXT],
    ["a tag without end", "<html", TEXT],
    ["XML", '<?xml version="1.0"?>', "text/xml; charset=utf-8"],
    ["PDF", "%PDF-1.7", "application/pdf"],
    ["UTF-16 mark", "\xff\xfea\0", "text/plain; charset=utf-16le"],
    ["UTF-8 mark", "\xef\xbb\xbfa", TEXT],
    ["PNG", "\x89PNG\r\n\x1a\n\0", "image/png"],
    ["JPEG", "\xff\xd8\xff\xe0", "image/jpeg"],
    ["WebP", "RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"],
    ["zip", "PK\x03\x04", "application/zip"],
    ["gzip", "\x1f\x8b\x08\0", "application/x-gzip"],
    ["MP4", "\0\0\0\x14ftypisom\0\0\0\0mp42", "video/mp4"],
    ["wasm", "\0asm\x01\0\0\0", "application/wasm"],
    ["pickle", "\x80\x04\x95\0", "application/octet-stream"],
    ["NUL", "a\0b", "application/octet-stream"],
  ])("%s", ([, bytes = "", type]) => {
    expect(sniffContentType(Buffer.from(bytes, "latin1"))).toBe(type);
  });

  test("looks at the first 512 bytes only", () => {
    expect(sniffContentType(Buffer.concat([Buffer.alloc(512, "a"), Buffer.from([0])]))).toBe(TEXT);
    expect(sniffContentType(Buffer.concat([Buffer.alloc(511, "a"), Buffer.from([0])]))).toBe("application/octet-stream");
  });
});
