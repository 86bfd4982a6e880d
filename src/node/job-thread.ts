/**
 * A thread that runs the jobs of one small program, in their order.
 *
 * The program is a text: bundled programs have no file of their own for it. It imports nothing but Node's modules, sees no variable of the
 * process, and defines `run(job)`, which answers `{ result, transfer }`: what the caller gets, and the buffers that move there without a
 * copy.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import type { Transferable } from "node:worker_threads";

type Answer<Result> = { readonly id: number } & ({ readonly result: Result } | { readonly failure: string });

const LISTEN = `
const { parentPort, workerData } = require("node:worker_threads");
parentPort.on("message", ({ id, job }) => {
  try {
    const { result, transfer } = run(job);
    parentPort.postMessage({ id, result }, transfer);
  } catch (error) {
    parentPort.postMessage({ id, failure: error.message });
  }
});
`;

/** Such programs hold a few buffers and little else. */
const LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/** The process may end while the thread has nothing to do. */
export class JobThread<Job, Result> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting<Result>>();
  #jobs = 0;

  /** @param data The program finds it in `workerData`. @throws when the machine allows no further thread. */
  constructor(program: string, data: unknown) {
    const isolated = { eval: true, env: {}, argv: [], execArgv: [], stdin: false, resourceLimits: LIMITS };
    this.#worker = new Worker(`${LISTEN}${program}`, { ...isolated, workerData: data });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer<Result>) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.#fail(new Error("the thread has ended")));
  }

  /** Whether it has nothing to do. */
  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /**
   * What is shared with the thread must stay as it is until the answer is there; what is moved to it is gone.
   *
   * @throws what the program throws, as a message; when the thread ends.
   */
  run(job: Job, transfer: readonly Transferable[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = ++this.#jobs;
      this.#waiting.set(id, { resolve, reject });
      // While somebody waits, the process must not end.
      this.#worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
      this.#worker.postMessage({ id, job }, transfer);
    });
  }

  /** Jobs that are not done fail. */
  end(): void {
    void this.#worker.terminate();
  }

  #settle(answer: Answer<Result>): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("failure" in answer) waiting?.reject(new Error(answer.failure));
    else waiting?.resolve(answer.result);
  }

  #fail(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }
}
