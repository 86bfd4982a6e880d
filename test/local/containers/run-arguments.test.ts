import { describe, expect, test } from "vitest";
import type { ContainerEngine } from "../../../src/local/containers/container-engine.ts";
import { containerCommand, type ContainerRequest } from "../../../src/local/containers/run-arguments.ts";

const podman: ContainerEngine = { words: ["podman", "--runtime", "runc"], kind: "podman", runOptions: ["--gpus", "all"] };
const request: ContainerRequest = {
  name: "kfp-1",
  labels: { "kfp-runtime.run": "r" },
  image: "busybox:1.37",
  command: ["/kfp-launcher/launch", "--x", "", "--", "sh"],
  environment: {},
  mounts: [],
  memoryMounts: [],
  sharesNetwork: true,
};

describe("containerCommand()", () => {
  test("puts the first word in the place of the entry point, and the engine's own options where they belong", () => {
    const { argv } = containerCommand(podman, request);
    expect(argv.slice(0, 4)).toEqual(["podman", "--runtime", "runc", "run"]);
    expect(argv.slice(argv.indexOf("--entrypoint"))).toEqual([
      ...["--entrypoint", "/kfp-launcher/launch", "--gpus", "all", "busybox:1.37"],
      ...["--x", "", "--", "sh"],
    ]);
    expect(argv.join(" ")).toContain("--rm --pull=never --name kfp-1");
    expect(argv.join(" ")).toContain("--network host --label kfp-runtime.run=r");
  });

  test("keeps values of variables out of the command line, but for those the engine itself would read", () => {
    const environment = { PASSWORD: "planted-77", PATH: "/image/bin", DOCKER_HOST: "tcp://x", http_proxy: "http://p" };
    const { argv, environment: passed } = containerCommand(podman, { ...request, environment });
    expect(passed).toEqual({ PASSWORD: "planted-77" });
    expect(argv.join(" ")).not.toContain("planted-77");
    expect(argv.join(" ")).toContain("--env PASSWORD --env PATH=/image/bin --env DOCKER_HOST=tcp://x --env http_proxy=http://p");
  });

  test.for([
    { mount: { source: "/a b", path: "/c", readOnly: false }, text: "type=bind,source=/a b,target=/c" },
    { mount: { source: "/a", path: "/c", readOnly: true }, text: "type=bind,source=/a,target=/c,readonly" },
    { mount: { source: '/a,"b"', path: "/c", readOnly: false }, text: 'type=bind,"source=/a,""b""",target=/c' },
  ])("mounts $mount", ({ mount, text }) => {
    const { argv } = containerCommand(podman, { ...request, mounts: [mount] });
    expect(argv[argv.indexOf("--mount") + 1]).toBe(text);
  });

  test("says user, limits, folder and memory where there are some", () => {
    const { argv } = containerCommand(podman, {
      ...request,
      ...{ user: "1000:100", workingDirectory: "/w", cpus: 0.5, memoryBytes: 1024 },
      memoryMounts: [{ path: "/dev/shm", sizeBytes: 7 }],
    });
    expect(argv.join(" ")).toContain("--user 1000:100 --workdir /w --cpus 0.5 --memory 1024");
    expect(argv).toContain("type=tmpfs,target=/dev/shm,tmpfs-size=7");
  });

  test("asks docker for nothing that only podman knows", () => {
    const { argv } = containerCommand({ words: ["docker"], kind: "docker", runOptions: [] }, request);
    expect(argv.join(" ")).not.toMatch(/http-proxy|label=disable/);
  });
});
