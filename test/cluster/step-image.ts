/**
 * An image with busybox, in the place of the alpine that pipelines of the conformance set name, and one with a model.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildWith, type ContainerEngine } from "../../scripts/lib/container-engine.mjs";

/** What the file `weights` of the model holds. */
export const MODEL_WEIGHTS = "weights of a test\n";
const BUSYBOX = "/bin/busybox";

/** @returns Name of the image, or one line that says what is missing. */
export function provideStepImage(engine: ContainerEngine): string | { readonly missing: string } {
  if (!existsSync(BUSYBOX)) return { missing: "busybox-static is not installed" };
  const image = "localhost/kfp-runtime-cluster/steps:1";
  const context = mkdtempSync(path.join(tmpdir(), "kfp-runtime-steps-"));
  try {
    mkdirSync(path.join(context, "bin"));
    copyFileSync(BUSYBOX, path.join(context, "bin/busybox"));
    for (const name of execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n"))
      if (name !== "busybox") symlinkSync("busybox", path.join(context, "bin", name));
    mkdirSync(path.join(context, "tmp"), { mode: 0o1777 });
    writeFileSync(path.join(context, "Dockerfile"), "FROM scratch\nCOPY bin /bin\nCOPY --chmod=1777 tmp /tmp\nENV PATH=/bin\n");
    buildWith(engine, ["-t", image, context]);
    return image;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** A model as modelcars have it, beside the shell that they need. */
export function provideModelImage(engine: ContainerEngine, steps: string): string {
  const image = "localhost/kfp-runtime-cluster/model:1";
  const context = mkdtempSync(path.join(tmpdir(), "kfp-runtime-model-"));
  try {
    writeFileSync(path.join(context, "weights"), MODEL_WEIGHTS);
    writeFileSync(path.join(context, "Dockerfile"), `FROM ${steps}\nCOPY weights /models/weights\n`);
    buildWith(engine, ["-t", image, context]);
    return image;
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}
