/**
 * What the requests of steps are weighed against: this machine, or what a person says.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { quantityValue } from "../pods/quantity-value.ts";
import type { Amounts } from "./step-need.ts";

/** The word for a machine whose steps are counted only, whatever they ask for. */
const NONE = "none";

/**
 * @param text `cpu=8,memory=16Gi` instead of, or in addition to, what the machine has; `none`; absent: the machine.
 * @returns Absent: requests do not count.
 * @throws {UsageError} USAGE_INVALID for a text that cannot be read.
 */
export function chooseCapacity(text: string | undefined, machine: Amounts): Amounts | undefined {
  if (text === NONE) return undefined;
  return { ...machine, ...(text === undefined ? {} : Object.fromEntries(text.split(",").map((word) => readAmount(word, text)))) };
}

function readAmount(word: string, text: string): [string, number] {
  const split = word.indexOf("=");
  const resource = word.slice(0, Math.max(split, 0)).trim();
  const amount = quantityValue(word.slice(split + 1).trim());
  if (!/^[A-Za-z0-9][\w./-]*$/.test(resource) || amount === undefined || amount <= 0) {
    throw new UsageError(
      "USAGE_INVALID",
      `Cannot read option --capacity: "${text}" is not ${NONE}, nor amounts as cpu=8,memory=16Gi`,
    );
  }
  return [resource, amount];
}
