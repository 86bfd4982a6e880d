/** Plain documents are read by a reader of ours: it must give what the parser gives, or nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readPlain } from "../../../src/objectstore/s3/plain-document.ts";
import { readAny } from "../../../src/objectstore/s3/xml-document.ts";
import type { XmlElement } from "../../../src/objectstore/s3/xml-document.ts";

const NAMES = ["Contents", "Key", "Size", "ETag", "Prefix"];

/** All that can be asked of an element. */
function view(element: XmlElement | undefined): unknown {
  if (element === undefined) return undefined;
  return [element.name, NAMES.map((name) => [element.text(name), element.children(name).map(view)])];
}

const text = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\n  ",
    "a",
    "a b ",
    "&quot;x&quot;",
    "a&amp;lt;b",
    "&#34;",
    "&lt;Key&gt;",
    "]]>",
    "100%",
    "\u00e4",
    "__proto__",
  ),
  fc.string({ maxLength: 4 }),
);
const name = fc.constantFrom(...NAMES);
const leaf = fc
  .tuple(name, text, fc.boolean())
  .map(([tag, inner, isShort]) => (isShort ? `<${tag}/>` : `<${tag}>${inner}</${tag}>`));
const branch = fc
  .tuple(name, fc.array(leaf, { maxLength: 4 }), fc.constantFrom("", "\n", " x "))
  .map(([tag, inner, between]) => `<${tag}>${inner.join(between)}</${tag}>`);
const document = fc
  .tuple(
    fc.constantFrom("", '<?xml version="1.0" encoding="UTF-8"?>\n'),
    fc.constantFrom("", ' xmlns="http://s3/"'),
    fc.array(fc.oneof(leaf, branch), { maxLength: 6 }),
  )
  .map(([start, attributes, inner]) => `${start}<List${attributes}>${inner.join("")}</List>`);
/** One place of it replaced by something else. */
const damaged = fc
  .tuple(
    document,
    fc.nat(),
    fc.nat(3),
    fc.constantFrom("", "<", ">", "/", "&", "<!-- x -->", "<![CDATA[x]]>", "<?x?>", "\r", "\0", " a='b'", "</Key>"),
  )
  .map(([xml, place, length, by]) => {
    const at = place % (xml.length + 1);
    return xml.slice(0, at) + by + xml.slice(at + length);
  });

test("what is plain is read as the parser reads it; what is not, is left to it", () => {
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(document, damaged), (xml) => {
      const read = readPlain(xml);
      if (read === undefined) return;
      plain += 1;
      expect(view(read), xml).toEqual(view(readAny(xml)));
    }),
    { numRuns: 3000 },
  );
  expect(plain).toBeGreaterThan(500);
});

test.for([
  '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/><Contents><Key>a</Key><LastModified>2026-11-29T00:00:00.000Z</LastModified><ETag>&quot;5d41&quot;</ETag><Size>5</Size><Owner><ID>x</ID></Owner></Contents></ListBucketResult>',
  "<ListBucketResult>\n  <Contents>\n    <Key>a</Key>\n    <ETag>&#34;5d41&#34;</ETag>\n  </Contents>\n</ListBucketResult>\n",
])("listings of known stores are plain: %s", (xml) => {
  expect(readPlain(xml)?.children("Contents")[0]?.text("ETag")).toBe('"5d41"');
});

test("elements nested too deep are not plain", () => {
  expect(readPlain(`<a>${"<b>".repeat(50)}${"</b>".repeat(50)}</a>`)).toBeUndefined();
});
