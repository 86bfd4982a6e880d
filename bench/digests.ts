/**
 * What digests of 512 MiB cost, one thread for each row: `node bench/digests.ts [--rounds N]`. Prints the smallest CPU time in ms.
 *
 * MD5 of one message after the other (OpenSSL) beside four at once (src/objectstore/digests/md5-lanes.ts), as for the parts of an object.
 */
import { parseArgs } from "node:util";
import { DigestThread, digestsAtOnce } from "../src/objectstore/digests/digest-thread.ts";
import type { ThreadAlgorithm } from "../src/objectstore/digests/digest-thread.ts";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const MIB = 1024 * 1024;
const PART_BYTES = 8 * MIB;
const PARTS = 64;

async function cpuMs(algorithm: ThreadAlgorithm, together: number): Promise<number> {
  const thread = new DigestThread();
  const part = new Uint8Array(new SharedArrayBuffer(PART_BYTES));
  const sources = Array.from({ length: together }, () => ({ bytes: part }));
  const rounds: number[] = [];
  for (let round = 0; round <= Number(options.rounds); round++) {
    const before = process.cpuUsage();
    for (let done = 0; done < PARTS; done += together) await thread.compute(algorithm, sources);
    const { user, system } = process.cpuUsage(before);
    // The first one is the engine's, which compiles.
    if (round > 0) rounds.push((user + system) / 1000);
  }
  thread.end();
  return Math.min(...rounds);
}

console.log("| 512 MiB | at once | CPU ms |\n| --- | ---: | ---: |");
for (const algorithm of ["md5", "sha256", "sha1", "crc32", "crc32c", "crc64nvme"] as const) {
  for (const together of new Set([1, digestsAtOnce(algorithm)])) {
    console.log(`| ${algorithm} | ${String(together)} | ${(await cpuMs(algorithm, together)).toFixed(0)} |`);
  }
}
