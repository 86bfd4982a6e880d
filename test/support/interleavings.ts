/**
 * Runs asynchronous processes in every order their shared steps can take.
 *
 * The processes are real code on a fake port: every call that touches what they share is a `step`, which waits until the explorer grants
 * it. One execution is a list of choices; the explorer repeats from the start with another choice at one place, depth first.
 *
 * Two reductions keep it small, and neither leaves out an end state. A step that no other process can still influence, or be
 * influenced by, is granted without trying the others first (a persistent set of one). And a state that was seen before is left: what a
 * process does next follows from what its steps have answered so far, or from what a step says it `knows`, so this and the shared state
 * are the whole state. A state that comes again on its own path is an execution that need never end: that is a failure too.
 *
 * @module
 */

export interface Step<Result = unknown> {
  /** Says what is done to what, for the trace and for telling states apart. */
  readonly name: string;
  readonly act: () => Result;
  /** Whether another process may still influence this step or be influenced by it. Default: yes. */
  readonly isShared?: () => boolean;
  /** All that the process still remembers when it takes this step: its earlier answers no longer matter. Default: everything. */
  readonly knows?: string;
  /** Granted at one moment with the other steps of its process that say so and wait at the same time. Default: each by itself. */
  readonly isTogether?: boolean;
}

/** Handed to the code of one process. */
export type Take = <Result>(step: Step<Result>) => Promise<Result>;

export interface World {
  /** Each starts at once and runs to its end. */
  readonly processes: readonly ((take: Take) => Promise<void>)[];
  /** Processes have work of their own between their steps, with files for example, and none waits for another. Default: no. */
  readonly hasOwnWork?: boolean;
  /** Everything the processes share, as text. */
  readonly state: () => string;
  /** Throws when the end state is wrong. */
  readonly check: () => void;
}

export interface Exploration {
  /** Executions that came to an end, each with an end state of its own path. */
  readonly ends: number;
  readonly states: number;
  /** Of the first execution whose check failed: the error, and its steps in order. */
  readonly failure?: { readonly error: Error; readonly trace: readonly string[] };
}

export interface ExploreOptions {
  /** A guard against a model that has grown beyond what a test may cost. */
  readonly maxStates?: number;
}

/** @throws {Error} When there are more states than `maxStates`, or a process throws. */
export async function explore(
  makeWorld: () => World | Promise<World>,
  { maxStates = 200_000 }: ExploreOptions = {},
): Promise<Exploration> {
  const seen = new Set<string>();
  const histories = new Histories();
  /** Choices of the execution to try next, and how many there were at each place. */
  const path: Choice[] = [];
  let ends = 0;
  for (;;) {
    const run = new Execution(await makeWorld(), histories);
    let depth = 0;
    let known = false;
    for (;;) {
      const enabled = await run.enabled();
      const [first] = enabled;
      if (first === undefined) break;
      if (enabled.length === 1) {
        run.grant(first);
        continue;
      }
      if (depth === path.length) {
        const state = run.state();
        if (path.some((earlier) => earlier.state === state)) {
          return { ends, states: seen.size, failure: { error: new Error("The processes may go on for ever"), trace: run.trace } };
        }
        if (seen.has(state)) {
          known = true;
          break;
        }
        seen.add(state);
        if (seen.size > maxStates) throw new Error(`The model has more than ${maxStates} states`);
        path.push({ state, taken: 0, choices: enabled.length });
      }
      run.grant(enabled[(path[depth] as Choice).taken] as PendingStep[]);
      depth += 1;
    }
    if (!known) {
      ends += 1;
      const error = run.problem();
      if (error !== undefined) return { ends, states: seen.size, failure: { error, trace: run.trace } };
    }
    while (isExhausted(path.at(-1))) path.pop();
    const last = path.at(-1);
    if (last === undefined) return { ends, states: seen.size };
    last.taken += 1;
  }
}

/** After which a process that neither waits at a step nor ends is taken to wait for ever. */
const OWN_WORK_MS = 10_000;

