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

  // The library that the reference prints with makes 1 of it.
  test("prints what is too large for 64 bits in full (K8S-19)", ({ expect }) => {
    for (const text of ["1000E", "10E", "123456E"]) expect(canonicalQuantity(text, "memory limit")).toBe(text);
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

  test("means the same amount as before, exactly", ({ expect }) => {
    const units = fc.constantFrom(...Object.keys(SCALES), ...Object.keys(BINARY));
    fc.assert(
      fc.property(
        fc.constantFrom("", "-", "+"),
        fc.bigInt({ min: 0n, max: 10n ** 6n }),
        fc.stringMatching(/^[0-9]{0,6}$/),
        units,
        (sign, whole, fraction, unit) => {
          const text = `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}${unit}`;
          // Below 1n amounts are rounded up, which the table tells.
          fc.pre((BINARY[unit] !== undefined && fraction.length <= 6) || (SCALES[unit] ?? 0) - fraction.length >= -9);
          fc.pre(nanos(text) / 1_000_000_000n < 2n ** 63n - 1n && nanos(text) > -(2n ** 62n) * 1_000_000_000n);
          const printed = canonicalQuantity(text, "limit");
          expect(nanos(printed)).toBe(nanos(text));
        },
      ),
    );
  });

  test("refuses what does not look like one, naming it", ({ expect }) => {
    const wrong = fc.oneof(
      fc.string().filter((text) => !/^[+-]?[0-9.]+[a-zA-Z]*[-+]?[0-9]*$/.test(text)),
      fc.tuple(fc.nat(), fc.constantFrom("K", "g", "mi", "GB", "Gib", " Gi", "e", "ki", "i")).map(([n, unit]) => `${n}${unit}`),
    );
    fc.assert(
      fc.property(wrong, (text) => {
        expect(() => canonicalQuantity(text, "limit")).toThrow(`Cannot parse limit "${text}" as a quantity`);
      }),
    );
  });
});

const SCALES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = {
  Ki: 2n ** 10n,
  Mi: 2n ** 20n,
  Gi: 2n ** 30n,
  Ti: 2n ** 40n,
  Pi: 2n ** 50n,
  Ei: 2n ** 60n,
};

/** An amount in units of 10^-9 by a reading of its own; a remainder below that is rounded away from zero. */
function nanos(text: string): bigint {
  const [, sign, whole = "", fraction = "", unit = ""] = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = BINARY[unit] ?? 10n ** BigInt(9 + (SCALES[unit] ?? Number.NaN));
  const scaled = BigInt(whole + fraction) * factor * (BINARY[unit] === undefined ? 1n : 10n ** 9n);
  const divisor = 10n ** BigInt(fraction.length);
  const rounded = (scaled + divisor - 1n) / divisor;
  return sign === "-" ? -rounded : rounded;
}
