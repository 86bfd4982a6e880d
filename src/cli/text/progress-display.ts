/**
 * Live progress on standard error: on a terminal a line per running task below what has happened, elsewhere plain lines.
 *
 * @module
 */
import { oneLine } from "../../core/one-line.ts";
import type { EngineEvent, TaskKind } from "../../local/engine/engine-event.ts";
import type { StepLine } from "../../local/steps/local-step-runtime.ts";
import type { TaskPlace } from "../../local/engine/task-executor.ts";
import { taskLabel } from "../../local/engine/task-label.ts";
import type { Clock } from "../../ports/clock.ts";
import type { TerminalStream } from "../host.ts";
import type { Excess } from "../../local/engine/step-need.ts";
import { durationText } from "./duration-text.ts";
import { GroupStates } from "./group-states.ts";
import { sizeText } from "./size-text.ts";
import { WideLoops } from "./wide-loops.ts";
import {
  fitColumns,
  hasColours,
  painter,
  paintState,
  say,
  stepOutput,
  TerminalText,
  writeLines,
  type Painter,
} from "./terminal-text.ts";

/** What a person sees while a run goes on. */
export interface ProgressDisplay {
  event(event: EngineEvent): void;
  /** A line of a step's own output. */
  line(line: StepLine): void;
  notice(text: string): void;
  /** Takes the live lines away. */
  end(): void;
}

/** Where the display goes and what it shows. */
export interface ProgressDisplayOptions {
  readonly stream: TerminalStream;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly environment: Readonly<Record<string, string>>;
  /** What the pipeline calls its tasks for people, by scope path. */
  readonly displayNames: ReadonlyMap<string, string>;
  /** Also the lines the SDK's executor prints in every Python step. */
  readonly showsRoutine: boolean;
}

/** Live lines at most, so that a wide loop leaves room for the output of steps. */
const LIVE_LINES = 12;
const REDRAW_MS = 100;

/** A live display on a terminal, plain lines elsewhere. */
export function createProgressDisplay(options: ProgressDisplayOptions): ProgressDisplay {
  const { stream, environment } = options;
  return stream.isTerminal && environment["TERM"] !== "dumb"
    ? new LiveDisplay(options)
    : new PlainDisplay({
        ...options,
        print: (text) => writeLines(stream, [text]),
        wideLoops: new WideLoops(),
        isAboveLiveLines: false,
      });
}

/** What a display of plain lines goes by, beyond what it shows. */
interface PlainDisplayOptions extends ProgressDisplayOptions {
  readonly print: (text: TerminalText) => void;
  readonly wideLoops: WideLoops;
  /** Live lines say what runs: nothing else does. */
  readonly isAboveLiveLines: boolean;
}

class PlainDisplay implements ProgressDisplay {
  readonly #options: PlainDisplayOptions;
  readonly #print: (text: TerminalText) => void;
  readonly #colours: boolean;
  readonly #paint: Painter;
  readonly #groups = new GroupStates();

  constructor(options: PlainDisplayOptions) {
    this.#options = options;
    this.#print = options.print;
    this.#colours = hasColours(options.stream.isTerminal, options.environment);
    this.#paint = painter(this.#colours);
  }

  event(event: EngineEvent): void {
    const { wideLoops, isAboveLiveLines } = this.#options;
    const name = nameOf(event.place, this.#options);
    switch (event.kind) {
      case "started":
        // Its driver may still find it skipped or cached; then it has never started for a person.
        this.#groups.begin(event);
        return;
      case "running":
        if (!isAboveLiveLines && wideLoops.around(event.place) === undefined) {
          this.#print(say`${name}: ${this.#paint("dim", `${event.taskKind} started`)}`);
        }
        wideLoops.begin(event);
        return;
      case "retrying":
        if (wideLoops.around(event.place) !== undefined) return;
        this.#print(say`${name}: ended with exit code ${event.exitCode}, attempt ${event.retryIndex + 1} begins`);
        return;
      case "redriving":
        if (wideLoops.around(event.place) !== undefined) return;
        this.#print(say`${name}: its driver failed, attempt ${event.retryIndex + 1} begins: ${oneLine(event.error)}`);
        return;
      case "alone":
        this.#print(say`${name}: runs alone, it asks for ${event.excess.map(excessText).join(" and ")}`);
        return;
      case "ended":
        this.#ended(event);
    }
  }

  /** Of thousands of iterations a person is told what failed first, and how many did what. */
  #ended(event: EndedEvent): void {
    const { wideLoops, isAboveLiveLines } = this.#options;
    const state = this.#groups.end(event);
    const around = wideLoops.around(event.place);
    if (around === undefined) this.#printEnd(event, state);
    else {
      const told = around.loop.end(event, state);
      const loop = nameOf(around.place, this.#options);
      if (told.isShown) this.#printEnd(event, state);
      if (told.isLastShown) this.#print(say`${loop}: what else fails is counted`);
      if (told.isMilestone && !isAboveLiveLines) this.#print(say`${loop}: ${around.loop.text()}`);
    }
    const own = wideLoops.end(event.place);
    if (own !== undefined) this.#print(say`${nameOf(event.place, this.#options)}: ${own.text()}`);
  }

  #printEnd(event: EndedEvent, state: string): void {
    if (event.place.scopePath === "root" || event.isCut === true) return;
    this.#print(endedText(event, { name: nameOf(event.place, this.#options), state, paint: this.#paint }));
  }

