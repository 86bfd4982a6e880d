import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { homeAt, type Home } from "../../../src/local/home/home.ts";
import { provideUserToken, readUserToken, userTokenPath } from "../../../src/local/serve/user-token.ts";

let home: Home;
beforeEach(() => (home = homeAt(mkdtempSync(join(tmpdir(), "kfp-token-")))));
afterEach(() => rmSync(home.folder, { recursive: true, force: true }));

test("is made once, for the eyes of this user only", async () => {
  expect(await readUserToken(home)).toBeUndefined();
  const token = await provideUserToken(home);
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(statSync(userTokenPath(home)).mode & 0o777).toBe(0o600);
  expect(await provideUserToken(home)).toBe(token);
  expect(await readUserToken(home)).toBe(token);
});

test.for([
  ["others may read it", "x".repeat(40), 0o644],
  ["it holds no token", "short", 0o600],
  ["it holds no token", `${"x".repeat(40)} ${"y".repeat(40)}`, 0o600],
  ["it holds no token", "x".repeat(5000), 0o600],
] as const)("is refused when %s, without a word of its content", async ([reason, content, mode]) => {
  writeFileSync(userTokenPath(home), content);
  chmodSync(userTokenPath(home), mode);
  const error = await provideUserToken(home).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "HOME_UNUSABLE", message: expect.stringContaining(reason) as string });
  expect((error as Error).message).not.toContain(content.slice(0, 5));
});
