/**
 * A home that serves: its lock, its API, and the runs that are created through it, from the start to the end of one process.
 *
 * @module
 */
import { createTokenAuthorizer, type TokenAuthorizer } from "../../apiserver/calls/token-authorizer.ts";
import type { AllowedCallers } from "../../apiserver/rest/http/host-check.ts";
import { Scheduler } from "../../apiserver/recurring/scheduler.ts";
import { startApiServer, type ApiServer } from "../../apiserver/server.ts";
import { errorMessage } from "../../core/errors.ts";
import { createLogger } from "../../node/stderr-logger.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { BuildInfo } from "../../program/build-info.ts";
import { lockHome } from "../home/home-lock.ts";
import { prepareHome, type Home } from "../home/home.ts";
import { killLeftOverSteps, processesNotice } from "../home/left-over-steps.ts";
import { homeError } from "../home/storage-problem.ts";
import { HAND_OVER } from "./hand-over-holder.ts";
import { homeLiveLogs } from "./live-logs.ts";
import { dialledHost, listenAt, type PortChoice } from "./listen.ts";
import { homeRunArtifacts } from "./run-artifacts.ts";
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
    const notice = processesNotice();
    if (notice !== undefined) onNotice(notice);
    const killed = await killLeftOverSteps(home);
    if (killed > 0) onNotice(`ended ${killed} processes that an earlier server or run had left behind`);
    const authorizer = options.needsToken ? createTokenAuthorizer(await provideUserToken(home)) : undefined;
    const hooks: { manager?: RunManager; scheduler?: Scheduler } = {};
    const server = await openServer(home, { deps, options, authorizer, hooks });
    undo.push(async () => await server.close());
    const manager = new RunManager(
      {
        ...{ home, clock, files: deps.files, randomUuid: deps.randomUuid, onNotice },
        onNews: (news) => {
          // A schedule may have waited for a run of it to end.
          if (news.kind !== "started") hooks.scheduler?.wake();
          deps.onNews(news);
        },
        server: { ...server, host: dialledHost(server.host) },
        ...(authorizer === undefined ? {} : { tokenOfRun: (runId: string) => authorizer.tokenOfRun(runId) }),
      },
      options,
    );
    hooks.manager = manager;
    undo.push(async () => await manager.stop());
    manager.start();
    const scheduler = newScheduler(server, manager, deps);
    hooks.scheduler = scheduler;
    undo.push(() => Promise.resolve(scheduler.stop()));
    scheduler.start();
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

function newScheduler(server: ApiServer, manager: RunManager, { clock, randomUuid, onNotice }: ServeDeps): Scheduler {
  return new Scheduler({
    store: server.store,
    createRun: (init, options) => server.runs.createRun(init, options),
    newRunId: randomUuid,
    nowMs: () => clock.now().getTime(),
    setTimer: (work, delayMs) => {
      const timer = setTimeout(work, delayMs);
      return () => clearTimeout(timer);
    },
    runCreated: (runId) => manager.hooks.runCreated(runId),
    onProblem: (recurringRunId, reason) => onNotice(`recurring run ${recurringRunId}: ${reason}`),
  });
}

interface ServerParts {
  readonly deps: ServeDeps;
  readonly options: ServeOptions;
  readonly authorizer: TokenAuthorizer | undefined;
  /** Made after the server: what calls that come before them change is found in the store. */
  readonly hooks: { readonly manager?: RunManager; readonly scheduler?: Scheduler };
}

async function openServer(home: Home, { deps, options, authorizer, hooks }: ServerParts): Promise<ApiServer> {
  return await listenAt({ grpc: options.grpcPort, rest: options.restPort }, ({ grpc, rest }) =>
    startApiServer({
      database: home.database,
      host: options.host,
      port: grpc,
      rest: {
        ...{ port: rest, build: options.build, allowed: options.allowed, artifactRoots: [home.artifacts] },
        runArtifacts: (store) =>
          homeRunArtifacts({
            ...{ home, store, clock: deps.clock, files: deps.files, environment: options.environment },
            logger: createLogger({
              ...{ clock: deps.clock, format: "text", verbosity: 0 },
              stream: { write: (text: string) => deps.onNotice(text.trim()) },
            }),
          }),
        liveLogs: (store) => homeLiveLogs({ home, store }),
      },
      runLayout: options.runLayout,
      now: () => deps.clock.now(),
      engine: {
        runCreated: (runId) => hooks.manager?.hooks.runCreated(runId),
        runRetried: (runId) => hooks.manager?.hooks.runRetried(runId),
        runDeleted: (runId) => {
          hooks.manager?.hooks.runDeleted(runId);
          hooks.scheduler?.wake();
        },
        terminationRequested: (runId) => {
          hooks.manager?.hooks.terminationRequested(runId);
          hooks.scheduler?.wake();
        },
        recurringRunChanged: () => hooks.scheduler?.wake(),
        recurringRunWarning: (recurringRunId, warning) => deps.onNotice(`recurring run ${recurringRunId}: ${warning}`),
      },
      ...(authorizer === undefined ? {} : { authorizer }),
      onInternalError: (method, error) => {
        hooks.manager?.noteTrouble(error);
        deps.onNotice(`${method} failed: ${errorMessage(error)}`);
      },
    }),
  );
}
