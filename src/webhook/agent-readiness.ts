/**
 * Whether a resident driver would do the work of a rewritten workflow: asked at an interval, so that no review waits for it.
 *
 * @module
 */
import { get } from "node:http";
import { errorMessage } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";

/** How it is asked. */
export interface ReadinessOptions {
  /** Answers 200 while an agent is ready; plain HTTP. */
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What asking takes. */
export interface ReadinessDeps {
  readonly clock: Pick<Clock, "sleep">;
  readonly logger: Logger;
}

/** The last answer. */
export interface AgentReadiness {
  isReady(): boolean;
  /** Ends when the signal is aborted; never throws. */
  readonly following: Promise<void>;
}

/** Asks from now on; until the first answer nobody is ready. */
export function followReadiness(
  { clock, logger }: ReadinessDeps,
  options: ReadinessOptions,
  signal: AbortSignal,
): AgentReadiness {
  let problem: string | undefined = "not asked yet";
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const found = await askOnce(options, signal);
      if (signal.aborted) return;
      if (found !== problem) {
        if (found === undefined) logger.info("the resident driver is ready: drivers of new workflows get no pods");
        else logger.warn(`the resident driver is not ready, drivers of new workflows keep their pods: ${found}`);
      }
      problem = found;
      await clock.sleep(options.intervalMs, signal).catch(() => undefined);
    }
  };
  return { isReady: () => problem === undefined, following: follow() };
}

/** @returns Why it is not ready. */
async function askOnce({ url, timeoutMs }: ReadinessOptions, signal: AbortSignal): Promise<string | undefined> {
  return await new Promise((resolve) => {
    // No connection is kept: behind one address there are several agents, and those that are not ready leave it.
    const request = get(url, { agent: false, signal, headers: { "user-agent": "kfp-runtime" } }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `${url} answers ${response.statusCode ?? 0}`);
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    request.on("close", () => clearTimeout(timer));
    request.on("error", (error) => resolve(`${url}: ${errorMessage(error)}`));
  });
}
