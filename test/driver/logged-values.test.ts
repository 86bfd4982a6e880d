/** What a driver's log holds of the values of a run, at each level. */
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { DriverStage } from "../support/driver-stage.ts";

const text = { parameterType: "STRING" };
const constant = { runtimeValue: { constant: "constant of the spec" } };
const spec: JsonObject = {
  pipelineInfo: { name: "demo" },
  schemaVersion: "2.1.0",
  root: {
    inputDefinitions: { parameters: { given: { ...text, isOptional: true } } },
    dag: {
      tasks: {
        say: {
          taskInfo: { name: "say" },
          componentRef: { name: "comp-say" },
          cachingOptions: { enableCache: true },
          inputs: { parameters: { given: { componentInputParameter: "given" }, fixed: constant } },
          triggerPolicy: { condition: "inputs.parameter_values['given'] != 'x'" },
        },
      },
    },
  },
  components: {
    "comp-say": { executorLabel: "exec", inputDefinitions: { parameters: { given: text, fixed: text } } },
  },
  deploymentSpec: {
    executors: {
      exec: { container: { image: "busybox", command: ["sh"], env: [{ name: "MODE", value: "value of a variable" }] } },
    },
  },
};
const kubernetesConfig = JSON.stringify({ secretAsVolume: [{ secretNameParameter: constant, mountPath: "/s" }] });
const VALUES = ["value of the run", "constant of the spec", "value of a variable"];

test.for([1, 2, 3, 4])("values stand in the log of a driver from level 4 on: level %i (UPS-9)", async (level) => {
  const fake = { ...(await startFakeApi()), logger: new RecordingLogger(level) };
  const stage = await DriverStage.open(spec, fake);
  expect((await stage.drive(stage.rootOptions({ given: "value of the run" }))).exitCode).toBe(0);
  const parent = (await stage.row("ROOT")).taskId;
  expect((await stage.drive(stage.containerOptions("say", parent, { kubernetesConfig }))).exitCode).toBe(0);
  const lines = JSON.stringify(fake.logger.lines);
  expect(VALUES.filter((value) => lines.includes(value))).toEqual(level === 4 ? VALUES : []);
});
