import { describe, test } from "vitest";
import { chooseProxy } from "../../src/apiclient/proxy.ts";

const proxy = { HTTPS_PROXY: "http://proxy.example:3128" };

describe("chooseProxy()", () => {
  test("is direct without a proxy variable", ({ expect }) => {
    expect(chooseProxy({ HTTP_PROXY: "http://proxy:1" }, "ml-pipeline.kubeflow", 8887)).toBeUndefined();
  });

  test.for([
    ["http://proxy.example:3128", { address: "proxy.example:3128" }],
    ["proxy.example", { address: "proxy.example:80" }],
    ["https://proxy.example", { address: "proxy.example:443" }],
    ["http://me:p%40ss@proxy.example:1", { address: "proxy.example:1", credentials: "me:p@ss" }],
  ] as const)("reads %s", ([text, expected], { expect }) => {
    expect(chooseProxy({ https_proxy: text }, "ml-pipeline.kubeflow", 8887)).toEqual(expected);
  });

  test.for([
    ["ml-pipeline.kubeflow", "ml-pipeline.kubeflow", false],
    ["kubeflow", "ml-pipeline.kubeflow", false],
    [".kubeflow", "ml-pipeline.kubeflow", false],
    [".kubeflow", "kubeflow", true],
    ["*.kubeflow", "ml-pipeline.kubeflow", false],
    ["flow", "ml-pipeline.kubeflow", true],
    ["*", "anything", false],
    ["other, ml-pipeline.kubeflow:8887", "ml-pipeline.kubeflow", false],
    ["ml-pipeline.kubeflow:9999", "ml-pipeline.kubeflow", true],
    ["10.0.0.0/8", "10.1.2.3", false],
    ["10.0.0.0/8", "11.1.2.3", true],
    ["10.1.2.3", "10.1.2.3", false],
    ["fd00::1", "fd00::1", false],
    ["", "localhost", false],
    ["", "127.0.0.1", false],
    ["", "ml-pipeline.kubeflow", true],
  ] as const)("NO_PROXY=%s, host %s: proxied %s", ([list, host, proxied], { expect }) => {
    expect(chooseProxy({ ...proxy, NO_PROXY: list }, host, 8887) !== undefined).toBe(proxied);
  });

  test("does not repeat a malformed value, which may hold a password", ({ expect }) => {
    expect(() => chooseProxy({ HTTPS_PROXY: "http://me:secret@" }, "host", 1)).toThrow(
      /HTTPS_PROXY: it is not the URL of a proxy$/,
    );
  });
});
