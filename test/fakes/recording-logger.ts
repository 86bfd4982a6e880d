/** A logger that keeps its lines. @module */
import type { LogFields, Logger } from "../../src/ports/logger.ts";

export interface LogLine {
  readonly level: "error" | "warn" | "info" | number;
  readonly message: string;
  readonly fields: LogFields;
}

export class RecordingLogger implements Logger {
  readonly verbosity: number;
  readonly lines: LogLine[] = [];

  constructor(verbosity = 1) {
    this.verbosity = verbosity;
  }

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: "error", message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: "warn", message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: "info", message, fields });
  }

  verbose(level: number, message: string, fields: () => LogFields = () => ({})): void {
    if (this.verbosity >= level) this.lines.push({ level, message, fields: fields() });
  }

  /** Messages of one level. */
  messages(level: LogLine["level"]): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }
}
