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

/** One such loop. */
export class WideLoop {
  readonly #iterationCount: number;
  readonly #ended = new Map<string, number>();

  constructor(iterationCount: number) {
    this.#iterationCount = iterationCount;
  }

  /** @param state Of a task that is not a group, as an enum name of the API. */
  count(state: string): void {
    this.#ended.set(state, (this.#ended.get(state) ?? 0) + 1);
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

  /** The one that a task is inside, at whatever depth. */
  around({ scopePath, iterations }: TaskPlace): WideLoop | undefined {
    if (this.#open.size === 0) return undefined;
    for (let end = scopePath.indexOf("."); end >= 0; end = scopePath.indexOf(".", end + 1)) {
      for (let depth = 0; depth < iterations.length; depth += 1) {
        const label = taskLabel({ scopePath: scopePath.slice(0, end), iterations: iterations.slice(0, depth) });
        const loop = this.#open.get(label);
        if (loop !== undefined) return loop;
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
