import fc from "fast-check";
import { describe, test } from "vitest";
import { HandOver } from "../../../src/driver/interruption.ts";
import { Ledger, type Drive, type LedgerLimits } from "../../../src/resident/agent/ledger.ts";
import { succeeded, type NodeResult } from "../../../src/resident/agent/node-result.ts";
import type { TaskSet } from "../../../src/resident/agent/task-set.ts";

const LIMITS: LedgerLimits = { perWorkflow: 100, undeliveredBytes: 1_000_000, lostAfterMs: 5000 };
const DONE: NodeResult = succeeded([{ name: "condition", value: "true" }]);
const WF = { namespace: "a", name: "wf" };

function taskSet(tasks: readonly string[], more: Partial<TaskSet> & { readonly version?: bigint } = {}): TaskSet {
  return {
    ...{ ...WF, workflowUid: "uid-1", version: undefined, foreignTasks: 0 },
    ...{ tasks: new Map(tasks.map((id) => [id, { name: id }])), delivered: new Set<string>(), deliveredBytes: 0 },
    ...more,
  };
}

function takeAll(ledger: Ledger, nowMs = 100): Drive[] {
  const drives: Drive[] = [];
  for (let drive = ledger.take(nowMs); drive !== undefined; drive = ledger.take(nowMs)) drives.push(drive);
  return drives;
}

const ids = (drives: readonly Drive[]): string[] => drives.map(({ nodeId }) => nodeId);
const undelivered = (ledger: Ledger): string[] => ledger.undelivered(WF).map(({ nodeId }) => nodeId);