  line({ place, text, isRoutine }: StepLine): void {
    if (isRoutine && !this.#options.showsRoutine) return;
    this.#print(say`${this.#paint("dim", `${taskLabel(place)} |`)} ${stepOutput(text, this.#colours)}`);
  }

  notice(text: string): void {
    this.#print(say`${text}`);
  }

  end(): void {
    // Plain lines stay where they are.
  }
}

type EndedEvent = Extract<EngineEvent, { kind: "ended" }>;

/** `train[2]`, and the display name in quotes where there is one. */
function nameOf(place: TaskPlace, { displayNames }: Pick<ProgressDisplayOptions, "displayNames">): TerminalText {
  const displayName = displayNames.get(place.scopePath);
  return displayName === undefined ? say`${taskLabel(place)}` : say`${taskLabel(place)} "${displayName}"`;
}

interface RunningTask {
  readonly place: TaskPlace;
  readonly name: TerminalText;
  readonly kind: TaskKind;
  readonly startMs: number;
}

/** Everything that has happened scrolls by as plain lines; the running tasks stay below, redrawn with their durations. */
class LiveDisplay implements ProgressDisplay {
  readonly #options: ProgressDisplayOptions;
  readonly #paint: Painter;
  readonly #plain: PlainDisplay;
  readonly #running = new Map<string, RunningTask>();
  readonly #wideLoops = new WideLoops();
  readonly #timer: NodeJS.Timeout;
  #pending: TerminalText[] = [];
  #drawnLines = 0;

  constructor(options: ProgressDisplayOptions) {
    this.#options = options;
    this.#paint = painter(hasColours(true, options.environment));
    this.#plain = new PlainDisplay({
      ...options,
      print: (text) => this.#pending.push(text),
      wideLoops: this.#wideLoops,
      isAboveLiveLines: true,
    });
    this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
    this.#timer.unref();
  }

  event(event: EngineEvent): void {
    const label = taskLabel(event.place);
    const { place } = event;
    if (event.kind === "started" && place.scopePath !== "root") {
      const startMs = this.#options.clock.monotonicMs();
      this.#running.set(label, { name: nameOf(place, this.#options), kind: event.taskKind, startMs, place });
    } else if (event.kind === "ended") this.#running.delete(label);
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
    const text = [...this.#pending, ...live].map((line) => `${line.toString()}\n`).join("");
    this.#pending = [];
    this.#drawnLines = live.length;
    this.#options.stream.write(up + text);
  }

  /** A loop that counts comes first; steps say more than the other loops and branches around them. */
  #rank(task: RunningTask): number {
    if (this.#wideLoops.at(task.place) !== undefined) return 0;
    return isGroup(task) ? 2 : 1;
  }

  #liveLines(): TerminalText[] {
    const { stream, clock } = this.#options;
    const limit = Math.max(1, Math.min(LIVE_LINES, stream.rows() - 2));
    const tasks = [...this.#running.values()].toSorted((a, b) => this.#rank(a) - this.#rank(b));
    const shown = tasks.length > limit ? tasks.slice(0, limit - 1) : tasks;
    // A full last column would wrap on some terminals, and a wrapped line is one more to go up.
    const columns = stream.columns() - 1;
    const lines = shown.map(({ name, startMs, place }) => {
      const time = durationText(clock.monotonicMs() - startMs);
      const loop = this.#wideLoops.at(place);
      const text = fitColumns(
        loop === undefined ? name : say`${name}: ${loop.text()}`,
        Math.max(10, columns - time.length - "RUNNING  ".length),
      );
      return fitColumns(say`${this.#paint("yellow", "RUNNING")} ${text} ${this.#paint("dim", time)}`, columns);
    });
    const hidden = tasks.length - shown.length;
    return hidden > 0 ? [...lines, fitColumns(this.#paint("dim", `        and ${hidden} more`), columns)] : lines;
  }
}

function isGroup({ kind }: Pick<RunningTask, "kind">): boolean {
  return kind === "dag" || kind === "loop";
}

interface EndedTask {
  readonly name: TerminalText;
  readonly state: string;
  readonly paint: Painter;
}

function endedText(event: EndedEvent, { name, state, paint }: EndedTask): TerminalText {
  const exitCode =
    event.exitCode === undefined || event.outcome !== "failed" ? undefined : `exit code ${event.exitCode.toString()}`;
  const reason = event.error === undefined ? exitCode : oneLine(event.error);
  const end = say`${name}: ${paintState(paint, state)} ${paint("dim", `(${durationText(event.durationMs)})`)}`;
  return reason === undefined ? end : say`${end}: ${reason}`;
}

function excessText({ resource, asked, available }: Excess): string {
  const text = (amount: number): string => (resource === "memory" ? sizeText(amount) : String(amount));
  return `${resource} ${text(asked)}, more than the ${text(available)} that there are`;
}
