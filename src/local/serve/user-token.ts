/**
 * The token with which a person's programs may do everything: made once, kept in the home for this user's eyes only.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, HostError } from "../../core/errors.ts";
import type { Home } from "../home/home.ts";

const SHORTEST_TOKEN = 32;
const LONGEST_FILE_BYTES = 4096;

/** Where the token of a home is. */
export function userTokenPath(home: Home): string {
  return join(home.folder, "token");
}

/**
 * Reads the token, and makes one where there is none.
 *
 * @throws {HostError} HOME_UNUSABLE for a file that others may read, or that holds no token; never with its content.
 */
export async function provideUserToken(home: Home): Promise<string> {
  return (await readUserToken(home)) ?? (await makeUserToken(home));
}

/**
 * @returns Undefined where there is none.
 * @throws {HostError} HOME_UNUSABLE
 */
export async function readUserToken(home: Home): Promise<string | undefined> {
  const path = userTokenPath(home);
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) throw unusable(path, "others may read it: give it mode 0600, or delete it to have a new one made");
    const token = size > LONGEST_FILE_BYTES ? "" : (await readFile(path, "utf8")).trim();
    if (token.length < SHORTEST_TOKEN || /\s/.test(token)) throw unusable(path, "it holds no token: delete it to have one made");
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof HostError) throw error;
    throw unusable(path, errorMessage(error), error);
  }
}

async function makeUserToken(home: Home): Promise<string> {
  const path = userTokenPath(home);
  const token = randomBytes(32).toString("base64url");
  const part = `${path}.${process.pid}`;
  try {
    const file = await open(part, "wx", 0o600);
    try {
      await file.writeFile(`${token}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    return token;
  } catch (error) {
    throw unusable(path, errorMessage(error), error);
  } finally {
    await rm(part, { force: true });
  }
}

function unusable(path: string, reason: string, cause?: unknown): HostError {
  return new HostError("HOME_UNUSABLE", `Cannot use the token in ${path}: ${reason}`, { cause });
}
