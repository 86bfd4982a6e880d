/**
 * A word about a step that is told to stop and does not end at once: its row says FAILED while its program still has its time to end.
 *
 * Who stops a step may not wait for its end: argoexec's wait container sends SIGKILL within two seconds when the kubelet ends a pod whose
 * deadline it has just noticed itself (`Kill` of emissary.go, Argo Workflows v3.7). What the step ends with is told once more
 * afterwards, in finalize.ts.
 *
 * Source: docs/spec/launcher-flow.md#lau-12.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { stageError } from "../../program/stage.ts";
import type { Attempt } from "../attempt.ts";
import type { LauncherDeps } from "../deps.ts";
import { interruptedError } from "../interruption.ts";
import { recordFailure } from "./finalize.ts";
import { STAGES } from "./stages.ts";

/** After the request to stop; most programs have ended by then, and need no call more. */
export const EARLY_WORD_AFTER_MS = 300;

/** @returns Ends it: nothing is told afterwards, and what is under way has come to its end. */
export function tellStopEarly(
  deps: Pick<LauncherDeps, "api" | "clock" | "logger" | "signal">,
  attempt: Attempt,
): () => Promise<void> {
  const { signal } = deps;
  const closing = new AbortController();
  const tell = async (): Promise<void> => {
    const isClosed = await deps.clock.sleep(EARLY_WORD_AFTER_MS, closing.signal).then(
      () => closing.signal.aborted,
      () => true,
    );
    if (isClosed) return;
    const { message } = stageError(STAGES["run the command"], interruptedError(signal?.reason));
    await recordFailure(deps, attempt, message).catch((error: unknown) => {
      deps.logger.warn("The stop is not recorded before the end", { reason: errorMessage(error) });
    });
  };
  let told = Promise.resolve();
  const onAbort = (): void => {
    told = tell();
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  return async () => {
    signal?.removeEventListener("abort", onAbort);
    closing.abort(new Error("ended"));
    await told;
  };
}
