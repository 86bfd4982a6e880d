import { describe, expect, it } from "vitest";
import { manifestImages, withRegistry } from "./cluster-images.ts";

describe("images of a whole Kubernetes", () => {
  it("are those that our manifests have KFP's API server compile", () => {
    expect(manifestImages()).toEqual({
      driver: expect.stringMatching(/^kfp-runtime\/driver:\d/),
      launcher: expect.stringMatching(/^kfp-runtime\/launcher:\d/),
    });
  });

  it("have a registry in their names, as the container runtime keeps them", () => {
    const names = { "alpine:3.22": "docker.io/library/alpine:3.22", "kfp-runtime/driver:1": "docker.io/kfp-runtime/driver:1" };
    for (const [short, long] of Object.entries(names)) expect(withRegistry(short)).toBe(long);
    for (const long of ["localhost/a/b:1", "registry.example.org/models/one:1", "localhost:5000/a:1"])
      expect(withRegistry(long)).toBe(long);
  });
});
