import { describe, test } from "vitest";
import { create } from "@bufbuild/protobuf";
import { RunSchema } from "../../../src/core/kfp-types.ts";
import { jobPlaceholderValue, runFacts } from "../../../src/core/placeholders/placeholders.ts";

const NAMES = { runId: "r", runName: "wf", runDisplayName: "My run" };

describe("runFacts()", () => {
  test.for([
    { name: "both times", created: 1700000000n, scheduled: 1700000060n, shown: ["2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z"] },
    { name: "no schedule", created: 1700000000n, scheduled: undefined, shown: ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"] },
    { name: "a schedule of zero", created: 1700000000n, scheduled: 0n, shown: ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"] },
    { name: "no time at all", created: undefined, scheduled: undefined, shown: ["", ""] },
  ])("UPS-19: gives placeholders their times: $name", ({ created, scheduled, shown }, { expect }) => {
    const run = create(RunSchema, {
      ...(created === undefined ? {} : { createdAt: { seconds: created, nanos: 7 } }),
      ...(scheduled === undefined ? {} : { scheduledAt: { seconds: scheduled } }),
    });
    const context = { ...runFacts(run, NAMES), taskName: "train", taskId: "t" };
    expect(context).toMatchObject(NAMES);
    expect([
      jobPlaceholderValue("pipeline_job_create_time_utc", context),
      jobPlaceholderValue("pipeline_job_schedule_time_utc", context),
    ]).toEqual(shown);
  });
});
