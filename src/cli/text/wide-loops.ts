/**
 * Loops of more iterations than a person follows one by one: how many of their tasks have ended, and how.
 *
 * @module
 */
import type { EngineEvent } from "../../local/engine/engine-event.ts";
import type { TaskPlace } from "../../local/engine/task-executor.ts";
import { taskLabel } from "../../local/engine/task-label.ts";
import { say, type TerminalText } from "./terminal-text.ts";

/** Loops of so many iterations are still shown task by task. */
const FOLLOWED_ITERATIONS = 20;

type EndedEvent = Extract<EngineEvent, { kind: "ended" }>;

/** Failures that are shown one by one. */
const SHOWN_FAILURES = 20;
/** Lines that say how far a loop has come, for each task in its body. */
const MILESTONES = 10;

/** What a person is told when a task of a loop has ended. */
export interface ToldEnd {
  /** The task itself. */
  readonly isShown: boolean;
  /** That further failures are not. */
  readonly isLastShown: boolean;
  /** How far the loop has come. */
  readonly isMilestone: boolean;
}

/** One such loop. */
export class WideLoop {
  readonly #iterationCount: number;
  readonly #milestone: number;
  readonly #ended = new Map<string, number>();
  #total = 0;
  #failures = 0;

  constructor(iterationCount: number) {
    this.#iterationCount = iterationCount;
    this.#milestone = Math.ceil(iterationCount / MILESTONES);
  }

  /** @param state As an enum name of the API. Pipelines and loops inside are not counted. */
  end({ taskKind, outcome, isCut = false }: EndedEvent, state: string): ToldEnd {
    const isGroup = taskKind === "dag" || taskKind === "loop";
    if (!isGroup) {
      this.#ended.set(state, (this.#ended.get(state) ?? 0) + 1);
      this.#total += 1;
    }
    const isFailure = outcome === "failed" && !isCut;
    if (isFailure) this.#failures += 1;
    return {
      isShown: isFailure && this.#failures <= SHOWN_FAILURES,
      isLastShown: isFailure && this.#failures === SHOWN_FAILURES,
      isMilestone: !isGroup && !isCut && this.#total % this.#milestone === 0,
    };
  }

  /** `5000 iterations, 1203 SUCCEEDED, 2 FAILED`. */
  text(): TerminalText {
    let text = say`${this.#iterationCount} iterations`;
    for (const [state, number] of [...this.#ended].toSorted(([left], [right]) => (left < right ? 1 : -1))) {
      text = say`${text}, ${number} ${state}`;
    }
    return text;
  }
}

/** The loops that go on. One inside another is part of that one. */
export class WideLoops {
  readonly #open = new Map<string, WideLoop>();

  /** A body has begun. */
  begin(event: Extract<EngineEvent, { kind: "running" }>): void {
    const { place } = event;
    const iterationCount = "iterationCount" in event ? (event.iterationCount ?? 0) : 0;
    if (iterationCount <= FOLLOWED_ITERATIONS || this.around(place) !== undefined) return;
    this.#open.set(taskLabel(place), new WideLoop(iterationCount));
  }

  at(place: TaskPlace): WideLoop | undefined {
    return this.#open.get(taskLabel(place));
  }

  /** The one that a task is inside, at whatever depth, and where it stands. */
  around({ scopePath, iterations }: TaskPlace): { readonly loop: WideLoop; readonly place: TaskPlace } | undefined {
    if (this.#open.size === 0) return undefined;
    for (let end = scopePath.indexOf("."); end >= 0; end = scopePath.indexOf(".", end + 1)) {
      for (let depth = 0; depth < iterations.length; depth += 1) {
        const place = { scopePath: scopePath.slice(0, end), iterations: iterations.slice(0, depth) };
        const loop = this.at(place);
        if (loop !== undefined) return { loop, place };
      }
    }
    return undefined;
  }

  /** @returns The loop that is over. */
  end(place: TaskPlace): WideLoop | undefined {
    const loop = this.at(place);
    this.#open.delete(taskLabel(place));
    return loop;
  }
}
