/**
 * Bearer tokens: one of the user for everything, and one of each run for the calls of its own drivers and launchers.
 *
 * A run's token is derived from the user's (HMAC of the run id), so nothing needs to be kept for it: it is the same after a restart with
 * the same user token, and dies with it.
 *
 * Source: docs/spec/api-server.md#who-is-calling, #calls-that-accept-run-scoped-tokens, #decision-tokens.
 *
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { ServiceError } from "../service-error.ts";
import type { Access, Authorizer } from "./authorizer.ts";

/** Shorter user tokens are refused: who holds a run's token could try them all. */
export const MIN_USER_TOKEN_LENGTH = 32;

/** Checks tokens, and makes those of runs. */
export interface TokenAuthorizer extends Authorizer {
  /** The token with which the steps of a run call the server. */
  tokenOfRun(runId: string): string;
}

const RUN_TOKEN = /^run\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]{43}$/;

/**
 * Makes the checks of a server with tokens.
 *
 * @param userToken At least 32 characters, made by a random generator.
 * @throws {RangeError} The token is shorter.
 */
export function createTokenAuthorizer(userToken: string): TokenAuthorizer {
  if (userToken.length < MIN_USER_TOKEN_LENGTH) {
    throw new RangeError(`The user token must have at least ${MIN_USER_TOKEN_LENGTH} characters`);
  }
  // Digests have one length, so the time of a comparison says nothing of the tokens.
  const digest = (text: string) => createHmac("sha256", userToken).update(text).digest();
  const isSame = (given: string, wanted: string) => timingSafeEqual(digest(given), digest(wanted));
  const tokenOfRun = (runId: string): string =>
    `run.${Buffer.from(runId).toString("base64url")}.${digest(`run ${runId}`).toString("base64url")}`;
  return {
    tokenOfRun,
    authorize(authorization, { operation, runIds }: Access) {
      const token = bearerToken(authorization);
      if (token === undefined)
        throw new ServiceError("UNAUTHENTICATED", 'The call has no token: send "authorization: Bearer TOKEN"');
      if (isSame(token, userToken)) return;
      const encoded = RUN_TOKEN.exec(token)?.[1];
      const runId = encoded === undefined ? undefined : Buffer.from(encoded, "base64url").toString();
      if (runId === undefined || !isSame(token, tokenOfRun(runId))) {
        throw new ServiceError("UNAUTHENTICATED", "The token of the call is not one of this server");
      }
      if (runIds === undefined) throw denied(`${operation} needs the user's token, not one of a run`);
      if (!runIds.every((each) => each === runId))
        throw denied(`The token belongs to run ${runId}; ${operation} is about another one`);
    },
  };
}

/** The word is compared as HTTP compares schemes: without regard to case. */
function bearerToken(authorization: string | undefined): string | undefined {
  const token = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  return token;
}

function denied(message: string): ServiceError {
  return new ServiceError("PERMISSION_DENIED", message);
}
