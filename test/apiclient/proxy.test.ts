import fc from "fast-check";
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
    ["other, *", "192.0.2.1", false],
    ["other, ml-pipeline.kubeflow:8887", "ml-pipeline.kubeflow", false],
    ["ml-pipeline.kubeflow:9999", "ml-pipeline.kubeflow", true],
    ["10.0.0.0/8", "10.1.2.3", false],
    ["10.0.0.0/8", "11.1.2.3", true],
    ["10.1.2.3", "10.1.2.3", false],
    ["fd00::1", "fd00::1", false],
    ["fd00:0:0::1", "fd00::1", false],
    ["[fd00::1]:8887", "fd00::1", false],
    ["[fd00::1]:9999", "fd00::1", true],
    ["fd00:1234::/32", "fd00:1234:5::1", false],
    ["fd00:1234::/32", "fd00:1235::1", true],
    ["fd00::/8", "10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", false],
    ["10.1.2.3/32", "10.1.2.3", false],
    ["10.1.2.3/0", "192.0.2.1", false],
    ["10.0.0.0/8", "10.svc.cluster.local", true],
    ["10.0.0.0/33", "10.1.2.3", true],
    ["10.0.0.0/08", "10.1.2.3", true],
    ["10.0.0/8", "10.1.2.3", true],
    ["fd00::/129", "fd00::1", true],
    ["fe80::1%eth0/64", "fe80::1", true],
    ["/8", "10.1.2.3", true],
    ["/", "10.1.2.3", true],
    [":8887", "ml-pipeline.kubeflow", true],
    ["[]:8887", "ml-pipeline.kubeflow", true],
    ["*.", "ml-pipeline.kubeflow", true],
    ["ML-Pipeline.KubeFlow", "ml-pipeline.kubeflow", false],
    ["", "localhost", false],
    ["", "127.0.0.1", false],
    ["", "127.8.8.8", false],
    ["", "::1", false],
    ["", "0:0:0:0:0:0:0:1", false],
    ["", "::ffff:127.0.0.1", false],
    ["", "127.example", true],
    ["", "ml-pipeline.kubeflow", true],
  ] as const)("NO_PROXY=%s, host %s: proxied %s", ([list, host, proxied], { expect }) => {
    expect(chooseProxy({ ...proxy, NO_PROXY: list }, host, 8887) !== undefined).toBe(proxied);
  });

  test("reads any list, however long and malformed, without an error", ({ expect }) => {
    const entry = fc.oneof(
      fc.string(),
      fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: -1, max: 200 })).map(([base, bits]) => `${base}/${bits}`),
    );
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(fc.array(entry), host, (list, name) => {
        const chosen = chooseProxy({ ...proxy, NO_PROXY: list.join(",") }, name, 8887);
        expect(chosen === undefined || chosen.address === "proxy.example:3128").toBe(true);
      }),
    );
    const long = Array.from({ length: 50_000 }, (_, index) => `10.${index % 256}.${index >> 8}.0/24`).join(",");
    expect(chooseProxy({ ...proxy, NO_PROXY: long }, "192.0.2.1", 8887)).toBeDefined();
    expect(chooseProxy({ ...proxy, NO_PROXY: `${"[".repeat(100_000)}${":1".repeat(100_000)}` }, "192.0.2.1", 8887)).toBeDefined();
  });

  test("does not repeat a malformed value, which may hold a password", ({ expect }) => {
    expect(() => chooseProxy({ HTTPS_PROXY: "http://me:secret@" }, "host", 1)).toThrow(
      /HTTPS_PROXY: it is not the URL of a proxy$/,
    );
  });
});
