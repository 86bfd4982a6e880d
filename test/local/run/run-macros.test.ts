/** Macros in the arguments of a run that was created through the API: which are replaced, where, and what stays stored. */
import type { JsonObject } from "@bufbuild/protobuf";
import { test } from "vitest";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { Home } from "../../../src/local/home/home.ts";
import { readRun } from "../../../src/local/run/local-run.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";

const SPEC: JsonObject = {
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  root: {
    inputDefinitions: {
      parameters: {
        text: { parameterType: "STRING", isOptional: true },
        list: { parameterType: "LIST", isOptional: true },
        struct: { parameterType: "STRUCT", isOptional: true },
      },
    },
    dag: { tasks: {} },
  },
};
const CREATED = Date.UTC(2025, 10, 12, 13, 14, 15) / 1000;
const SCHEDULED = Date.UTC(2025, 0, 2, 3, 4, 5) / 1000;

// docs/spec/api-server.md#createrun (macros in string arguments)
test.for<{ name: string; scheduled: boolean; text: string; expanded: string }>([
  { name: "the run's id", scheduled: false, text: "a [[RunUUID]] b", expanded: "a r b" },
  { name: "now", scheduled: false, text: "[[CurrentTime]]", expanded: "20251112131415" },
  { name: "now, in a layout", scheduled: false, text: "[[CurrentTime.2006-01-02T15:04]]", expanded: "2025-11-12T13:14" },
  { name: "now, by strftime", scheduled: false, text: "{{$.currentTime.strftime('%Y/%m')}}", expanded: "2025/11" },
  { name: "the time of a schedule", scheduled: true, text: "[[ScheduledTime]]", expanded: "20250102030405" },
  { name: "it, in a layout", scheduled: true, text: "[[ScheduledTime.15h04]]", expanded: "03h04" },
  { name: "it, by strftime", scheduled: true, text: "{{$.scheduledTime.strftime('%H')}}", expanded: "03" },
  { name: "no time where there is no schedule", scheduled: false, text: "[[ScheduledTime]]", expanded: "[[ScheduledTime]]" },
  {
    name: "no strftime where there is no schedule",
    scheduled: false,
    text: "{{$.scheduledTime.strftime('%H')}}",
    expanded: "{{$.scheduledTime.strftime('%H')}}",
  },
  { name: "no index, which only runs of a schedule have", scheduled: true, text: "[[Index]]", expanded: "[[Index]]" },
  {
    name: "nothing it does not know",
    scheduled: true,
    text: "[[Other]] [Index] [[RunUUID",
    expanded: "[[Other]] [Index] [[RunUUID",
  },
])("a run gets $name", async ({ scheduled, text, expanded }, { expect }) => {
  const server = await startFakeApiServer({ now: () => new Date(CREATED * 1000) });
  const parameters = { text: jsonToValue(text), list: jsonToValue([text]), struct: jsonToValue({ a: text }) };
  const { run } = server.runs.createRun({
    runId: "r",
    displayName: "r",
    pipelineSource: { case: "pipelineSpec", value: SPEC },
    runtimeConfig: { parameters, pipelineRoot: "/tmp/root" },
    ...(scheduled ? { scheduledAt: { seconds: BigInt(SCHEDULED) } } : {}),
  });
  const home = { artifacts: "/tmp/root" } as Home;
  const whole = { text: expanded, list: [text], struct: { a: text } };
  expect((await readRun(server, home, run.runId, { expandsMacros: true })).parameters).toEqual(whole);
  expect((await readRun(server, home, run.runId)).parameters).toEqual({ ...whole, text });
  expect(server.runs.requireRun("r").run.runtimeConfig?.parameters).toMatchObject({ text: parameters.text });
});
