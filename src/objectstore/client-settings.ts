/**
 * What a client is made from, after configuration, environment and defaults have been put together.
 *
 * @module
 */
import type { HttpAgents } from "./http-agents.ts";

/** Never logged. */
export interface StoreCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Absent: does not expire. */
  readonly expiration?: Date;
}

/** Asked before every request; answers from its memory while that is fresh. */
export type CredentialSource = () => Promise<StoreCredentials>;

/** What both S3 clients are made from. */
export interface ClientSettings {
  readonly bucket: string;
  readonly region: string;
  readonly isPathStyle: boolean;
  readonly agents: HttpAgents;
  /** Time without a byte after which a request is given up. */
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}
