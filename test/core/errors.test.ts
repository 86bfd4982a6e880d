import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ERROR_CODES } from "../../src/core/errors.ts";

describe("error codes", () => {
  test("each one has a paragraph in docs/errors.md, and nothing else does", () => {
    const text = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    const documented = [...text.matchAll(/^### `([A-Z_]+)`$/gm)].map((match) => match[1] as string);
    expect(documented.toSorted()).toEqual(Object.values(ERROR_CODES).flat().toSorted());
  });
});
