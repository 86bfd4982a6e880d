/**
 * A step's output, cut into lines for a person, its end kept for the message of a failure.
 *
 * @module
 */
import type { OutputSink } from "../ports/process-runner.ts";

/** A line that long is shown in parts; a program that never ends its line must not fill the memory. */
const LONGEST_LINE = 16_384;

/** Cuts one stream of bytes into lines of text. A carriage return inside a line shows only what follows it, as a terminal does. */
export class LineSink implements OutputSink {
  readonly #decoder = new TextDecoder("utf-8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(chunk: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.#show(part);
    while (this.#rest.length > LONGEST_LINE) {
      this.#show(this.#rest.slice(0, LONGEST_LINE));
      this.#rest = this.#rest.slice(LONGEST_LINE);
    }
  }

  /** Shows what is left of a line that never ended. */
  end(): void {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    if (rest !== "") this.#show(rest);
  }

  #show(text: string): void {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    this.#onLine(line.slice(line.lastIndexOf("\r") + 1));
  }
}

/** The last lines of one step, both streams together. */
export class LogTail {
  readonly #limit: number;
  readonly #lines: string[] = [];

  /** @param limit Lines kept. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  lines(): readonly string[] {
    return [...this.#lines];
  }
}
