/**
 * The connection as driver and launcher make it: settings from flags and environment, token from the pod's projected volume.
 *
 * @module
 */
import { TOKEN_PATH } from "./auth.ts";
import { readChannelSettings, type ConnectionFlags } from "./channel-settings.ts";
import { connectKfpApi, type ConnectDeps, type KfpApiConnection } from "./kfp-api-grpc.ts";
import type { Environment } from "./proxy.ts";

/**
 * @throws {UsageError} ENVIRONMENT_INVALID, FLAG_INVALID or FILE_UNREADABLE for settings that cannot be used. Nothing is connected yet.
 */
export function connectFromEnvironment(
  deps: ConnectDeps,
  flags: ConnectionFlags,
  environment: Environment,
): Promise<KfpApiConnection> {
  const tokenPath = environment["KFP_TOKEN_PATH"] ?? TOKEN_PATH;
  return connectKfpApi(deps, {
    settings: readChannelSettings(environment, flags),
    ...(tokenPath === "" ? {} : { tokenPath }),
  });
}
