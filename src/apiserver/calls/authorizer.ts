/**
 * Who may do what, as a port: asked before every call of either transport, and by the paths outside the protos.
 *
 * @module
 */

/** What somebody wants to do. */
export interface Access {
  /** For messages: `GetRun`, `upload a pipeline`. */
  readonly operation: string;
  /**
   * Runs that the call is about, when it is one that a run-scoped token may make; absent for all others
   * (docs/spec/api-server.md#calls-that-accept-run-scoped-tokens).
   */
  readonly runIds?: readonly string[];
}

/** Decides about access. */
export interface Authorizer {
  /**
   * @param authorization The value of the header or metadata `authorization`.
   * @throws {ServiceError} UNAUTHENTICATED without a token or with one that nobody knows; PERMISSION_DENIED for a token of another run.
   */
  authorize(authorization: string | undefined, access: Access): void;
}

/** Lets everybody in: the default on a loopback address, where tokens are accepted and ignored. */
export const openToAll: Authorizer = { authorize: () => {} };
