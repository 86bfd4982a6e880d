/** Tells a program to stop at a random moment of its life and judges what it leaves. @module */
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { TaskState } from "../../src/core/kfp-types.ts";
import { allEnded } from "./processes.ts";
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

/** Either the driver was done, and its row waits for the launcher, or it was stopped, and its row says so. */
export async function stopDriverAt(world: SignalWorld, seed: number): Promise<void> {
  const { afterMs, signal } = momentOf(seed, DRIVER_LIFE_MS);
  const { program, rows } = await world.startDriver();
  await program.says("driver starts");
  await delay(afterMs);
  const askedMs = Date.now();
  program.child.kill(signal);
  const ended = await program.ended;
  expect(Date.now() - askedMs, `seed ${String(seed)}`).toBeLessThan(GRACE_MS);
  const left = await rows();
  if (ended.code === 0) expect(left.step?.state, `seed ${String(seed)}`).toBe(TaskState.RUNNING);
  else expect(judgeStopped(ended, left, signal), `seed ${String(seed)}, ${signal} after ${String(afterMs)} ms`).toBeUndefined();
}

/** Its command never ends by itself, so the launcher is always at work when the signal comes. */
export async function stopLauncherAt(world: SignalWorld, seed: number): Promise<void> {
  const { afterMs, signal } = momentOf(seed, LAUNCHER_LIFE_MS);
  const { program, rows } = await world.startLauncher({ script: STUBBORN });
  await program.says("launcher-v2 starts");
  await delay(afterMs);
  const askedMs = Date.now();
  program.child.kill(signal);
  const ended = await program.ended;
  const label = `seed ${String(seed)}, ${signal} after ${String(afterMs)} ms`;
  expect(Date.now() - askedMs, label).toBeLessThan(GRACE_MS);
  expect(judgeStopped(ended, await rows(), signal), label).toBeUndefined();
  expect(await allEnded(pidsIn(ended.stdout)), label).toBe(true);
}
