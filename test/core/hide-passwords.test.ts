import fc from "fast-check";
import { describe, test } from "vitest";
import { hidePasswords } from "../../src/core/hide-passwords.ts";

describe("hidePasswords()", () => {
  test.for([
    [
      "a password",
      "at http://me:pl4nted@host:1/x, twice http://me:pl4nted@host",
      "at http://***@host:1/x, twice http://***@host",
    ],
    ["a token as user", "https://pl4nted@host", "https://***@host"],
    ["an at sign in a password", "s3://me:pl4@nted@host/k", "s3://***@host/k"],
    ["escaped characters", "s3://me:pl4%2Fnted@host/k", "s3://***@host/k"],
    ["a URL in a query", "s3://b?endpoint=http%3A%2F%2Fme%3Apl4nted%40host%3A9", "s3://b?endpoint=http%3A%2F%2F***%40host%3A9"],
    ["lower case escapes", "e=http%3a%2f%2fme:pl4nted%40host", "e=http%3a%2f%2f***%40host"],
    ["JSON with escaped slashes", '{"u":"http:\\/\\/me:pl4nted@host"}', '{"u":"http:\\/\\/***@host"}'],
  ] as const)("takes out %s", ([, text, expected], { expect }) => {
    expect(hidePasswords(text)).toBe(expected);
  });

  test.for([
    "mail me@host.example",
    "http://host/path@v1",
    "oci://registry/image@sha256:0123",
    "gs://bucket/key?x=a@b",
    "http://host/a http://other/me@b",
    "postgres = user@host",
    "s3://b/k?e=http%3A%2F%2Fhost%2Fa%40b",
    "no at sign http://host",
  ])("leaves %s", (text, { expect }) => {
    expect(hidePasswords(text)).toBe(text);
  });

  test("is done once, also with long texts that look like URLs", ({ expect }) => {
    for (const text of [
      "a".repeat(300_000),
      "http://".repeat(50_000),
      `http%3A%2F%2F${"a".repeat(300_000)}@`,
      "://".repeat(90_000),
    ]) {
      expect(hidePasswords(`${text}@`)).toContain("@");
    }
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => hidePasswords(hidePasswords(text)) === hidePasswords(text)));
  });
});
