import { describe, test } from "vitest";
import { UserCodeError } from "../../src/core/errors.ts";
import { stageRunner } from "../../src/program/stage.ts";

describe("stageRunner()", () => {
  const stage = stageRunner({ start: "", folders: "failed to prepare output folders" });
  const error = new UserCodeError("USER_CODE_EXITED", "exit status 3", { details: { exitCode: 3 } });

  test("answers what the work answers, at once or later", async ({ expect }) => {
    await expect(stage("start", () => 1)).resolves.toBe(1);
    await expect(stage("folders", async () => 2)).resolves.toBe(2);
  });
  test("puts the words of the stage before an error, and keeps it as the cause", async ({ expect }) => {
    const failed = stage("folders", () => {
      throw error;
    });
    await expect(failed).rejects.toMatchObject({ message: "failed to prepare output folders: exit status 3", cause: error });
  });
  test("passes the error of a stage without words unchanged", async ({ expect }) => {
    await expect(stage("start", () => Promise.reject(error))).rejects.toBe(error);
  });
});
