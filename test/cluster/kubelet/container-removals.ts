/**
 * Removes containers of pods that have ended while others run: a matrix leaves two thousand, which takes minutes at its end, and the more
 * there are the longer each new one takes to start.
 *
 * @module
 */
import type { ContainerRuntime } from "./container-runtime.ts";

export class ContainerRemovals {
  readonly #runtime: Pick<ContainerRuntime, "remove">;
  readonly #waiting: string[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(runtime: Pick<ContainerRuntime, "remove">) {
    this.#runtime = runtime;
  }

  /** What comes while others are removed goes next, all at once. */
  add(names: readonly string[]): void {
    this.#waiting.push(...names);
    this.#work = this.#afterWork();
  }

  /** Until all are gone. */
  async done(): Promise<void> {
    await this.#work;
  }

  async #afterWork(): Promise<void> {
    await this.#work;
    const names = this.#waiting.splice(0);
    if (names.length > 0) await this.#runtime.remove(names);
  }
}
