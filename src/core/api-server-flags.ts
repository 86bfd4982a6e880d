/**
 * How programs are told of the API server: the flags that driver and launcher share, and hand on.
 *
 * @module
 */

/** Where the API server is and how it is reached. */
export interface ApiServerFlags {
  /** `--ml_pipeline_server_address`. */
  readonly address: string;
  /** `--ml_pipeline_server_port`, of gRPC. */
  readonly port: string;
  /** `--ml_pipeline_tls_enabled`. */
  readonly tlsEnabled: boolean;
  /** `--ca_cert_path`; empty means system roots alone. */
  readonly caCertPath: string;
  /** `--api_retry_timeout`, a duration; absent: not given, and not handed on. */
  readonly retryTimeout?: string;
}

/** The same where address and port may not be given, which is not the same as given empty: see apiclient/channel-settings.ts. */
export type GivenApiServerFlags = Pick<ApiServerFlags, "tlsEnabled" | "caCertPath"> & {
  readonly [Name in "address" | "port" | "retryTimeout"]?: ApiServerFlags[Name] | undefined;
};

/** The place alone, as every command line says it. */
export function addressArguments({ address, port }: Pick<ApiServerFlags, "address" | "port">): string[] {
  return ["--ml_pipeline_server_address", address, "--ml_pipeline_server_port", port];
}

/** How it is reached: the value of every flag, empty ones included. */
export function connectionArguments({ tlsEnabled, caCertPath }: ApiServerFlags): string[] {
  return [`--ml_pipeline_tls_enabled=${tlsEnabled}`, "--ca_cert_path", caCertPath];
}

/** How long to wait for it; nothing where nothing was given, so that the command line is the reference's. */
export function retryArguments({ retryTimeout }: ApiServerFlags): string[] {
  return retryTimeout === undefined ? [] : ["--api_retry_timeout", retryTimeout];
}
