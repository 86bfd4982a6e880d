import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completeMultipartXml, parseListObjects } from "../../../src/objectstore/s3/list-objects-xml.ts";
import { StoreFailure } from "../../../src/objectstore/store-failure.ts";

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
    ["characters by number", "a&#13;&#10;&#x1F600;&amp;#65;", "a\r\n\u{1F600}&#65;"],
    ["a name of JavaScript", "__proto__", "__proto__"],
    ["unparsed text", "<![CDATA[a<b&amp;]]>c", "a<b&amp;c"],
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

  test("reads elements with a namespace prefix, after spaces", () => {
    const xml = `  \n<?xml version="1.0"?><s3:ListBucketResult xmlns:s3="x"><s3:Contents><s3:Key>a</s3:Key><s3:Size>1</s3:Size></s3:Contents></s3:ListBucketResult>`;
    expect(parseListObjects(xml).entries).toEqual([{ key: "a", sizeBytes: 1, etag: "" }]);
  });

  const entry = "<Contents><Key>a</Key><Size>1</Size></Contents>";
  test.for([
    ["another document", "<html>login</html>"],
    ["no XML", '{"Contents":[]}'],
    ["nothing", ""],
    ["a document that is cut", page(entry).slice(0, -20)],
    ["two documents", page(entry) + page(entry)],
    [
      "an entity that reads a file",
      `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${page(entry.replace(">a<", ">&e;<"))}`,
    ],
    [
      "entities that grow",
      `<!DOCTYPE x [<!ENTITY e "${"x".repeat(9000)}">]>${page(entry.replace(">a<", `>${"&e;".repeat(1000)}<`))}`,
    ],
    ["elements nested too deep", page(entry.replace(">a<", `>${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}<`))],
    ["names of JavaScript", page("<__proto__><Key>a</Key></__proto__>")],
    ["only beginnings", "<a".repeat(100_000)],
  ] as const)("refuses %s", ([, xml]) => {
    expect(() => parseListObjects(xml)).toThrow(
      new StoreFailure("the answer is not a ListBucketResult", { reason: "UNEXPECTED_EOF" }),
    );
  });

  test.for([
    ["an entry with no key", "<Contents><Size>1</Size></Contents>", /without a key/],
    ["an entry with two keys", "<Contents><Key>a</Key><Key>b</Key><Size>1</Size></Contents>", /without a key/],
    ["an entry with elements as key", "<Contents><Key><b>a</b></Key><Size>1</Size></Contents>", /without a key/],
    ["an entry with no size", "<Contents><Key>a</Key></Contents>", /without a size/],
    ["an entry with a size below 0", "<Contents><Key>a</Key><Size>-1</Size></Contents>", /without a size/],
    [
      "an entry with a size beyond all numbers",
      `<Contents><Key>a</Key><Size>${"9".repeat(400)}</Size></Contents>`,
      /without a size/,
    ],
    [
      "an entry whose key breaks its encoding",
      "<EncodingType>url</EncodingType><Contents><Key>%E0%A4%A</Key><Size>1</Size></Contents>",
      /not URL-encoded/,
    ],
    ["a promise of more and no token", "<IsTruncated>true</IsTruncated>", /more follows, but not where/],
    [
      "a promise of more and an empty token",
      "<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>",
      /more follows, but not where/,
    ],
  ] as const)("refuses %s instead of losing an object", ([, inner, message]) => {
    expect(() => parseListObjects(page(inner))).toThrow(message);
  });

  test("survives whatever text comes", () => {
    const piece = fc.constantFrom(
      "<ListBucketResult>",
      "</ListBucketResult>",
      "<Contents>",
      "<Key>",
      "&",
      "&#",
      "]]>",
      "<![CDATA[",
      "<!--",
      "<?",
      "a",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
        try {
          parseListObjects(pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(StoreFailure);
        }
      }),
    );
  });

  test("reads back every key that a store can list", () => {
    const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 5 }), (keys) => {
        const list = (encode: (text: string) => string, extra: string) =>
          parseListObjects(
            page(extra + keys.map((key) => `<Contents><Key>${encode(key)}</Key><Size>1</Size></Contents>`).join("")),
          ).entries.map(({ key }) => key);
        expect(list(encodeURIComponent, "<EncodingType>url</EncodingType>")).toEqual(keys);
        expect(list(escape, "")).toEqual(keys);
      }),
    );
  });
});

describe("completeMultipartXml()", () => {
  test("lists the parts with quoted tags", () => {
    expect(completeMultipartXml([{ partNumber: 1, etag: "a" }])).toContain(
      "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>",
    );
  });
});
