/**
 * A step's output, cut into lines for a person, its end kept for the message of a failure.
 *
 * @module
 */
import type { OutputSink } from "../../ports/process-runner.ts";

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

/** What the SDK's executor says before and after user code, in every Python step. */
const EXECUTOR_ROUTINE =
  /^\[KFP Executor [^\]]* INFO\]: (?:Looking for component|Loading KFP component|Wrote executor output file)/;
const EXECUTOR_INPUT = /^\[KFP Executor [^\]]* INFO\]: Got executor_input:$/;

/**
 * Tells lines of the SDK's executor that say nothing about the step from all others: its three messages, and the executor input it
 * prints as indented JSON, some thirty lines. One per stream, because the JSON is recognised by the lines before it.
 *
 * Source: kubeflow/pipelines sdk/python/kfp/dsl/executor_main.py @ e2520ff3becd0c29aa02ddcbd281bb68a4750354 (kfp 2.0 to 2.17).
 */
export class ExecutorRoutine {
  #state: "outside" | "announced" | "inside" = "outside";

  /** Whether the next line of the stream is one of them. */
  accepts(line: string): boolean {
    const before = this.#state;
    if (before === "announced" && (line === "{" || line === "{}")) {
      this.#state = line === "{" ? "inside" : "outside";
      return true;
    }
    if (before === "inside" && (line === "}" || line.startsWith("    "))) {
      if (line === "}") this.#state = "outside";
      return true;
    }
    this.#state = EXECUTOR_INPUT.test(line) ? "announced" : "outside";
    return this.#state === "announced" || EXECUTOR_ROUTINE.test(line);
  }
}

/**
 * The lines that tell most about a failure: the end of the last Python traceback with what was printed after it, else the last lines.
 *
 * @param limit Lines at most.
 */
export function failureExcerpt(lines: readonly string[], limit: number): readonly string[] {
  const start = lines.findLastIndex((line) => line.startsWith("Traceback (most recent call last):"));
  if (start < 0) return lines.slice(-limit);
  const length = lines.slice(start + 1).findIndex((line) => !/^(?:\s|$)/.test(line));
  // The exception ends the traceback; a message of several lines follows it, and so may anything else.
  const exception = length < 0 ? lines.length - 1 : start + 1 + length;
  const traceback = lines.slice(start, exception + 1).slice(-limit);
  return [...traceback, ...lines.slice(exception + 1).slice(0, limit - traceback.length)];
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
