/**
 * A home that serves: its lock, its API, and the runs that are created through it, from the start to the end of one process.
 *
 * @module
 */
import { createTokenAuthorizer, type TokenAuthorizer } from "../../apiserver/calls/token-authorizer.ts";
import type { AllowedCallers } from "../../apiserver/rest/http/host-check.ts";
import { startApiServer, type ApiServer } from "../../apiserver/server.ts";
import { errorMessage } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { BuildInfo } from "../../program/build-info.ts";
import { lockHome } from "../home/home-lock.ts";
import { prepareHome, type Home } from "../home/home.ts";
import { killLeftOverSteps } from "../home/left-over-steps.ts";
import { homeError } from "../home/storage-problem.ts";
import { HAND_OVER } from "./hand-over-holder.ts";
import { dialledHost, listenAt, type PortChoice } from "./listen.ts";
import { RunManager, type RunManagerOptions, type RunNews } from "./run-manager.ts";
import { provideUserToken, userTokenPath } from "./user-token.ts";

/** What is served, where and how. */
export interface ServeOptions extends RunManagerOptions {
  /** Absolute. */
  readonly homeFolder: string;
  readonly host: string;
  readonly grpcPort: PortChoice;
  readonly restPort: PortChoice;
  /** Names and origins besides those of this machine that browsers may call REST by. */
  readonly allowed: AllowedCallers;
  readonly runLayout: "merged" | "branch";
  /** Calls need a token. */
  readonly needsToken: boolean;
  /** Of the program: for others that find the lock, and for health checks. */
  readonly build: BuildInfo;
}

/** What serving takes of its process. */
export interface ServeDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onNews: (news: RunNews) => void;
  readonly onNotice: (text: string) => void;
}

/** A home that is served. */
export interface ServedHome {
  readonly home: Home;
  readonly grpc: { readonly host: string; readonly port: number };
  readonly rest: { readonly host: string; readonly port: number };
  /** File with the user's token; absent: none is needed. */
  readonly tokenFile?: string;
  /** Leaves what is under way for the next server, and gives the home back. */
  stop(): Promise<void>;
}

/**
 * Starts to serve.
 *
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED.
 * @throws {ApiError} API_UNAVAILABLE when it cannot listen.
 */
export async function serveHome(deps: ServeDeps, options: ServeOptions): Promise<ServedHome> {
  const { clock, onNotice } = deps;
  const home = await prepareHome(options.homeFolder);
  const lock = await lockHome(home, "serve", clock.now());
  const undo: (() => Promise<void>)[] = [async () => await lock.release()];
  const stop = async (): Promise<void> => {
    for (const step of undo.toReversed()) {
      await step().catch((error: unknown) => onNotice(`cannot end in good order: ${errorMessage(error)}`));
    }
  };
  try {
    const killed = await killLeftOverSteps(home);
    if (killed > 0) onNotice(`ended ${killed} processes that an earlier server or run had left behind`);
    const authorizer = options.needsToken ? createTokenAuthorizer(await provideUserToken(home)) : undefined;
    const manager: { current?: RunManager } = {};
    const server = await openServer(home, { deps, options, authorizer, manager });
    undo.push(async () => await server.close());
    manager.current = new RunManager(
      {
        ...{ home, clock, files: deps.files, randomUuid: deps.randomUuid, onNews: deps.onNews, onNotice },
        server: { ...server, host: dialledHost(server.host) },
        ...(authorizer === undefined ? {} : { tokenOfRun: (runId: string) => authorizer.tokenOfRun(runId) }),
      },
      options,
    );
    const { current } = manager;
    undo.push(async () => await current.stop());
    current.start();
    const grpc = { host: dialledHost(server.host), port: server.port };
    await lock.announce({ ...grpc, version: options.build.version, handOver: HAND_OVER });
    return {
      home,
      grpc: { host: server.host, port: server.port },
      rest: server.rest ?? { host: server.host, port: 0 },
      ...(authorizer === undefined ? {} : { tokenFile: userTokenPath(home) }),
      stop,
    };
  } catch (error) {
    await stop();
    throw homeError(error, home.folder);
  }
}

interface ServerParts {
  readonly deps: ServeDeps;
  readonly options: ServeOptions;
  readonly authorizer: TokenAuthorizer | undefined;
  /** Made after the server: calls that come before it are found in the store. */
  readonly manager: { readonly current?: RunManager };
}

async function openServer(home: Home, { deps, options, authorizer, manager }: ServerParts): Promise<ApiServer> {
  return await listenAt({ grpc: options.grpcPort, rest: options.restPort }, ({ grpc, rest }) =>
    startApiServer({
      database: home.database,
      host: options.host,
      port: grpc,
      rest: { port: rest, build: options.build, allowed: options.allowed, artifactRoots: [home.artifacts] },
      runLayout: options.runLayout,
      now: () => deps.clock.now(),
      engine: {
        runCreated: (runId) => manager.current?.hooks.runCreated(runId),
        runRetried: (runId) => manager.current?.hooks.runRetried(runId),
        runDeleted: (runId) => manager.current?.hooks.runDeleted(runId),
        terminationRequested: (runId) => manager.current?.hooks.terminationRequested(runId),
      },
      ...(authorizer === undefined ? {} : { authorizer }),
      onInternalError: (method, error) => {
        manager.current?.noteTrouble(error);
        deps.onNotice(`${method} failed: ${errorMessage(error)}`);
      },
    }),
  );
}
