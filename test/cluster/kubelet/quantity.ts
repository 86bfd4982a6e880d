/**
 * Quantities of resources.
 *
 * Standard: Kubernetes API reference, "Quantity".
 *
 * @module
 */

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** @returns In the unit of the resource: bytes, cores. @throws For what is no quantity. */
export function parseQuantity(text: string): number {
  const [, number = "", suffix = ""] = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([mkMGT]|[KMGT]i)?$/.exec(text) ?? [];
  const factor = FACTORS[suffix];
  if (number === "" || factor === undefined) throw new Error(`"${text}" is not a quantity`);
  return Number(number) * factor;
}
