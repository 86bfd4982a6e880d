/**
 * Kubernetes quantities as numbers.
 *
 * Source: docs/spec/pod-spec-patch.md#quantities.
 *
 * @module
 */
const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** The number a quantity stands for; `undefined` for a text that is none. The driver has refused those of a step already. */
export function quantityValue(text: string): number | undefined {
  const [, number = "", suffix = ""] = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)(n|u|m|k|[MGTPE]|[KMGTPE]i)?$/.exec(text) ?? [];
  const factor = Object.hasOwn(FACTORS, suffix) ? FACTORS[suffix] : undefined;
  const value = Number(number);
  return number === "" || factor === undefined || Number.isNaN(value) ? undefined : value * factor;
}
