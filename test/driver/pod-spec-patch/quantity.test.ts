import fc from "fast-check";
import { describe, test } from "vitest";
import { canonicalQuantity } from "../../../src/driver/pod-spec-patch/quantity.ts";

const table =
  `0.5 500m|.5 500m|500m 500m|1500m 1500m|2000m 2|1.0 1|1.5 1500m|1.500 1.500|1.000 1|1000 1k|1024 1024|10000 10k|1 1|001 001|+1 +1
-0.5 -500m|0.1m 100u|0.0000000001 1n|2G 2G|2.5G 2500M|1.5G 1500M|0.65G 650M|1000M 1G|1000k 1M|1.500G 1.500G|1e3 1e3|1E3 1E3|100e1 1e3|1e1 10|0.5e3 500
1e-05 10e-6|1e+06 1e+06|12e6 12e6|1e20 100e18|536870912 536870912|1E 1E|3.5Gi 3584Mi|1.5Gi 1536Mi|0.5Gi 512Mi|0.1Gi 107374182400m|1024Mi 1Gi
1000Mi 1000Mi|1536Mi 1536Mi|0.5Mi 512Ki|0.5Ki 512|1.5Ki 1536|1.5Ti 1536Gi|2048Ki 2Mi|8Ei 9223372036854775807|0Gi 0|07Mi 07Mi|08Mi 8Mi|250Gi 250Gi|-1.5Gi -1536Mi`
    .split(/[|\n]/)
    .map((row) => row.split(" ") as [string, string]);

describe("canonicalQuantity()", () => {
  test.for(table)("prints %s as %s", ([text, expected], { expect }) => {
    expect(canonicalQuantity(text, "memory limit")).toBe(expected);
  });

  test.for(["500K", "1e", "1gi", "1 Gi", "2e-05G", "", "+", ".", "1..2", "Gi", "5GB", "1e9999999"])(
    "rejects %j",
    (text, { expect }) => {
      expect(() => canonicalQuantity(text, "memory limit")).toThrow(/Cannot parse memory limit ".*" as a quantity/);
    },
  );

  test("is stable: what it printed prints the same again", ({ expect }) => {
    const suffix = fc.constantFrom("", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e2", "E-3");
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 9n }), fc.stringMatching(/^[0-9]{0,4}$/), suffix, (whole, fraction, unit) => {
        const once = canonicalQuantity(`${whole}${fraction === "" ? "" : `.${fraction}`}${unit}`, "x");
        expect(canonicalQuantity(once, "x")).toBe(once);
      }),
    );
  });
});
