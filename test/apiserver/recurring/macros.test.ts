import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { describe, test } from "vitest";
import { expandArguments, expandMacros } from "../../../src/apiserver/recurring/macros.ts";
import { scheduledRunName, scheduleName } from "../../../src/apiserver/recurring/run-names.ts";

const scheduledSeconds = Date.UTC(2025, 0, 2, 3, 4, 5) / 1000;
const currentSeconds = Date.UTC(2025, 10, 12, 13, 14, 15) / 1000;
const facts = { runId: "r-1", currentSeconds, scheduledSeconds, index: 7 };

// docs/spec/api-server.md#createrun
describe("expandMacros()", () => {
  test.for([
    { text: "plain", expanded: "plain" },
    { text: "run-[[RunUUID]]/[[Index]]", expanded: "run-r-1/7" },
    { text: "[[ScheduledTime]] [[CurrentTime]]", expanded: "20250102030405 20251112131415" },
    { text: "[[ScheduledTime.2006-01-02T15:04:05Z07:00]]", expanded: "2025-01-02T03:04:05Z" },
    { text: "[[ScheduledTime.Mon Jan _2 3:4:5 PM 06]]", expanded: "Thu Jan  2 3:4:5 AM 25" },
    {
      text: "[[CurrentTime.Monday, 2 January 2006 03:04pm MST -0700]]",
      expanded: "Wednesday, 12 November 2025 01:14pm UTC +0000",
    },
    { text: "[[CurrentTime.2006/002]]", expanded: "2025/316" },
    { text: "{{$.scheduledTime.strftime('%Y-%m-%d %H:%M:%S')}}", expanded: "2025-01-02 03:04:05" },
    {
      text: "{{$.currentTime.strftime('%F %T %j %y %b %B %a %A %p %I %e %D %R %w %Z %z %% %Q')}}",
      expanded: "2025-11-12 13:14:15 316 25 Nov November Wed Wednesday PM 01 12 11/12/25 13:14 3 UTC +0000 % %Q",
    },
    {
      text: "[[Unknown]] [[RunUUID.x]] [[Index.1]] [Index] {{$.other.strftime('%Y')}}",
      expanded: "[[Unknown]] [[RunUUID.x]] [[Index.1]] [Index] {{$.other.strftime('%Y')}}",
    },
  ])("$text", ({ text, expanded }, { expect }) => {
    expect(expandMacros(text, facts)).toBe(expanded);
  });

  test("leaves the macros of what is not known", ({ expect }) => {
    const text = "[[ScheduledTime]] [[Index]] {{$.scheduledTime.strftime('%Y')}} [[RunUUID]]";
    expect(expandMacros(text, { runId: "r", currentSeconds })).toBe(text.replace("[[RunUUID]]", "r"));
  });
});

test("arguments are expanded where they are strings, not inside lists", ({ expect }) => {
  const text = create(ValueSchema, { kind: { case: "stringValue", value: "[[Index]]" } });
  const list = create(ValueSchema, { kind: { case: "listValue", value: { values: [text] } } });
  const expanded = expandArguments({ text, list }, facts);
  expect(expanded["text"]?.kind).toEqual({ case: "stringValue", value: "7" });
  expect(expanded["list"]).toEqual(list);
  expect(text.kind.value).toBe("[[Index]]");
});

// docs/spec/pipelines-and-python-client.md#scheduling
describe("names", () => {
  test.for([
    { displayName: "Nightly Training (v2)", name: "nightly-training-v2-abc" },
    { displayName: "a name that is far longer than names are", name: "a-name-that-is-far-longer-abc" },
    { displayName: "日本", name: "abc" },
    { displayName: "--x--", name: "x-abc" },
  ])("of the schedule $displayName", ({ displayName, name }, { expect }) => {
    expect(scheduleName(displayName, "abc")).toBe(name);
  });

  test("of a run: schedule, index and a hash of both and the time", ({ expect }) => {
    const names = [7, 8].map((index) => scheduledRunName({ displayName: "n", scheduleName: "n-abc" }, { ...facts, index }));
    expect(names[0]).toMatch(/^n-abc-7-[0-9a-f]{10}$/);
    expect(names[1]).toMatch(/^n-abc-8-[0-9a-f]{10}$/);
    expect(names[0]?.slice(-10)).not.toBe(names[1]?.slice(-10));
  });

  test("API-36: of a run of a schedule with macros in its name", ({ expect }) => {
    const schedule = { displayName: "report [[ScheduledTime.2006-01-02]] #[[Index]]", scheduleName: "s" };
    expect(scheduledRunName(schedule, facts)).toBe("report 2025-01-02 #7");
  });
});
