import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import { readLogLevel } from "../../src/program/log-level.ts";
import { parseDriverFlags } from "../../src/driver/flags.ts";
import type { DriverOptions } from "../../src/driver/options.ts";

const text = fc.string();
const filled = fc.string({ minLength: 1 });
const common = {
  pipelineName: filled,
  runId: filled,
  runName: text,
  runDisplayName: text,
  namespace: filled,
  conditionPath: filled,
  pod: fc.record({ name: filled, uid: filled }),
};
const child = { taskName: filled, parentTaskId: filled };
const paths = { parentTaskIdPath: text, iterationCountPath: filled };
const jsonText = fc.json().filter((json) => json !== "");

const options: fc.Arbitrary<DriverOptions> = fc.oneof(
  fc.record({ type: fc.constant("ROOT_DAG" as const), ...common, ...paths, runtimeConfig: jsonText }),
  fc.record({ type: fc.constant("DAG" as const), ...common, ...child, ...paths, iterationIndex: fc.nat() }),
  fc.record({ type: fc.constant("DAG" as const), ...common, ...child, ...paths }),
  fc.record({
    type: fc.constant("CONTAINER" as const),
    ...common,
    ...child,
    iterationIndex: fc.nat(),
    kubernetesConfig: fc.oneof(fc.constant(""), jsonText),
    cachedDecisionPath: filled,
    podSpecPatchPath: filled,
    cacheDisabled: fc.boolean(),
    publishLogs: text,
    logLevel: text,
    apiServer: fc.record({ address: text, port: text, tlsEnabled: fc.boolean(), caCertPath: text }),
    proxy: fc.record({ httpProxy: text, httpsProxy: text, noProxy: text }),
    defaults: fc.record({ runAsUser: fc.nat(), runAsNonRoot: fc.boolean() }, { requiredKeys: [] }),
  }),
);

describe("driverArguments()", () => {
  test("is the inverse of parseDriverFlags()", async () => {
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        const server = given.type === "CONTAINER" ? given.apiServer : { address: "h", port: "1" };
        const environment = { KFP_POD_NAME: given.pod.name, KFP_POD_UID: given.pod.uid };
        const command = await parseDriverFlags(driverArguments(given, server), {
          environment,
          readText: () => Promise.resolve(""),
        });
        expect(command).toMatchObject({
          mode: "drive",
          options: given,
          ...readLogLevel(given.type === "CONTAINER" ? given.logLevel : "1"),
        });
      }),
    );
  });
});
