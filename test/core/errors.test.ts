import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ApiError, ERROR_CODES, KfpError } from "../../src/core/errors.ts";

describe("error codes", () => {
  test("each one has a paragraph in docs/errors.md, and nothing else does", () => {
    const text = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    const documented = [...text.matchAll(/^### `([A-Z_]+)`$/gm)].map((match) => match[1] as string);
    expect(documented.toSorted()).toEqual(Object.values(ERROR_CODES).flat().toSorted());
  });
});

describe("withMessage()", () => {
  test("keeps class, code and details, and the first error as cause", () => {
    const error = new ApiError("API_REJECTED", "no", { details: { status: "NOT_FOUND", method: "GetRun" } });
    const wrapped = error.withMessage("Cannot read the run: no");
    expect(wrapped).toBeInstanceOf(ApiError);
    expect(wrapped).toBeInstanceOf(KfpError);
    expect(wrapped).toMatchObject({ name: "ApiError", code: "API_REJECTED", message: "Cannot read the run: no", cause: error });
    expect(wrapped.details).toEqual({ status: "NOT_FOUND", method: "GetRun" });
  });
});
