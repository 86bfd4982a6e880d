/**
 * One line per event on stderr: level, UTC time, message, `key=value` pairs
 * (docs/spec/driver-command-line.md#decision-log-lines).
 *
 * Values of parameters, executor input and pod spec patch belong to verbosity 4 and above; tokens, secrets and credentials to none.
 *
 * @module
 */
/** Facts of an event by name; absent values are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Takes events. Never throws, and never waits. */
export interface Logger {
  /** `--log_level` of the process; 1 unless given. */
  readonly verbosity: number;
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Written only when `verbosity` is at least `level`. */
  verbose(level: number, message: string, fields?: () => LogFields): void;
}
