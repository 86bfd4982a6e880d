/**
 * A container runtime for tests: containers run until the test ends them.
 *
 * @module
 */
import type { ContainerEnd, ContainerRequest, ContainerRuntime } from "./container-runtime.ts";

export class StubRuntime implements ContainerRuntime {
  readonly images = new Map([["image", { user: "" }]]);
  readonly requests: ContainerRequest[] = [];
  /** `SIGNAL name`. */
  readonly signals: string[] = [];
  readonly removed: string[] = [];
  /** Exit code of a container that gets a SIGTERM; absent: it goes on. */
  exitsOnTerm: number | undefined;
  /** False: the test calls `start`. */
  startsAtOnce = true;
  start = (): void => undefined;
  readonly #running = new Map<string, (end: ContainerEnd) => void>();

  findImage(image: string): Promise<{ user: string } | undefined> {
    return Promise.resolve(this.images.get(image));
  }

  run(request: ContainerRequest, onStarted: () => void): Promise<ContainerEnd> {
    this.requests.push(request);
    const ended = new Promise<ContainerEnd>((resolve) => this.#running.set(request.name, resolve));
    // After it can be ended: whoever hears of its start may kill it at once.
    if (this.startsAtOnce) onStarted();
    else this.start = onStarted;
    return ended;
  }

  signal(name: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.signals.push(`${signal} ${name}`);
    if (signal === "SIGKILL") this.end(name, { exitCode: 137 });
    else if (this.exitsOnTerm !== undefined) this.end(name, { exitCode: this.exitsOnTerm });
    return Promise.resolve();
  }

  exec(): Promise<{ code: number; stdout: string; stderr: string }> {
    return Promise.resolve({ code: 0, stdout: "", stderr: "" });
  }

  remove(names: readonly string[]): Promise<void> {
    this.removed.push(...names);
    return Promise.resolve();
  }

  /** Names of what runs. */
  get running(): string[] {
    return [...this.#running.keys()];
  }

  end(name: string, end: Partial<ContainerEnd> = {}): void {
    const resolve = this.#running.get(name);
    this.#running.delete(name);
    resolve?.({ exitCode: 0, isOutOfMemory: false, ...end });
  }
}
