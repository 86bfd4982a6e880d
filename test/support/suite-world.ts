/**
 * What the tests of one `describe` share, opened before them and closed after them; without it they skip and say why.
 *
 * @module
 */
import { afterAll, beforeAll, beforeEach } from "vitest";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "./installed-servers.ts";
import { skipUnless } from "./skip.ts";

/** Something to be closed, or one line that says why there is none. */
type Opened<World> = World | { readonly missing: string };

/** @param what For the line about what is skipped. @returns The world, inside a test. */
export function suiteWorld<World extends { close(): Promise<void> }>(
  what: string,
  open: () => Promise<Opened<World>>,
): () => World {
  let world: World | undefined;
  let missing = "it was not opened";
  beforeAll(async () => {
    const opened = await open();
    if ("missing" in opened) {
      ({ missing } = opened);
      skipUnless(false, `${what}: ${missing}`);
    } else world = opened;
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(async () => await world?.close());
  beforeEach((context) => {
    if (world === undefined) context.skip(missing);
  });
  return () => {
    if (world === undefined) throw new Error(missing);
    return world;
  };
}
