/**
 * The quickstart from end to end as a cluster would run it: every driver, init container and launcher in a container of its own, made
 * of the images of this tree, with the limits and the security contexts of a compiled workflow, artifacts in an S3 store.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { JsonObject } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { stepImage } from "../support/base-images.ts";
import { findContainers, provideImages, type Containers, type RuntimeImages } from "../support/containers.ts";
import { outputParameter, playRun, startPeers, type Peers } from "../support/play-run.ts";
import { root } from "../support/probe.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { skipUnless } from "../support/skip.ts";

interface World {
  readonly containers: Containers;
  readonly images: RuntimeImages;
  readonly folder: string;
  readonly peers: Peers;
}

let world: World | undefined;

beforeAll(async () => {
  const containers = findContainers();
  if (containers === undefined) return;
  const images = await provideImages(containers);
  if ("missing" in images) {
    skipUnless(false, `the quickstart in containers: ${images.missing}`);
    return;
  }
  world = {
    ...{ containers, images, folder: await mkdtemp(path.join(tmpdir(), "kfp-runtime-quickstart-")) },
    peers: await startPeers(),
  };
}, 1_200_000 + STORE_SERVER_SETUP_TIMEOUT_MS);

afterAll(async () => {
  await world?.peers.close();
  if (world !== undefined) await rm(world.folder, { recursive: true, force: true });
});

describe("the quickstart in containers", () => {
  test("passes, with every driver and launcher in a container of its own", { timeout: 300_000 }, async ({ expect, skip }) => {
    if (world === undefined) return skip();
    const { peers, ...rest } = world;
    const source = parse(await readFile(path.join(root, "examples/quickstart/pipeline.yaml"), "utf8")) as JsonObject;
    const named = new Set<string>();
    const played = await playRun(
      peers,
      {
        ...rest,
        image: (name) => {
          named.add(name);
          return stepImage;
        },
      },
      source,
    );
    const said = Object.entries(played.mains).map(([task, { code, stderr }]) => `${task}: ${String(code)}\n${stderr}`);
    expect(played.outcome, said.join("\n")).toBe("succeeded");
    expect([...named]).toEqual(["node:24-bookworm-slim"]);
    expect(played.tasks["root.announce"]).toEqual({ outcome: "succeeded" });
    expect(played.tasks["root.condition-branches-2.condition-4"]).toEqual({ outcome: "skipped" });
    expect(outputParameter(peers, played.runId, "choose", "best_k")).toBe(9);
    expect(outputParameter(peers, played.runId, "classify-2", "accuracy")).toBeCloseTo(29 / 30, 4);
  });
});
