/**
 * A store that tells of its writes: every writer goes through the store, so nobody can forget to.
 *
 * @module
 */
import type { Store } from "../store.ts";
import type { ChangedThing, ChangeFeed } from "./change-feed.ts";

/**
 * The same store, with news of runs, tasks and links. A write inside a transaction is told of when the whole of it is stored; one that is
 * undone is not.
 */
export function notifyingStore(store: Store, feed: Pick<ChangeFeed, "publish">): Store {
  let depth = 0;
  let waiting: (readonly [runId: string | undefined, thing: ChangedThing])[] = [];
  const tell = (runId: string | undefined, thing: ChangedThing): void => {
    if (depth === 0) feed.publish(runId, thing);
    else waiting.push([runId, thing]);
  };
  return {
    ...store,
    runs: {
      ...store.runs,
      insert(stored) {
        store.runs.insert(stored);
        tell(stored.run.runId, { kind: "run" });
      },
      update(run) {
        store.runs.update(run);
        tell(run.runId, { kind: "run" });
      },
      remove(runId) {
        store.runs.remove(runId);
        tell(runId, { kind: "run" });
      },
      archiveAllOf(experimentId) {
        store.runs.archiveAllOf(experimentId);
        tell(undefined, { kind: "run" });
      },
    },
    tasks: {
      ...store.tasks,
      insert(task, identity) {
        store.tasks.insert(task, identity);
        tell(task.runId, { kind: "task", taskId: task.taskId });
      },
      update(task, options) {
        store.tasks.update(task, options);
        tell(task.runId, { kind: "task", taskId: task.taskId });
      },
    },
    links: {
      ...store.links,
      insertOrFind(link) {
        const stored = store.links.insertOrFind(link);
        tell(stored.runId, { kind: "artifact", link: stored });
        return stored;
      },
    },
    transaction(work) {
      depth += 1;
      try {
        const result = store.transaction(work);
        if (depth === 1) for (const [runId, thing] of waiting) feed.publish(runId, thing);
        return result;
      } finally {
        depth -= 1;
        if (depth === 0) waiting = [];
      }
    },
  };
}
