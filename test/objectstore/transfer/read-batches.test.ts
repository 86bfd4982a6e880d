import { PassThrough, Readable } from "node:stream";
import fc from "fast-check";
import { describe, test } from "vitest";
import { readBatches } from "../../../src/objectstore/transfer/read-batches.ts";

async function readAll(stream: Readable, batchBytes: number): Promise<{ batches: Buffer[]; failure: unknown }> {
  const batches: Buffer[] = [];
  try {
    for await (const chunks of readBatches(stream, batchBytes)) batches.push(Buffer.concat(chunks));
    return { batches, failure: undefined };
  } catch (failure) {
    return { batches, failure };
  }
}

describe("readBatches", () => {
  test("gives all bytes in order, in batches of the size but the last", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 100 }),
        async (chunks, batchBytes) => {
          const { batches, failure } = await readAll(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), batchBytes);
          expect(failure).toBeUndefined();
          expect(Buffer.concat(batches)).toEqual(Buffer.concat(chunks));
          for (const batch of batches.slice(0, -1)) expect(batch.length).toBeGreaterThanOrEqual(batchBytes);
        },
      ),
    );
  });

  test("stops the stream while a batch is worked on", async ({ expect }) => {
    const stream = new PassThrough({ highWaterMark: 10 });
    let written = 0;
    const write = (): void => {
      while (written < 10_000) {
        written += 10;
        if (!stream.write(Buffer.alloc(10))) return void stream.once("drain", write);
      }
      stream.end();
    };
    write();
    const batches = readBatches(stream, 100);
    await batches.next();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(500);
    let rest = 0;
    for await (const chunks of batches) rest += chunks.reduce((sum, { length }) => sum + length, 0);
    expect(rest).toBeGreaterThan(9000);
  });

  test.for([
    ["an error", new Error("reset"), "reset"],
    ["a close without an end", undefined, "the answer broke off"],
  ] as const)("gives what came before %s", async ([, error, message], { expect }) => {
    const stream = new PassThrough();
    stream.write("begun");
    const reading = readAll(stream, 1000);
    await new Promise((resolve) => setImmediate(resolve));
    stream.destroy(error);
    const { batches, failure } = await reading;
    expect(Buffer.concat(batches).toString()).toBe("begun");
    expect(failure).toMatchObject({ message });
  });
});
