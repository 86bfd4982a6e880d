/**
 * Log lines: one per event, level, UTC time, message, `key=value` pairs; or one JSON object per line.
 *
 * ```
 * INFO 2026-08-01T12:00:00.000Z Task created taskId=4711 name="say hello"
 * {"level":"info","time":"2026-08-01T12:00:00.000Z","message":"Task created","taskId":"4711","name":"say hello"}
 * ```
 *
 * Source: docs/spec/driver-command-line.md#decision-log-lines.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { hidePasswords } from "../core/hide-passwords.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogFields, Logger } from "../ports/logger.ts";

/** Lines for people, or one JSON object a line. */
export type LogFormat = "text" | "json";

// Spelled out: \p{Cc} costs every start several milliseconds to compile.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;
/** A reader could not tell where a value with one of these ends. */
// oxlint-disable-next-line no-control-regex
const UNCLEAR = /[\s"=\u0000-\u001f\u007f-\u009f]/;

/** Where lines go and what is in them. */
export interface LoggerOptions {
  readonly clock: Pick<Clock, "now">;
  /** Where lines go: standard error in the programs, anything with `write` elsewhere. */
  readonly stream: { write(text: string): unknown };
  readonly format: LogFormat;
  /** `--log_level`: `verbose` lines up to this level are written. */
  readonly verbosity: number;
  /** Put in front of the fields of every line, for example the task a line belongs to. */
  readonly fields?: LogFields;
}

/**
 * Reads `KFP_LOG_FORMAT`; empty or absent is text.
 *
 * @throws {UsageError} ENVIRONMENT_INVALID for any other word.
 */
export function readLogFormat(text: string | undefined): LogFormat {
  if (text === undefined || text === "" || text === "text") return "text";
  if (text === "json") return "json";
  throw new UsageError("ENVIRONMENT_INVALID", `Cannot read environment variable KFP_LOG_FORMAT: "${text}" is none of text, json`);
}

/** A logger that writes each event as one line, without the passwords of URLs. Control characters of values are escaped, so that a value cannot begin a line. */
export function createLogger(options: LoggerOptions): Logger {
  const { clock, stream, verbosity } = options;
  const format = options.format === "json" ? jsonLine : textLine;
  const write = (level: string, message: string, fields?: LogFields): void => {
    stream.write(hidePasswords(format(level, clock.now().toISOString(), message, { ...options.fields, ...fields })));
  };
  return {
    verbosity,
    error: (message, fields) => write("error", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    info: (message, fields) => write("info", message, fields),
    verbose: (level, message, fields) => {
      if (verbosity >= level) write("debug", message, fields?.());
    },
  };
}

function textLine(level: string, time: string, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [` ${key}=${textValue(value)}`]));
  return `${level.toUpperCase()} ${time} ${escapeControls(message)}${pairs.join("")}\n`;
}

/** Quoted as JSON when a reader could not tell where the value ends. */
function textValue(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return !UNCLEAR.test(value) && value !== "" ? value : JSON.stringify(value);
}

function jsonLine(level: string, time: string, message: string, fields: LogFields): string {
  return `${JSON.stringify({ ...fields, level, time, message })}\n`;
}

function escapeControls(text: string): string {
  return text.replaceAll(CONTROLS, (character) => (character === "\n" ? "\\n" : character === "\t" ? "\\t" : " "));
}
