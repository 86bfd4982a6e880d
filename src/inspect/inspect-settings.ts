/**
 * Which driver or launcher waits for a debugger, as values: the variables `KFP_INSPECT*` of docs/flags.md.
 *
 * Many drivers and launchers get the same variables; only those that match wait, the others run on at once.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { parseGoDuration } from "../core/go/duration.ts";

/** The types of `KFP_INSPECT_TYPE`: the three drivers by their `--type`, then the launcher in a user's pod, then an importer. */
export const INSPECTED_TYPES = ["ROOT_DAG", "DAG", "CONTAINER", "LAUNCHER", "IMPORTER"] as const;

/** What kind of process waits. */
export type InspectedType = (typeof INSPECTED_TYPES)[number];

/** A driver or launcher that may be asked to wait. */
export interface InspectedProcess {
  readonly type: InspectedType;
  /** Key of the task in its DAG; `root` for the root driver. */
  readonly taskName: string;
  /** Absent outside a loop. */
  readonly iterationIndex?: number | undefined;
}

/** Which processes wait for a debugger, where and how long. */
export interface InspectSettings {
  /** Where the inspector listens; anything but the loopback lets whoever reaches the port run code as this process. */
  readonly host: string;
  /** 0, as in `127.0.0.1:0`, takes a free one. */
  readonly port: number;
  /** Names of tasks, without places in loops; empty means every task. */
  readonly tasks: readonly InspectedTask[];
  /** Empty means every type. */
  readonly types: readonly InspectedType[];
  /** How long to wait for a debugger before running on without one. */
  readonly timeoutMs: number;
}

/** A task that is named in `KFP_INSPECT_TASK`. */
export interface InspectedTask {
  readonly name: string;
  /** Absent: every iteration. */
  readonly iterationIndex?: number;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_ADDRESS = `${DEFAULT_HOST}:9229`;
/** Words for the default address, as an image that is made for debugging sets them. */
const ON = ["1", "on"];
const OFF = ["", "0", "off"];
const DEFAULT_TIMEOUT_MS = 30 * 60_000;

/**
 * @returns `undefined` when `KFP_INSPECT` is not set, empty, `0` or `off`.
 * @throws {UsageError} ENVIRONMENT_INVALID for a variable that cannot be read.
 */
export function readInspectSettings(environment: Readonly<Record<string, string | undefined>>): InspectSettings | undefined {
  const address = environment["KFP_INSPECT"] ?? "";
  if (OFF.includes(address)) return undefined;
  return {
    ...readAddress(ON.includes(address) ? DEFAULT_ADDRESS : address),
    tasks: words(environment["KFP_INSPECT_TASK"]).map(readTask),
    types: words(environment["KFP_INSPECT_TYPE"]).map(readType),
    timeoutMs: readTimeout(environment["KFP_INSPECT_TIMEOUT"] ?? ""),
  };
}

/** Whether the settings mean this process. */
export function isInspected({ tasks, types }: InspectSettings, process: InspectedProcess): boolean {
  const hasType = types.length === 0 || types.includes(process.type);
  const isNamed = ({ name, iterationIndex }: InspectedTask): boolean =>
    name === process.taskName && (iterationIndex === undefined || iterationIndex === process.iterationIndex);
  return hasType && (tasks.length === 0 || tasks.some(isNamed));
}

function words(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function readAddress(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits = ""] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) throw invalid("KFP_INSPECT", text, `none of on, off, ${DEFAULT_ADDRESS} and the like`);
  return { host: bracketed ?? plain ?? DEFAULT_HOST, port };
}

/**
 * A process knows the key of its task and its iteration, and learns the tasks above it from the API server only later: of a scope path
 * such as `root.train.fit` the last part counts.
 */
function readTask(text: string): InspectedTask {
  const [, name = "", index] = /^(?:[^[\]]*\.)?([^.[\]]+)(?:\[(\d+)\])?$/.exec(text) ?? [];
  if (name === "") throw invalid("KFP_INSPECT_TASK", text, "no task such as train, root.train or train[3]");
  return index === undefined ? { name } : { name, iterationIndex: Number(index) };
}

function readType(text: string): InspectedType {
  const type = INSPECTED_TYPES.find((candidate) => candidate === text);
  if (type === undefined) throw invalid("KFP_INSPECT_TYPE", text, `none of ${INSPECTED_TYPES.join(", ")}`);
  return type;
}

function readTimeout(text: string): number {
  if (text === "") return DEFAULT_TIMEOUT_MS;
  const timeoutMs = parseGoDuration(text);
  if (timeoutMs === undefined || timeoutMs <= 0) throw invalid("KFP_INSPECT_TIMEOUT", text, "no duration such as 30m");
  return timeoutMs;
}

function invalid(variable: string, text: string, reason: string): UsageError {
  return new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable ${variable}: "${text}" is ${reason}`);
}
