import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RunSchema } from "../../../src/core/kfp-types.ts";
import type { KfpApi } from "../../../src/ports/kfp-api.ts";
import type { TokenRequest } from "../../../src/ports/kube-objects.ts";
import { Tenants, type TenantKube } from "../../../src/resident/agent/tenants.ts";
import type { WorkflowFacts } from "../../../src/resident/agent/workflow.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";

const FACTS: WorkflowFacts = { namespace: "a", name: "wf", uid: "uid-1", runId: "run-1", serviceAccount: "pipeline-runner" };

function world(identity: "run" | "agent" = "run") {
  const clock = new FakeClock();
  const asked: string[] = [];
  const createToken = ({ serviceAccount, audiences }: TokenRequest) => {
    asked.push(`${serviceAccount.namespace}/${serviceAccount.name} ${audiences.join()}`);
    return Promise.resolve({ token: "t", expiresAt: new Date(clock.now().getTime() + 3_600_000) });
  };
  const size = { taskCount: 0 };
  const getRun: KfpApi["getRun"] = (runId) => Promise.resolve(create(RunSchema, { runId, taskCount: size.taskCount }));
  const api = { getRun } as unknown as KfpApi;
  const openKube = () => ({ close: () => undefined }) as unknown as TenantKube;
  const openStore = () => () => Promise.reject(new Error("not asked for"));
  const tenants = new Tenants(
    { kube: { createToken }, clock, api, apiAs: () => api, openKube, openStore },
    { identity, audience: "kfp" },
  );
  return { tenants, asked, size };
}

describe("Tenants", () => {
  test("make one token for the drives of a run, until its workflow is over", async ({ expect }) => {
    const { tenants, asked } = world();
    await tenants.tenant(FACTS);
    await tenants.tenant(FACTS);
    expect(asked).toEqual(["a/pipeline-runner kfp/runs/run-1"]);
    tenants.forget({ namespace: "a", name: "wf" });
    await tenants.tenant(FACTS);
    expect(asked).toHaveLength(2);
  });

  test("give nothing of one run or account to another that has the workflow's name", async ({ expect }) => {
    const { tenants, asked } = world();
    await tenants.tenant(FACTS);
    await tenants.tenant({ ...FACTS, runId: "run-2" });
    await tenants.tenant({ ...FACTS, runId: "run-2", serviceAccount: "default-editor" });
    await tenants.tenant({ ...FACTS, namespace: "b" });
    expect(asked).toEqual([
      "a/pipeline-runner kfp/runs/run-1",
      "a/pipeline-runner kfp/runs/run-2",
      "a/default-editor kfp/runs/run-2",
      "b/pipeline-runner kfp/runs/run-1",
    ]);
  });

  for (const identity of ["run", "agent"] as const) {
    test(`know how large the run was at its last read, identity ${identity}`, async ({ expect }) => {
      const { tenants, size } = world(identity);
      const first = await tenants.tenant(FACTS);
      expect(first.taskCount).toBeUndefined();
      size.taskCount = 7;
      await first.api.getRun("run-1", "FULL");
      size.taskCount = 9;
      await first.api.getRun("another", "FULL");
      expect((await tenants.tenant(FACTS)).taskCount).toBe(7);
      expect((await tenants.tenant({ ...FACTS, name: "wf-2", runId: "run-2" })).taskCount).toBeUndefined();
    });
  }
});
