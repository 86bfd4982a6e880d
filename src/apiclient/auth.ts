/**
 * The service account token that goes along with every call.
 *
 * Without the file calls are not authenticated, which is said once, and each of them looks for it again. Once it is there it is re-read
 * when the copy in memory is 50 s old, because the kubelet rotates it. The token itself never appears in a message or log line.
 *
 * Source: docs/spec/connections.md#service-account-token, #connection-of-the-driver, #drv-3, #api-23.
 *
 * @module
 */
import { ApiError, errorMessage } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Logger } from "../ports/logger.ts";

/** Where a pod gets its run-scoped token (docs/spec/connections.md#service-account-token). */
export const TOKEN_PATH = "/var/run/secrets/kfp/token";

/** One minute minus ten seconds of leeway, as the reference. */
const MAX_AGE_MS = 50_000;

/** Where the token of every call comes from. */
export interface Tokens {
  /** The value of the `authorization` header; `undefined`: the call is not authenticated. */
  header(): Promise<string | undefined>;
  /** Called after the server refused the token. True when there is another one to try. */
  refresh(): Promise<boolean>;
}

/** What reading a token takes. */
export interface TokenSourceDeps {
  readonly clock: Clock;
  readonly fileSystem: Pick<FileSystem, "readText">;
  readonly logger: Logger;
}

/** The service account token from its file, read again before it is too old. A file that is not there means calls without token. */
export class TokenSource implements Tokens {
  readonly #deps: TokenSourceDeps;
  readonly #path: string;
  #token: string | undefined;
  #readAtMs = 0;
  #saidAbsent = false;
  #reading: Promise<void> | undefined;

  constructor(deps: TokenSourceDeps, path: string) {
    this.#deps = deps;
    this.#path = path;
  }

  /**
   * The value of the `authorization` header; `undefined` while there is no token file.
   *
   * @throws {ApiError} TOKEN_UNREADABLE when the first read fails or finds an empty file. Later calls try again.
   */
  async header(): Promise<string | undefined> {
    if (this.#token === undefined || this.#deps.clock.monotonicMs() - this.#readAtMs >= MAX_AGE_MS) await this.#read();
    return this.#token === undefined ? undefined : `Bearer ${this.#token}`;
  }

  /** Reads the file again after the server refused the token. True when there is another token to try. */
  async refresh(): Promise<boolean> {
    const refused = this.#token;
    await this.#read();
    return this.#token !== refused;
  }

  /** Calls at the same time share one read. */
  async #read(): Promise<void> {
    this.#reading ??= this.#readFile().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readFile(): Promise<void> {
    const { clock, fileSystem, logger } = this.#deps;
    let problem = "the file is empty";
    let cause: unknown;
    try {
      const text = await fileSystem.readText(this.#path);
      const token = text?.trim();
      if (token !== undefined && token !== "") {
        this.#token = token;
        this.#readAtMs = clock.monotonicMs();
        return;
      }
      if (token === undefined) {
        if (this.#token === undefined) {
          if (!this.#saidAbsent) {
            logger.warn("No service account token, calls to the API server are not authenticated", { path: this.#path });
          }
          this.#saidAbsent = true;
          return;
        }
        problem = "the file is gone";
      }
    } catch (error) {
      problem = errorMessage(error);
      cause = error;
    }
    if (this.#token === undefined) {
      throw new ApiError("TOKEN_UNREADABLE", `Cannot read the service account token at "${this.#path}": ${problem}`, { cause });
    }
    this.#readAtMs = clock.monotonicMs();
    logger.warn("Cannot re-read the service account token, the last one is kept", { path: this.#path, reason: problem });
  }
}
