/** As republish-interleavings.test.ts, with every reader and server, parameters and artifacts. */
import { describe, expect, test } from "vitest";
import { badEnd, READERS, RETRIES } from "../support/republish-model.ts";

describe.for(READERS)("every order publishes the same, run $reader", ({ options }) => {
  test.for(RETRIES.flatMap((retry) => (["parameters", "artifacts"] as const).map((gives) => ({ ...retry, gives }))))(
    "$name, $gives",
    { timeout: 1_200_000 },
    async ({ run, gives }) => {
      expect(await badEnd({ ...run, gives }, options)).toBe("");
    },
  );
});
