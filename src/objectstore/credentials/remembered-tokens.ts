/**
 * Access tokens, fetched when they are needed and remembered until shortly before they expire.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";

/** Never logged. */
export interface AccessToken {
  readonly token: string;
  /** In ms since 1970. */
  readonly expiresAtMs: number;
}

/** Asked before every request; answers from its memory while that is fresh. */
export interface TokenSource {
  get(): Promise<string>;
  /** The store refused the token: it is not used again. */
  forget(token: string): void;
}

/** @param refreshBeforeMs Time before expiry at which a new token is fetched. */
export function rememberTokens(clock: Clock, refreshBeforeMs: number, fetchFresh: () => Promise<AccessToken>): TokenSource {
  let current: AccessToken | undefined;
  let pending: Promise<AccessToken> | undefined;
  const leftMs = (): number => (current === undefined ? 0 : current.expiresAtMs - clock.now().getTime());
  return {
    async get() {
      if (current !== undefined && leftMs() > refreshBeforeMs) return current.token;
      pending ??= fetchFresh().finally(() => (pending = undefined));
      try {
        current = await pending;
      } catch (error) {
        // The old one is still good for a while, by which time the service may be back.
        if (current === undefined || leftMs() <= 0) throw error;
      }
      return current.token;
    },
    forget(token) {
      if (current?.token === token) current = undefined;
    },
  };
}
