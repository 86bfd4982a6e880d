/**
 * `kfp-runtime serve` on the command line: its options, and what a call of it asks for.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import { isLoopback, type PortChoice } from "../../local/serve/listen.ts";
import type { CommandEntry, CommandOption } from "../command-entry.ts";
import { listOf, readCount, readPath, single, type Values } from "../option-values.ts";
import { HOME_OPTION } from "./home.ts";
import { CAPACITY_OPTION, readCapacity, SECRETS_OPTION, STOP_WITH_STDIN_OPTION } from "./run.ts";

/** `kfp-runtime serve`, read and checked as far as the command line alone goes. */
export interface ServeCommand {
  readonly kind: "serve";
  readonly home: string;
  readonly host: string;
  readonly restPort: PortChoice;
  readonly grpcPort: PortChoice;
  /** Names that browsers may call it by. */
  readonly allowedHosts: readonly string[];
  /** Origins of other pages that may call it. */
  readonly allowedOrigins: readonly string[];
  readonly runLayout: "merged" | "branch";
  readonly maxRuns: number;
  readonly parallelism?: number;
  /** As `chooseCapacity` takes it. */
  readonly capacity?: string;
  readonly isolation: "in-process" | "process";
  /** Folder or file of secrets and config maps. */
  readonly secrets?: string;
  readonly needsToken: boolean;
  readonly readyFile?: string;
  readonly stopWithStdin: boolean;
  readonly output: "text" | "json";
}

const DEFAULT_REST_PORT = 8888;
const DEFAULT_GRPC_PORT = 8887;
const DEFAULT_MAX_RUNS = 10;

const SERVE_OPTIONS = {
  home: HOME_OPTION,
  host: { type: "string", requiresArg: true, default: "127.0.0.1", describe: "Address to listen at; others need --auth" },
  port: {
    type: "string",
    requiresArg: true,
    describe: `Port of the API over REST (default: ${DEFAULT_REST_PORT}, or the next one that is free)`,
  },
  "grpc-port": {
    type: "string",
    requiresArg: true,
    describe: `Port of the API over gRPC (default: ${DEFAULT_GRPC_PORT}, or the next one that is free)`,
  },
  "run-layout": {
    choices: ["merged", "branch"],
    default: "merged",
    describe: "Layout of Run on the wire; branch for clients made from the mlmd-removal branch",
  },
  "max-runs": {
    type: "string",
    requiresArg: true,
    describe: `Runs at the same time, the others wait (default: ${DEFAULT_MAX_RUNS})`,
  },
  parallelism: {
    type: "string",
    requiresArg: true,
    describe: "Steps at the same time, of all runs together (default: by the number of processors)",
  },
  capacity: { ...CAPACITY_OPTION, describe: `${CAPACITY_OPTION.describe} (default: this machine)` },
  isolation: {
    choices: ["in-process", "process"],
    default: "in-process",
    describe: "Run driver and launcher in this process, or start their programs",
  },
  secrets: SECRETS_OPTION,
  auth: { type: "boolean", default: false, describe: "Require a token of every call; the user's is kept in the home" },
  "allow-host": {
    type: "string",
    requiresArg: true,
    describe: "Host name, without port, that REST may be called by besides those of this machine; * for any; repeatable",
  },
  "allow-origin": {
    type: "string",
    requiresArg: true,
    describe: "Origin of a page that may call REST, as https://example.org; repeatable",
  },
  "ready-file": {
    type: "string",
    requiresArg: true,
    describe: "Write the addresses to this file once the server is ready",
    completes: "file",
  },
  "stop-with-stdin": STOP_WITH_STDIN_OPTION,
  output: { choices: ["text", "json"], default: "text", describe: "What the addresses are printed as" },
} as const satisfies Record<string, CommandOption>;

/** `kfp-runtime serve` on the command line. */
export const serveEntry: CommandEntry<ServeCommand> = {
  name: "serve",
  describe: "Serve the Kubeflow Pipelines API for this machine, and execute the runs",
  operands: [],
  options: SERVE_OPTIONS,
  read: readServe,
};

/** As browsers send it; anything else would never match and never say so. */
function readOrigin(text: string): string {
  // Of other schemes than those of the web, as those of browser extensions, a URL does not tell the origin.
  const origin = URL.canParse(text) ? new URL(text).origin : "";
  if (origin === text || (origin === "null" && /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/.test(text))) return text;
  throw new UsageError(
    "USAGE_INVALID",
    `Cannot read option --allow-origin: "${text}" is not an origin such as https://example.org`,
  );
}

function readServe(values: Values): ServeCommand {
  const { "max-runs": maxRuns, parallelism, "ready-file": readyFile } = values;
  const host = single(values, "host");
  const needsToken = values["auth"] === true;
  if (!isLoopback(host) && !needsToken) {
    throw new UsageError(
      "USAGE_INVALID",
      `Cannot serve at ${host} without --auth: other machines could run programs here; add --auth, or leave out --host`,
    );
  }
  return {
    kind: "serve",
    home: readPath(values, "home"),
    host,
    restPort: readPort(values, "port", DEFAULT_REST_PORT),
    allowedHosts: listOf(values["allow-host"]),
    allowedOrigins: listOf(values["allow-origin"]).map(readOrigin),
    grpcPort: readPort(values, "grpc-port", DEFAULT_GRPC_PORT),
    runLayout: single(values, "run-layout") === "branch" ? "branch" : "merged",
    maxRuns: maxRuns === undefined ? DEFAULT_MAX_RUNS : readCount(single(values, "max-runs"), "max-runs"),
    ...(parallelism === undefined ? {} : { parallelism: readCount(single(values, "parallelism")) }),
    ...(values["capacity"] === undefined ? {} : { capacity: readCapacity(values) }),
    isolation: single(values, "isolation") === "process" ? "process" : "in-process",
    ...(values["secrets"] === undefined ? {} : { secrets: readPath(values, "secrets") }),
    needsToken,
    ...(readyFile === undefined ? {} : { readyFile: readPath(values, "ready-file") }),
    stopWithStdin: values["stop-with-stdin"] === true,
    output: single(values, "output") === "json" ? "json" : "text",
  };
}

/** Port 0, any free one, is one that was asked for. */
function readPort(values: Values, option: string, preset: number): PortChoice {
  if (values[option] === undefined) return { port: preset, isFixed: false };
  const text = single(values, option);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return { port, isFixed: true };
  throw new UsageError("USAGE_INVALID", `Cannot read option --${option}: "${text}" is not a port`);
}
