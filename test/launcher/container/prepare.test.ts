import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ExecutorInputSchema, type ExecutorInput } from "../../../src/core/kfp-types.ts";
import type { ContainerOptions } from "../../../src/launcher/options.ts";
import { qualifyLogs } from "../../../src/launcher/container/prepare.ts";
import { DEFAULT_OUTPUT_LIMITS } from "../../../src/launcher/settings.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

const withLog = create(ExecutorInputSchema, {
  outputs: { artifacts: { "executor-logs": { artifacts: [{ uri: "minio://b/executor-logs" }] } } },
});

const logUri = ({ outputs }: ExecutorInput): string | undefined => outputs?.artifacts["executor-logs"]?.artifacts[0]?.uri;

const options = { publishLogs: true, namespace: "ns", pod: { name: "pod-1", uid: "uid" } } as ContainerOptions;

interface Case {
  readonly retryIndex?: string;
  readonly annotations?: () => Promise<Record<string, string> | undefined>;
}

async function qualify({ retryIndex, annotations }: Case, input = withLog, given = options) {
  const logger = new RecordingLogger();
  const clock = new FakeClock();
  let lookups = 0;
  const working = qualifyLogs(
    {
      clock,
      logger,
      settings: { temporaryFolder: "/tmp", limits: DEFAULT_OUTPUT_LIMITS, ...(retryIndex === undefined ? {} : { retryIndex }) },
      kube: () => {
        lookups += 1;
        if (annotations === undefined) return Promise.reject(new Error("no cluster"));
        return Promise.resolve({ getPodAnnotations: annotations });
      },
    },
    input,
    given,
  );
  clock.advance(0);
  return { uri: working.then(logUri), clock, logger, lookups: () => lookups };
}

const nodeName = (name: string) => () => Promise.resolve({ "workflows.argoproj.io/node-name": name });

describe("qualifyLogs()", () => {
  test.for<Case & { name: string; suffix: string; warnings: number }>([
    { name: "the environment", retryIndex: "2", suffix: "-2", warnings: 0 },
    { name: "the pod's node name", annotations: nodeName("wf.root.train.executor(3)"), suffix: "-3", warnings: 0 },
    { name: "a node name without attempt", annotations: nodeName("wf.root.train.executor"), suffix: "-0", warnings: 0 },
    { name: "a node name in a loop", annotations: nodeName("wf.root.loop(1:1).train.executor"), suffix: "-0", warnings: 0 },
    { name: "no annotation", annotations: () => Promise.resolve({}), suffix: "-0", warnings: 1 },
    { name: "no pod", annotations: () => Promise.resolve(undefined), suffix: "-0", warnings: 1 },
    { name: "a pod that may not be read", annotations: () => Promise.reject(new Error("403")), suffix: "-0", warnings: 1 },
    { name: "no cluster at all", suffix: "-0", warnings: 1 },
  ])("the attempt comes from $name", async ({ suffix, warnings, ...given }) => {
    const { uri, logger } = await qualify(given);
    expect(await uri).toBe(`minio://b/executor-logs${suffix}`);
    expect(logger.messages("warn")).toHaveLength(warnings);
  });

  test("a cluster that does not answer is not waited for long (LAU-4)", async () => {
    const { uri, clock, logger } = await qualify({ annotations: () => new Promise(() => undefined) });
    // The look-up begins a few turns later.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    clock.advance(3000);
    expect(await uri).toBe("minio://b/executor-logs-0");
    expect(logger.lines[0]?.fields["reason"]).toBe("no answer within 3 s");
  });

  test("without a log nobody is asked", async () => {
    const unpublished = await qualify({}, withLog, { ...options, publishLogs: false });
    expect(await unpublished.uri).toBe("minio://b/executor-logs");
    const without = await qualify({}, create(ExecutorInputSchema, {}));
    expect(await without.uri).toBeUndefined();
    expect(unpublished.lookups() + without.lookups()).toBe(0);
  });
});