interface Choice {
  readonly state: string;
  readonly choices: number;
  taken: number;
}

function isExhausted(choice: Choice | undefined): boolean {
  return choice !== undefined && choice.taken + 1 === choice.choices;
}

interface PendingStep {
  readonly process: number;
  readonly step: Step;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class Execution {
  readonly trace: string[] = [];
  readonly #world: World;
  readonly #histories: Histories;
  readonly #pending: PendingStep[] = [];
  /** Of each process: what its steps answered up to its last halt, and since. */
  readonly #answers: { before: number; batch: string[] }[];
  #running: number;
  #error: Error | undefined;

  constructor(world: World, histories: Histories) {
    this.#world = world;
    this.#histories = histories;
    this.#answers = world.processes.map(() => ({ before: 0, batch: [] }));
    this.#running = world.processes.length;
    for (const [process, start] of world.processes.entries()) {
      const take: Take = (step) =>
        new Promise((resolve, reject) => {
          const { knows } = step as Step;
          if (knows !== undefined) this.#answers[process] = { before: this.#histories.idOf(0, knows), batch: [] };
          this.#pending.push({ process, step, resolve: resolve as (result: unknown) => void, reject });
        });
      start(take).then(
        () => (this.#running -= 1),
        (error: unknown) => {
          this.#running -= 1;
          this.#error ??= error instanceof Error ? error : new Error(String(error));
        },
      );
    }
  }

  /** The steps to try, once every process waits or has ended; each a group that is granted at one moment. */
  async enabled(): Promise<PendingStep[][]> {
    // At least one turn, for what else a process sends at the same moment; more while one is at its own work.
    const untilMs = performance.now() + (this.#world.hasOwnWork === true ? OWN_WORK_MS : 0);
    do await new Promise((resolve) => setImmediate(resolve));
    while (new Set(this.#pending.map(({ process }) => process)).size < this.#running && performance.now() < untilMs);
    const groups = new Map<string, PendingStep[]>();
    for (const [index, pending] of this.#pending.entries()) {
      const key = `${pending.process} ${pending.step.isTogether === true ? "" : index}`;
      groups.set(key, [...(groups.get(key) ?? []), pending]);
    }
    const alone = [...groups.values()].find((group) => group.every(({ step }) => step.isShared?.() === false));
    return alone === undefined ? [...groups.values()] : [alone];
  }

  grant(group: readonly PendingStep[]): void {
    for (const pending of group) this.#grantOne(pending);
  }

  #grantOne(pending: PendingStep): void {
    const { process, step, resolve, reject } = pending;
    this.#pending.splice(this.#pending.indexOf(pending), 1);
    const answers = this.#answers[process] as { before: number; batch: string[] };
    try {
      const result = step.act();
      answers.batch.push(`${step.name} => ${JSON.stringify(result, jsonOf)}`);
      resolve(result);
    } catch (error) {
      answers.batch.push(`${step.name} failed: ${String(error)}`);
      reject(error);
    }
    // Steps taken at the same time: the process sees their answers together.
    if (!this.#pending.some((other) => other.process === process)) {
      answers.before = this.#histories.idOf(answers.before, answers.batch.toSorted().join("\n"));
      answers.batch = [];
    }
    this.trace.push(`${process}: ${step.name}`);
  }

  state(): string {
    const answers = this.#answers.map(({ before, batch }) => `${before}+${batch.toSorted().join("\n")}`);
    return JSON.stringify([this.#world.state(), answers]);
  }

  problem(): Error | undefined {
    if (this.#error !== undefined) return this.#error;
    if (this.#running > 0) return new Error(`${this.#running} processes wait for ever`);
    try {
      this.#world.check();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }
}

/** Small numbers for long histories: equal numbers are equal histories. */
class Histories {
  readonly #ids = new Map<string, number>();

  idOf(before: number, answer: string): number {
    const key = `${before} ${answer}`;
    const id = this.#ids.get(key) ?? this.#ids.size + 1;
    this.#ids.set(key, id);
    return id;
  }
}

function jsonOf(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return [...value];
  return value;
}
