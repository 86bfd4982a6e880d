/** The values of V2_DRIVER_COMMAND that docs/debugging.md gives, cut as the API server cuts them, in the root of the debug image. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startSampleServer, type SampleServer } from "../../scripts/lib/sample-run.ts";
import { locateLine, stopAt } from "../support/breakpoints.ts";
import { attachInspector } from "../support/inspector-client.ts";
import { namespacesMissing, portableToolsMissing } from "../support/portable.ts";
import { makeFolder, removeFolder, root, runScript } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";

const skipped =
  portableToolsMissing() ||
  namespacesMissing() ||
  skipUnless(existsSync("/bin/busybox"), "commands of the debug image: /bin/busybox is missing");

const commands = [...readFileSync(path.join(root, "docs/debugging.md"), "utf8").matchAll(/^ +value: (.*driver)$/gm)].map(
  ([, command = ""]) => command.split(" "),
);

let folder = "";
let dist = "";
let image = "";
let server: SampleServer;

beforeAll(async () => {
  if (skipped) return;
  folder = await makeFolder();
  // As deep as dist is, so that relative paths of the maps lead to the sources.
  dist = path.join(root, "dist", `.test-${path.basename(folder)}`);
  image = path.join(folder, "image");
  for (const built of [
    await runScript("build.mjs", ["--out", dist, "--program", "driver=src/driver/main.ts", "--no-code-cache"]),
    await runScript("build-portable.mjs", ["--dist", dist, "--image-root", "driver", "--source-maps", image]),
  ]) {
    if (built.code !== 0) throw new Error(built.stderr);
  }
  mkdirSync(path.join(image, "bin"));
  copyFileSync("/bin/busybox", path.join(image, "bin/busybox"));
  server = await startSampleServer();
});
afterAll(async () => {
  if (skipped) return;
  await Promise.all([server.close(), removeFolder(folder), removeFolder(dist)]);
});

describe.skipIf(skipped)("a driver of the debug image", () => {
  test("can be started in two documented ways", () => {
    expect(commands.map(([word]) => word)).toEqual(["busybox", "/kfp-driver/lib/node"]);
  });

  test.for(commands)("stops at a TypeScript line when it is started as %s ...", async (command, { expect }) => {
    // The documented port may be in use here, and the documented filter is for another driver.
    const words = command.map((word) =>
      word
        .replace("KFP_INSPECT=on", "KFP_INSPECT=127.0.0.1:0")
        .replace(":9229", ":0")
        .replace("=train", "=root")
        .replace("=CONTAINER", "=ROOT_DAG"),
    );
    const { rootDriver } = await server.newRun();
    const [word = "", ...args] = [...words, ...rootDriver.argv];
    const program = word.startsWith("/") ? word : `/bin/${word}`;
    const child = spawn("chroot", [image, program, ...args], {
      env: { ...rootDriver.environment, PATH: "/usr/local/bin:/bin:/usr/sbin:/sbin:/usr/bin", KFP_INSPECT: "1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let log = "";
    const url = new Promise<string>((resolve, reject) => {
      child.stderr.on("data", (data: Buffer) => {
        log += data.toString();
        const match = /^Debugger listening on (ws:\S+)$/m.exec(log);
        if (match?.[1] !== undefined) resolve(match[1]);
      });
      child.once("close", () => reject(new Error(log)));
    });
    const ended = once(child, "close");
    const inspector = await attachInspector(await url);
    const place = locateLine(path.join(dist, "lib"), "driver", [
      "src/driver/drive-job.ts",
      "server = await unlessInterrupted(signal, job.connect",
    ]);
    const { paused, value } = await stopAt(inspector, place, "/kfp-driver/lib");
    expect(paused.callFrames[0]?.functionName).toBe("driveJob");
    expect(await value("options.type")).toBe("ROOT_DAG");
    inspector.close();
    // Its output folder is not in that root, and nothing else is asked of it here.
    await ended;
    expect(log).toContain("driver starts");
  });
});
