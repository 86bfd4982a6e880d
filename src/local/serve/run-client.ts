/**
 * The calls with which a program on this machine hands a run to the server of its home.
 *
 * @module
 */
import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { TokenSource } from "../../apiclient/auth.ts";
import { prepareChannel } from "../../apiclient/channel.ts";
import { channelClients } from "../../apiclient/clients.ts";
import { Transport } from "../../apiclient/transport.ts";
import { ApiError } from "../../core/errors.ts";
import { jsonToValue } from "../../core/values/value.ts";
import {
  CreateRunRequestSchema,
  RetryRunRequestSchema,
  TerminateRunRequestSchema,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { Logger } from "../../ports/logger.ts";

/** Where the server listens, and with which token it is called. */
export interface RunClientOptions {
  readonly host: string;
  readonly port: number;
  /** File with the user's token; one that is not there means calls without. */
  readonly tokenPath: string;
}

/** A run as it is asked for. */
export interface RequestedRun {
  readonly runId: string;
  readonly displayName: string;
  /** The spec, or `{pipeline_spec, platform_spec}`. */
  readonly source: JsonObject;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly pipelineRoot: string;
}

/** Calls end by themselves: a server on this machine that does not answer within that time will not. */
const POLICY = { minDelayMs: 100, maxDelayMs: 1000, totalMs: 10_000 };

const SILENT: Logger = {
  verbosity: 0,
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  verbose: () => undefined,
};

/** A connection; closed by whoever made it. */
export class RunClient {
  readonly #transport: Transport;

  private constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects with the first call. */
  static async connect(
    { clock, files }: { readonly clock: Clock; readonly files: FileSystem },
    { host, port, tokenPath }: RunClientOptions,
  ): Promise<RunClient> {
    const settings = {
      ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
      ...{ forcedPackage: undefined, forcedLayout: undefined },
    };
    const openChannel = await prepareChannel(settings, files);
    const deps = { clock, logger: SILENT, fileSystem: files };
    const transport = new Transport(
      {
        clock,
        logger: SILENT,
        random: Math.random,
        openClients: () => channelClients(openChannel()),
        tokens: new TokenSource(deps, tokenPath),
      },
      { endpoint: `${host}:${port}`, policy: POLICY },
    );
    return new RunClient(transport);
  }

  /** @throws {ApiError} The server has refused the run, or does not answer. */
  async createRun({ runId, displayName, source, parameters, pipelineRoot }: RequestedRun): Promise<void> {
    const values = Object.entries(parameters).map(([name, value]) => [name, jsonToValue(value)]);
    const request = create(CreateRunRequestSchema, {
      run: {
        ...{ runId, displayName },
        pipelineSource: { case: "pipelineSpec", value: source },
        runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot },
      },
    });
    try {
      await this.#transport.call({ method: "CreateRun" }, ({ run }, options) => run.createRun(request, options));
    } catch (error) {
      // The id is ours: somebody has it because an answer was lost.
      if (!(error instanceof ApiError && error.details["status"] === "ALREADY_EXISTS")) throw error;
    }
  }

  /** @throws {ApiError} The run has ended or is being cancelled already, or the server does not answer. */
  async terminateRun(runId: string): Promise<void> {
    const request = create(TerminateRunRequestSchema, { runId });
    await this.#transport.call({ method: "TerminateRun" }, ({ run }, options) => run.terminateRun(request, options));
  }

  /** @throws {ApiError} The run has not failed, or the server does not answer. */
  async retryRun(runId: string): Promise<void> {
    const request = create(RetryRunRequestSchema, { runId });
    await this.#transport.call({ method: "RetryRun" }, ({ run }, options) => run.retryRun(request, options));
  }

  close(): void {
    this.#transport.close();
  }
}
