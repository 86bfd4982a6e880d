/**
 * Takes tasks out of the cache: their rows and outputs stay, no later task is served from them.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { PipelineTaskSchema, type PipelineTask } from "../../core/kfp-types.ts";
import type { Home } from "../home/home.ts";
import { lockHome } from "../home/home-lock.ts";

/**
 * @param isMeant Which of them.
 * @returns How many tasks were taken out.
 * @throws {HostError} HOME_LOCKED while a run goes on; HOME_UNUSABLE.
 */
export async function clearCache(home: Home, isMeant: (task: PipelineTask) => boolean, now: Date): Promise<number> {
  const lock = await lockHome(home, "cache clear", now);
  try {
    const { openSqliteStore } = await import("../../apiserver/sqlite/sqlite-store.ts");
    const nowSeconds = Math.floor(now.getTime() / 1000);
    const store = openSqliteStore({ database: home.database, nowSeconds, defaultExperimentId: randomUUID() });
    try {
      return store.transaction(() => {
        let count = 0;
        for (;;) {
          // An entry hides older tasks of the same key, which would take its place.
          const meant = store.tasks
            .cacheEntries()
            .map(({ body, replaceInputs }) => ({ task: fromBinary(PipelineTaskSchema, body), replaceInputs }))
            .filter(({ task }) => isMeant(task));
          if (meant.length === 0) return count;
          for (const { task, replaceInputs } of meant) store.tasks.update({ ...task, cacheFingerprint: "" }, { replaceInputs });
          count += meant.length;
        }
      });
    } finally {
      store.close();
    }
  } finally {
    await lock.release();
  }
}
