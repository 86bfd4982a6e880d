import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { findEngine } from "../../scripts/lib/container-engine.mjs";
import { makeFolder, removeFolder } from "../support/probe.ts";

let folder = "";

beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolder(folder));

/** Runs nothing but with the isolation `chroot`, and takes layers of earlier builds of the same file, as podman does. */
const PODMAN = `#!/bin/sh
for context; do :; done
layers="$0.$(cksum < "$context/Dockerfile" | tr ' ' -)"
if [ -e "$layers" ]; then exit 0; fi
case " $* " in
  *" --isolation chroot "*) : > "$layers"; exit 0 ;;
esac
echo "cgroups in hybrid mode not supported" >&2
exit 1
`;

test("an engine's way to build is found by a build that runs, not by layers that another way has left", () => {
  const program = path.join(folder, "podman");
  writeFileSync(program, PODMAN);
  chmodSync(program, 0o755);
  vi.stubEnv("PATH", `${folder}${path.delimiter}${process.env["PATH"] ?? ""}`);
  try {
    for (let time = 0; time < 2; time += 1)
      expect(findEngine("podman").engine?.build).toEqual(["podman", "build", "--network", "host", "--isolation", "chroot"]);
  } finally {
    vi.unstubAllEnvs();
  }
});
