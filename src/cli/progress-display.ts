/**
 * Live progress on standard error: on a terminal a line per running task below what has happened, elsewhere plain lines.
 *
 * @module
 */
import type { EngineEvent, TaskKind } from "../local/engine.ts";
import type { StepLine } from "../local/local-step-runtime.ts";
import { taskLabel } from "../local/task-label.ts";
import type { Clock } from "../ports/clock.ts";
import type { TerminalStream } from "./host.ts";
import { durationText, fitted, painter, paintState, type Painter } from "./words.ts";

export interface ProgressDisplay {
  event(event: EngineEvent): void;
  /** A line of a step's own output. */
  line(line: StepLine): void;
  notice(text: string): void;
  /** Takes the live lines away. */
  end(): void;
}

export interface ProgressDisplayOptions {
  readonly stream: TerminalStream;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly environment: Readonly<Record<string, string>>;
}

/** Live lines at most, so that a wide loop leaves room for the output of steps. */
const LIVE_LINES = 12;
const REDRAW_MS = 100;

export function createProgressDisplay(options: ProgressDisplayOptions): ProgressDisplay {
  const { stream, environment } = options;
  const paint = painter(stream.isTerminal, environment);
  return stream.isTerminal && environment["TERM"] !== "dumb"
    ? new LiveDisplay(options, paint)
    : new PlainDisplay((text) => stream.write(`${text}\n`), paint);
}

class PlainDisplay implements ProgressDisplay {
  readonly #print: (text: string) => void;
  readonly #paint: Painter;

  constructor(print: (text: string) => void, paint: Painter) {
    this.#print = print;
    this.#paint = paint;
  }

  event(event: EngineEvent): void {
    const label = taskLabel(event.place);
    switch (event.kind) {
      case "started":
        if (event.place.scopePath !== "root") this.#print(`${label}: ${this.#paint("dim", `${event.taskKind} started`)}`);
        return;
      case "retrying":
        this.#print(`${label}: ended with exit code ${event.exitCode}, attempt ${event.retryIndex + 1} begins`);
        return;
      case "ended":
        if (event.place.scopePath !== "root") this.#print(endedText(event, label, this.#paint));
        return;
    }
  }

  line({ place, text }: StepLine): void {
    this.#print(`${this.#paint("dim", `${taskLabel(place)} |`)} ${text}`);
  }

  notice(text: string): void {
    this.#print(text);
  }

  end(): void {
    // Plain lines stay where they are.
  }
}

interface RunningTask {
  readonly label: string;
  readonly kind: TaskKind;
  readonly startMs: number;
}

/** Everything that has happened scrolls by as plain lines; the running tasks stay below, redrawn with their durations. */
class LiveDisplay implements ProgressDisplay {
  readonly #options: ProgressDisplayOptions;
  readonly #paint: Painter;
  readonly #plain: PlainDisplay;
  readonly #running = new Map<string, RunningTask>();
  readonly #timer: NodeJS.Timeout;
  #pending: string[] = [];
  #drawnLines = 0;

  constructor(options: ProgressDisplayOptions, paint: Painter) {
    this.#options = options;
    this.#paint = paint;
    this.#plain = new PlainDisplay((text) => this.#pending.push(text), paint);
    this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
    this.#timer.unref();
  }

  event(event: EngineEvent): void {
    const label = taskLabel(event.place);
    if (event.kind === "started") {
      const startMs = this.#options.clock.monotonicMs();
      if (event.place.scopePath !== "root") this.#running.set(label, { label, kind: event.taskKind, startMs });
      return;
    }
    if (event.kind === "ended") this.#running.delete(label);
    this.#plain.event(event);
  }

  line(line: StepLine): void {
    this.#plain.line(line);
  }

  notice(text: string): void {
    this.#plain.notice(text);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#running.clear();
    this.#redraw();
  }

  #redraw(): void {
    const live = this.#liveLines();
    if (live.length === 0 && this.#drawnLines === 0 && this.#pending.length === 0) return;
    const up = this.#drawnLines === 0 ? "" : `\u{1b}[${this.#drawnLines}A\r\u{1b}[J`;
    const text = [...this.#pending, ...live].map((line) => `${line}\n`).join("");
    this.#pending = [];
    this.#drawnLines = live.length;
    this.#options.stream.write(up + text);
  }

  #liveLines(): string[] {
    const { stream, clock } = this.#options;
    const limit = Math.max(1, Math.min(LIVE_LINES, stream.rows() - 2));
    // Steps say more than the loops and branches around them.
    const tasks = [...this.#running.values()].toSorted((a, b) => Number(isGroup(a)) - Number(isGroup(b)));
    const shown = tasks.length > limit ? tasks.slice(0, limit - 1) : tasks;
    const lines = shown.map(({ label, startMs }) => {
      const time = durationText(clock.monotonicMs() - startMs);
      const text = fitted(label, Math.max(10, stream.columns() - time.length - 12));
      return `${this.#paint("yellow", "RUNNING")} ${text} ${this.#paint("dim", time)}`;
    });
    const hidden = tasks.length - shown.length;
    return hidden > 0 ? [...lines, this.#paint("dim", `        and ${hidden} more`)] : lines;
  }
}

function isGroup({ kind }: RunningTask): boolean {
  return kind === "dag" || kind === "loop";
}

function endedText(event: Extract<EngineEvent, { kind: "ended" }>, label: string, paint: Painter): string {
  const state = event.cached ? "CACHED" : event.outcome.toUpperCase();
  const reason =
    event.error ?? (event.exitCode === undefined || event.outcome !== "failed" ? undefined : `exit code ${event.exitCode}`);
  const time = paint("dim", `(${durationText(event.durationMs)})`);
  return `${label}: ${paintState(paint, state)} ${time}${reason === undefined ? "" : `: ${reason}`}`;
}
