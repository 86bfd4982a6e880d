/**
 * Macros in the string arguments and the name of a run: `[[ScheduledTime]]` and the like. Pure.
 *
 * Source: docs/spec/api-server.md#createrun (macros in string arguments),
 * docs/spec/pipelines-and-python-client.md#api-36.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import { formatGoLayout, formatStrftime } from "./time-layout.ts";

/** What macros stand for. An absent member leaves its macros as they are. */
export interface MacroFacts {
  readonly runId: string;
  /** Unix time. */
  readonly currentSeconds: number;
  /** Unix time: the nominal one of a schedule, or the one that the request named. */
  readonly scheduledSeconds?: number;
  /** Which run of its schedule, from 1 on. */
  readonly index?: number;
}

/** Year to second in 14 digits. */
const DEFAULT_LAYOUT = "20060102150405";

/** Replaces the macros in a text. Unknown ones stay as they are, and what a macro stands for is not looked at again. */
export function expandMacros(text: string, facts: MacroFacts): string {
  return text.replaceAll(
    /\[\[(\w+)(?:\.([^\]]*))?\]\]|\{\{\$\.(scheduledTime|currentTime)\.strftime\('([^']*)'\)\}\}/g,
    (macro, name: string | undefined, layout: string | undefined, moment: string | undefined, format: string | undefined) => {
      if (moment !== undefined) {
        const seconds = moment === "scheduledTime" ? facts.scheduledSeconds : facts.currentSeconds;
        return seconds === undefined ? macro : formatStrftime(format ?? "", seconds);
      }
      return valueOf(name ?? "", layout, facts) ?? macro;
    },
  );
}

function valueOf(name: string, layout: string | undefined, facts: MacroFacts): string | undefined {
  switch (name) {
    case "RunUUID":
      return layout === undefined ? facts.runId : undefined;
    case "Index":
      return layout === undefined ? facts.index?.toString() : undefined;
    case "CurrentTime":
      return formatGoLayout(layout ?? DEFAULT_LAYOUT, facts.currentSeconds);
    case "ScheduledTime":
      return facts.scheduledSeconds === undefined ? undefined : formatGoLayout(layout ?? DEFAULT_LAYOUT, facts.scheduledSeconds);
    default:
      return undefined;
  }
}

/** Replaces the macros in the string arguments of a run; lists and structs stay as they are. The argument is not changed. */
export function expandArguments(parameters: Readonly<Record<string, Value>>, facts: MacroFacts): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      if (value.kind.case !== "stringValue") return [name, value];
      return [name, create(ValueSchema, { kind: { case: "stringValue", value: expandMacros(value.kind.value, facts) } })];
    }),
  );
}