describe("Ledger", () => {
  test("gives a node to one drive, whatever comes meanwhile", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    const [drive] = takeAll(ledger);
    ledger.observe(taskSet(["x", "y"]), 1);
    expect(ids(takeAll(ledger))).toEqual(["y"]);
    expect(ledger.complete(drive!, DONE)).toBe(true);
    ledger.observe(taskSet(["x", "y"]), 2);
    expect(takeAll(ledger)).toEqual([]);
    expect(undelivered(ledger)).toEqual(["x"]);
  });

  test("drives nothing that has a result already", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x", "y"], { delivered: new Set(["x"]) }), 0);
    expect(ids(takeAll(ledger))).toEqual(["y"]);
  });

  test("a version that is older than the last changes nothing", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x", "y"], { version: 10n }), 0);
    ledger.observe(taskSet(["x"], { version: 9n }), 0);
    expect(ids(takeAll(ledger))).toEqual(["x", "y"]);
  });

  test("tells of results that nobody takes out of their task set, its own and those it has found there", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x", "y"], { delivered: new Set(["y"]) }), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.sent(WF, ["x"], 1000);
    ledger.observe(taskSet(["x", "y"], { delivered: new Set(["x", "y"]) }), 1001);
    expect(ledger.untaken(59_999, 60_000)).toEqual({ results: 0 });
    expect(ledger.untaken(60_000, 60_000)).toMatchObject({ results: 1, place: WF });
    expect(ledger.untaken(61_000, 60_000)).toMatchObject({ results: 2, place: WF });
    ledger.observe(taskSet(["x", "y"]), 61_001);
    expect(ledger.untaken(200_000, 60_000)).toEqual({ results: 0 });
  });

  test("a result goes when its node does; a node that comes back is new work", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.observe(taskSet([]), 1);
    expect(undelivered(ledger)).toEqual([]);
    ledger.observe(taskSet(["x"]), 2);
    expect(ids(takeAll(ledger))).toEqual(["x"]);
  });

  test("a result that was seen and is gone while the node stays is delivered again, after a while", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.sent(WF, ["x"], 100);
    ledger.observe(taskSet(["x"], { delivered: new Set(["x"]) }), 200);
    expect(ledger.findLost(50_000)).toEqual({ places: [], results: 0 });
    // The controller takes the result out first, and the node afterwards.
    ledger.observe(taskSet(["x"]), 60_000);
    expect(ledger.findLost(64_999).results).toBe(0);
    expect(ledger.findLost(65_000)).toMatchObject({ places: [WF], results: 1 });
    expect(undelivered(ledger)).toEqual(["x"]);
  });

  test("a result that was sent and is never seen is delivered again", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.sent(WF, ["x"], 100);
    expect(undelivered(ledger)).toEqual([]);
    expect(ledger.findLost(5099).results).toBe(0);
    expect(ledger.findLost(5100).results).toBe(1);
    expect(undelivered(ledger)).toEqual(["x"]);
  });

  test("a result whose patch had no answer counts as sent when it is seen", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.observe(taskSet(["x"], { delivered: new Set(["x"]) }), 1);
    expect(undelivered(ledger)).toEqual([]);
  });

  test("a node that another agent has reported, and whose result is lost, is driven", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"], { delivered: new Set(["x"]) }), 0);
    ledger.observe(taskSet(["x"]), 1000);
    expect(takeAll(ledger, 5999)).toEqual([]);
    ledger.findLost(6000);
    expect(ids(takeAll(ledger, 6000))).toEqual(["x"]);
  });

  test("a drive that another agent was faster with is handed over", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    const [drive] = takeAll(ledger);
    ledger.observe(taskSet(["x"], { delivered: new Set(["x"]) }), 1);
    expect(drive?.abort.signal.reason).toBeInstanceOf(HandOver);
    expect(ledger.complete(drive!, DONE)).toBe(false);
    expect(undelivered(ledger)).toEqual([]);
  });

  test("aborts what nobody asks for any more, and does not begin it again before it has ended", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    const [drive] = takeAll(ledger);
    ledger.observe(taskSet([]), 1);
    expect(drive?.abort.signal.aborted).toBe(true);
    ledger.observe(taskSet(["x"]), 2);
    expect(takeAll(ledger)).toEqual([]);
    expect(ledger.complete(drive!, DONE)).toBe(false);
    expect(ids(takeAll(ledger))).toEqual(["x"]);
  });

  test("forgets a workflow that has ended, and one whose name another has taken", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    const [drive] = takeAll(ledger);
    ledger.observe(taskSet(["x"], { workflowUid: "uid-2" }), 1);
    expect(drive?.abort.signal.aborted).toBe(true);
    expect(takeAll(ledger)).toHaveLength(1);
    ledger.forget(WF, "it has ended");
    expect(ledger.counts()).toMatchObject({ workflows: 0, driving: 2 });
    for (const each of ledger.drives()) ledger.settle(each);
    expect(ledger.counts()).toMatchObject({ workflows: 0, driving: 0, waiting: 0, undelivered: 0 });
  });

  test("a postponed node waits until its time, and remembers how often", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.postpone(takeAll(ledger)[0]!, 500);
    expect(takeAll(ledger, 499)).toEqual([]);
    const [drive] = takeAll(ledger, 500);
    expect(drive?.tries).toBe(1);
  });

  test("a node of a workflow that is over is left alone until it goes", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x", "y"]), 0);
    const [x, y] = takeAll(ledger);
    ledger.settle(x!);
    ledger.complete(y!, DONE);
    ledger.discard(WF);
    ledger.observe(taskSet(["x", "y"]), 1);
    expect(takeAll(ledger, 99_999)).toEqual([]);
    expect(undelivered(ledger)).toEqual([]);
    expect(ledger.findLost(99_999).results).toBe(0);
  });

  test("namespaces take turns, and so do workflows", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    const many = (prefix: string) => Array.from({ length: 3 }, (_, index) => `${prefix}${String(index)}`);
    ledger.observe(taskSet(many("p"), { namespace: "a", name: "wf1", workflowUid: "1" }), 0);
    ledger.observe(taskSet(many("q"), { namespace: "a", name: "wf2", workflowUid: "2" }), 0);
    ledger.observe(taskSet(many("r"), { namespace: "b", name: "wf3", workflowUid: "3" }), 0);
    expect(ids(takeAll(ledger)).slice(0, 6)).toEqual(["p0", "r0", "q0", "r1", "p1", "r2"]);
  });

  test("one workflow has only so many drives at a time", ({ expect }) => {
    const ledger = new Ledger({ ...LIMITS, perWorkflow: 2 });
    ledger.observe(taskSet(["x", "y", "z"]), 0);
    const drives = takeAll(ledger);
    expect(ids(drives)).toEqual(["x", "y"]);
    ledger.complete(drives[0]!, DONE);
    expect(ids(takeAll(ledger))).toEqual(["z"]);
  });

  test("a workflow whose results are not taken is not driven further", ({ expect }) => {
    const ledger = new Ledger({ ...LIMITS, undeliveredBytes: 100 });
    ledger.observe(taskSet(["x", "y", "z"]), 0);
    ledger.complete(ledger.take(0)!, succeeded([{ name: "pod-spec-patch", value: "p".repeat(200) }]));
    expect(ledger.take(0)).toBeUndefined();
    ledger.observe(taskSet(["y", "z"]), 1);
    expect(ledger.take(1)?.nodeId).toBe("y");
  });

  test("another result takes the place of one that does not fit", ({ expect }) => {
    const ledger = new Ledger(LIMITS);
    ledger.observe(taskSet(["x"]), 0);
    ledger.complete(takeAll(ledger)[0]!, DONE);
    ledger.replace(WF, "x", { phase: "Failed", message: "too large" });
    expect(ledger.undelivered(WF)).toMatchObject([{ nodeId: "x", result: { phase: "Failed" } }]);
  });

  test("never runs a node twice at a time, and ends with nothing, in any order of events", ({ expect }) => {
    const node = fc.constantFrom("x", "y", "z");
    const nodes = fc.uniqueArray(node, { maxLength: 3 });
    const step = fc.oneof(
      fc.record({ do: fc.constant("observe" as const), tasks: nodes, delivered: nodes, uid: fc.constantFrom("1", "2") }),
      fc.record({ do: fc.constant("end" as const), how: fc.constantFrom("complete", "settle", "postpone") }),
      fc.constant({ do: "take" as const }),
      fc.constant({ do: "send" as const }),
      fc.constant({ do: "forget" as const }),
      fc.constant({ do: "look" as const }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ledger = new Ledger(LIMITS);
        const running: Drive[] = [];
        let nowMs = 0;
        for (const each of steps) {
          nowMs += 3000;
          if (each.do === "observe") {
            const delivered = new Set(each.delivered);
            ledger.observe(taskSet(each.tasks, { delivered, workflowUid: each.uid, version: BigInt(nowMs) }), nowMs);
          } else if (each.do === "take") {
            const drive = ledger.take(nowMs);
            if (drive === undefined) continue;
            expect(running.map(({ key }) => key)).not.toContain(drive.key);
            running.push(drive);
          } else if (each.do === "end") {
            const drive = running.shift();
            if (drive === undefined) continue;
            if (each.how === "complete") ledger.complete(drive, DONE);
            else if (each.how === "settle") ledger.settle(drive);
            else ledger.postpone(drive, nowMs + 1000);
          } else if (each.do === "send") ledger.sent(WF, undelivered(ledger), nowMs);
          else if (each.do === "look") ledger.findLost(nowMs);
          else ledger.forget(WF, "it has ended");
          expect(ledger.counts().driving).toBe(running.length);
        }
        for (const drive of running) ledger.settle(drive);
        ledger.observe(taskSet([], { version: BigInt(nowMs + 1) }), nowMs);
        expect(ledger.counts()).toMatchObject({ waiting: 0, driving: 0, undelivered: 0 });
      }),
    );
  });
});
