import { describe, expect, test } from "vitest";
import { completeMultipartXml, parseListObjects } from "../../../src/objectstore/s3/list-objects-xml.ts";

const page = (inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</ListBucketResult>`;

describe("parseListObjects()", () => {
  test("reads keys, sizes and tags", () => {
    const contents = `<Contents><Key>a/b%20c%2B%25</Key><LastModified>x</LastModified><ETag>&quot;abc&quot;</ETag><Size>12</Size></Contents>`;
    expect(parseListObjects(page(`<EncodingType>url</EncodingType>${contents}`))).toEqual({
      entries: [{ key: "a/b c+%", sizeBytes: 12, etag: "abc" }],
    });
  });

  test.for([
    ["a number", "007", "007"],
    ["an exponent", "1e5", "1e5"],
    ["entities", "a&amp;b&lt;c&#x3e;&#65;&unknown;", "a&b<c>A&unknown;"],
    ["outer spaces", " a ", " a "],
    ["percent signs, not encoded", "100%", "100%"],
  ])("keeps a key that is %s", ([, text, key]) => {
    expect(parseListObjects(page(`<Contents><Key>${text}</Key><Size>0</Size></Contents>`)).entries[0]?.key).toBe(key);
  });

  test("is not confused by a key that names an element", () => {
    const xml = page("<Contents><Key>&lt;EncodingType&gt;url&lt;/EncodingType&gt;%41</Key><Size>1</Size></Contents>");
    expect(parseListObjects(xml).entries[0]?.key).toBe("<EncodingType>url</EncodingType>%41");
  });

  test("follows the token only while the list is truncated", () => {
    const token = "<NextContinuationToken>t=1&amp;2</NextContinuationToken>";
    expect(parseListObjects(page(`<IsTruncated>true</IsTruncated>${token}`)).nextToken).toBe("t=1&2");
    expect(parseListObjects(page(`<IsTruncated>false</IsTruncated>${token}`)).nextToken).toBeUndefined();
  });

  test("refuses another document", () => {
    expect(() => parseListObjects("<html>login</html>")).toThrow(/no ListBucketResult/);
  });
});

describe("completeMultipartXml()", () => {
  test("lists the parts with quoted tags", () => {
    expect(completeMultipartXml([{ partNumber: 1, etag: "a" }])).toContain(
      "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>",
    );
  });
});
