import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { makeFolder, removeFolder } from "../../support/probe.ts";
import { provideKubernetes } from "./kubernetes-programs.ts";

let folder = "";
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

it("says that Kubernetes is not built, and by which version, where it may not build it", async () => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
  try {
    const found = await provideKubernetes({ mayBuild: false, say: () => undefined });
    expect(found).toEqual({
      missing: expect.stringMatching(
        /^Kubernetes v1\.\d+\.\d+ is not built here; npm run test:cluster -- --full builds it, once$/,
      ),
    });
  } finally {
    vi.unstubAllEnvs();
  }
});
