import { describe, test } from "vitest";
import { mainEnvironment } from "../../../src/driver/pod-spec-patch/environment.ts";

const noProxy = { httpProxy: "", httpsProxy: "", noProxy: "" };

describe("mainEnvironment()", () => {
  test("puts the user's variables first and the pod's identity last", ({ expect }) => {
    const env = [
      { name: "MODE", value: "fast" },
      { name: "EMPTY", value: "" },
    ];
    expect(mainEnvironment(env, { ...noProxy, httpProxy: "p" }).map(({ name }) => name)).toEqual([
      "MODE",
      "EMPTY",
      "http_proxy",
      "HTTP_PROXY",
      "no_proxy",
      "NO_PROXY",
      "KFP_POD_NAME",
      "KFP_POD_UID",
      "NAMESPACE",
    ]);
  });

  test("leaves the value out of an empty variable", ({ expect }) => {
    expect(mainEnvironment([{ name: "EMPTY", value: "" }], noProxy)[0]).toEqual({ name: "EMPTY" });
  });

  test.for(["KFP_POD_NAME", "KFP_POD_UID", "NAMESPACE"])("refuses %s, which is the runtime's", (name, { expect }) => {
    expect(() => mainEnvironment([{ name, value: "x" }], noProxy)).toThrow(
      `environment variable "${name}" is reserved for KFP runtime identity`,
    );
  });
});
