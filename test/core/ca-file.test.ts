import { describe, test } from "vitest";
import { readCaFile } from "../../src/core/ca-file.ts";

describe("readCaFile()", () => {
  test("answers the text of the file", async ({ expect }) => {
    await expect(readCaFile("/ca.crt", async (path) => `PEM of ${path}`)).resolves.toBe("PEM of /ca.crt");
  });
  test.for([
    { name: "there is none", read: async () => undefined, reason: "there is no such file" },
    { name: "it cannot be read", read: async () => Promise.reject(new Error("EACCES")), reason: "EACCES" },
  ])("names the file when $name", async ({ read, reason }, { expect }) => {
    await expect(readCaFile("/ca.crt", read)).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      details: { path: "/ca.crt" },
      message: `Cannot read the CA file "/ca.crt": ${reason}`,
    });
  });
});
