/**
 * Stages of a program's work: each has a name, and an error that leaves one says so in the words of its stage.
 *
 * This is the one place that sees every stage begin and end.
 *
 * @module
 */
import { errorMessage } from "../core/errors.ts";

/** Runs one stage. Errors of the work leave it as {@link stageError}, or as they are where the stage has no words. */
export type StageRunner<Stage extends string> = <Result>(stage: Stage, work: () => Promise<Result> | Result) => Promise<Result>;

/**
 * A runner for the stages of one attempt.
 *
 * @param words What an error of a stage begins with; empty: the error passes unchanged.
 */
export function stageRunner<Stage extends string>(words: Readonly<Record<Stage, string>>): StageRunner<Stage> {
  return async (stage, work) => {
    try {
      return await work();
    } catch (error) {
      throw words[stage] === "" ? error : stageError(words[stage], error);
    }
  };
}

/** An error that says in which stage it happened, and keeps what it wraps as its cause. */
export function stageError(words: string, error: unknown): Error {
  return new Error(`${words}: ${errorMessage(error)}`, { cause: error });
}
