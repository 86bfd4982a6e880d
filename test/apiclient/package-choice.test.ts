import { describe, test } from "vitest";
import type { ApiPackage } from "../../src/wire/grpc-definition.ts";
import type { GrpcStatus } from "../../src/wire/grpc-status.ts";
import { PackageChoice, unsupportedMessage, type PackageVerdict } from "../../src/apiclient/package-choice.ts";

describe("PackageChoice", () => {
  // docs/spec/api-versions.md#examples-of-the-package-choice
  test.for<{
    name: string;
    forced?: ApiPackage;
    answers: GrpcStatus[];
    verdicts: PackageVerdict[];
    remembered: ApiPackage;
    decided: boolean;
  }>([
    { name: "OK", answers: ["OK"], verdicts: ["accept"], remembered: "v2beta1", decided: true },
    { name: "unknown run", answers: ["NOT_FOUND"], verdicts: ["accept"], remembered: "v2beta1", decided: true },
    { name: "refused token", answers: ["UNAUTHENTICATED"], verdicts: ["accept"], remembered: "v2beta1", decided: true },
    { name: "newer server", answers: ["UNIMPLEMENTED", "OK"], verdicts: ["repeat", "accept"], remembered: "v2", decided: true },
    {
      name: "newer server, unknown run",
      answers: ["UNIMPLEMENTED", "NOT_FOUND"],
      verdicts: ["repeat", "accept"],
      remembered: "v2",
      decided: true,
    },
    {
      name: "newer server that is restarting",
      answers: ["UNIMPLEMENTED", "UNAVAILABLE", "OK"],
      verdicts: ["repeat", "accept", "accept"],
      remembered: "v2",
      decided: true,
    },
    {
      name: "neither name",
      answers: ["UNIMPLEMENTED", "UNIMPLEMENTED"],
      verdicts: ["repeat", "unsupported"],
      remembered: "v2",
      decided: false,
    },
    {
      name: "server that is starting",
      answers: ["UNAVAILABLE", "DEADLINE_EXCEEDED", "OK"],
      verdicts: ["accept", "accept", "accept"],
      remembered: "v2beta1",
      decided: true,
    },
    {
      name: "server without task calls",
      answers: ["OK", "UNIMPLEMENTED"],
      verdicts: ["accept", "unsupported"],
      remembered: "v2beta1",
      decided: true,
    },
    { name: "forced", forced: "v2", answers: ["UNIMPLEMENTED"], verdicts: ["accept"], remembered: "v2", decided: true },
  ])("$name", ({ forced, answers, verdicts, remembered, decided }, { expect }) => {
    const choice = new PackageChoice(forced);
    expect(answers.map((status) => choice.observe(choice.current, status))).toEqual(verdicts);
    expect(choice.current).toBe(remembered);
    expect(choice.decided).toBe(decided);
  });

  test("repeats a call that was under way under the old name", ({ expect }) => {
    const choice = new PackageChoice();
    expect(choice.observe("v2beta1", "UNIMPLEMENTED")).toBe("repeat");
    expect(choice.observe("v2", "OK")).toBe("accept");
    expect(choice.observe("v2beta1", "UNIMPLEMENTED")).toBe("repeat");
    expect(choice.current).toBe("v2");
  });
});

test("unsupportedMessage() names host and port", ({ expect }) => {
  expect(unsupportedMessage("ml-pipeline:8888", "GetTask")).toMatch(/ml-pipeline:8888 does not offer the task API/);
});
