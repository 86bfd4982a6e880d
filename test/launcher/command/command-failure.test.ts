import { describe, expect, test } from "vitest";
import { commandFailure } from "../../../src/launcher/command/command-failure.ts";
import { signalNumber, signalWords } from "../../../src/tasks/signal-names.ts";

describe("commandFailure()", () => {
  test.for([
    { outcome: { kind: "exited", exitCode: 1, outOfMemory: false }, message: "exit status 1", exitCode: 1 },
    { outcome: { kind: "exited", exitCode: 137, outOfMemory: true }, message: /^exit status 137 \(out of memory/, exitCode: 137 },
    { outcome: { kind: "killed", signal: "SIGKILL", outOfMemory: false }, message: "signal: killed", exitCode: 137 },
    {
      outcome: { kind: "killed", signal: "SIGKILL", outOfMemory: true },
      message: /^signal: killed \(out of memory/,
      exitCode: 137,
    },
    { outcome: { kind: "killed", signal: "SIGSEGV", outOfMemory: false }, message: "signal: segmentation fault", exitCode: 139 },
    { outcome: { kind: "not-started", reason: "why" }, message: "why", exitCode: 1 },
  ] as const)("$outcome", ({ outcome, message, exitCode }) => {
    const failure = commandFailure(outcome);
    expect(failure?.message).toMatch(typeof message === "string" ? new RegExp(`^${message}$`) : message);
    expect(failure?.details["exitCode"]).toBe(exitCode);
  });

  test("exit code 0 is success", () => {
    expect(commandFailure({ kind: "exited", exitCode: 0, outOfMemory: true })).toBeUndefined();
  });
});

describe("signalWords()", () => {
  test.for([
    ["SIGHUP", "hangup"],
    ["SIGINT", "interrupt"],
    ["SIGQUIT", "quit"],
    ["SIGILL", "illegal instruction"],
    ["SIGTRAP", "trace/breakpoint trap"],
    ["SIGABRT", "aborted"],
    ["SIGBUS", "bus error"],
    ["SIGFPE", "floating point exception"],
    ["SIGKILL", "killed"],
    ["SIGSEGV", "segmentation fault"],
    ["SIGPIPE", "broken pipe"],
    ["SIGALRM", "alarm clock"],
    ["SIGTERM", "terminated"],
    ["SIGUSR1", "user defined signal 1"],
    ["SIGUSR2", "user defined signal 2"],
    ["SIGXCPU", `signal ${signalNumber("SIGXCPU")}`],
  ] as const)("%s is %j", ([name, words]) => {
    expect(signalWords(name)).toBe(words);
  });

  test("a name that is not a signal has no number", () => {
    expect(signalNumber("SIGNOTHING")).toBeUndefined();
  });
});
