/** Tells a program to stop at a random moment of its life and judges what it leaves. @module */
import { setTimeout as delay } from "node:timers/promises";
import { TaskState } from "../../src/core/kfp-types.ts";
import { allEnded } from "./processes.ts";
import type { ProgramEnd, RunningProgram } from "./program-executor.ts";
import { judgeStopped, pidsIn, randomOf, STUBBORN, type SignalWorld, type StopSignal } from "./signal-world.ts";

/** A pod gets 30 s. */
const GRACE_MS = 25_000;
/** Whole lives of the programs, from their first line on, at the pace of the server of signal-world.ts. */
const DRIVER_LIFE_MS = 400;
const LAUNCHER_LIFE_MS = 900;

function momentOf(seed: number, lifeMs: number): { afterMs: number; signal: StopSignal } {
  const random = randomOf(seed);
  return { afterMs: random() * lifeMs, signal: random() < 0.5 ? "SIGINT" : "SIGTERM" };
}

/**
 * Either the driver was done, and its row waits for the launcher, or it was stopped, and its row says so.
 *
 * @returns What is wrong; nothing when all is well.
 */
export async function stopDriverAt(world: SignalWorld, seed: number): Promise<string | undefined> {
  const { afterMs, signal } = momentOf(seed, DRIVER_LIFE_MS);
  const { program, rows } = await world.startDriver();
  await program.says("driver starts");
  await delay(afterMs);
  const { ended, problem } = await stopped(program, signal);
  const left = await rows();
  const wrongRow = left.step?.state === TaskState.RUNNING ? undefined : "it ended well and its task does not run";
  return labelled(seed, problem ?? (ended.code === 0 ? wrongRow : judgeStopped(ended, left, signal)));
}

/**
 * Its command never ends by itself, so the launcher is always at work when the signal comes.
 *
 * @returns What is wrong; nothing when all is well.
 */
export async function stopLauncherAt(world: SignalWorld, seed: number): Promise<string | undefined> {
  const { afterMs, signal } = momentOf(seed, LAUNCHER_LIFE_MS);
  const { program, rows } = await world.startLauncher({ script: STUBBORN });
  await program.says("launcher-v2 starts");
  await delay(afterMs);
  const { ended, problem } = await stopped(program, signal);
  const leftover = (await allEnded(pidsIn(ended.stdout))) ? undefined : "its command still runs";
  return labelled(seed, problem ?? judgeStopped(ended, await rows(), signal) ?? leftover);
}

async function stopped(
  program: RunningProgram,
  signal: StopSignal,
): Promise<{ readonly ended: ProgramEnd; readonly problem: string | undefined }> {
  const askedMs = Date.now();
  program.child.kill(signal);
  const ended = await program.ended;
  const tookMs = Date.now() - askedMs;
  return { ended, problem: tookMs < GRACE_MS ? undefined : `it took ${String(tookMs)} ms` };
}

function labelled(seed: number, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `seed ${String(seed)}: ${problem}`;
}
