import { describe, test } from "vitest";
import { parseByteRange } from "../../../../src/apiserver/rest/artifacts/byte-range.ts";

describe("parseByteRange()", () => {
  test.for([
    { header: undefined, range: undefined },
    { header: "", range: undefined },
    { header: "bytes=0-0", range: { start: 0, end: 1 } },
    { header: "bytes=2-4", range: { start: 2, end: 5 } },
    { header: "bytes=2-", range: { start: 2, end: 10 } },
    { header: "bytes=2-99", range: { start: 2, end: 10 } },
    { header: "bytes=-3", range: { start: 7, end: 10 } },
    { header: "bytes=-99", range: { start: 0, end: 10 } },
    { header: "bytes=10-", range: "unsatisfiable" },
    { header: "bytes=-0", range: "unsatisfiable" },
    { header: "bytes=4-2", range: undefined },
    { header: "bytes=-", range: undefined },
    { header: "bytes=0-1,3-4", range: undefined },
    { header: "lines=1-2", range: undefined },
    { header: "bytes=0-99999999999999999999", range: undefined },
  ])("$header of 10 bytes", ({ header, range }, { expect }) => {
    expect(parseByteRange(header, 10)).toEqual(range);
  });

  test("nothing of an empty file can be had", ({ expect }) => {
    expect(parseByteRange("bytes=0-", 0)).toBe("unsatisfiable");
    expect(parseByteRange("bytes=-1", 0)).toBe("unsatisfiable");
  });
});
