/**
 * One local file to one blob: small ones in one request, larger ones in blocks sent in parallel, all in constant memory.
 *
 * Every request carries the MD5 of its bytes, which the store checks before it keeps them; the blob keeps the MD5 of the whole file, so
 * that downloads can be checked. Blocks are not a blob until the list of them is written: an interrupted upload leaves none, and the
 * store drops the blocks after a week. There is no request that drops them earlier.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage; Azure Storage REST API, "Put Blob", "Put Block", "Put Block List".
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { SourceFile, TransferTools } from "../bucket.ts";
import { BAD_CHECKSUM } from "../store-advice.ts";
import { StoreFailure } from "../store-failure.ts";
import { BUFFER_BYTES, withBody } from "../transfer/file-body.ts";
import { runBounded } from "../transfer/run-bounded.ts";
import { blockListXml, tagOf } from "./azure-answers.ts";
import type { AzureHttp } from "./azure-http.ts";

const MIB = 1024 * 1024;
const MOST_BLOCKS = 50_000;
const BLOCKS_AT_ONCE = 4;
/** Removing what must not stay must not prolong a failure by much, and runs although the store may be closing. */
const REMOVAL_TIMEOUT_MS = 10_000;

/** What an upload works with. */
export interface PutContext extends TransferTools {
  readonly http: AzureHttp;
}

interface PutTarget extends SourceFile {
  readonly key: string;
}

/** Uploads the file; `key` is the escaped name of the blob. */
export async function putFile(context: PutContext, key: string, source: SourceFile): Promise<void> {
  const target = { ...source, key };
  if (target.sizeBytes <= BUFFER_BYTES) await putWhole(context, target);
  else await putBlocks(context, target);
}

async function putWhole(context: PutContext, target: PutTarget): Promise<void> {
  const { http, retrier, signal } = context;
  const { key, contentType } = target;
  await withBody(context, target, { offset: 0, lengthBytes: target.sizeBytes }, async (body) => {
    const md5 = createHash("md5").update(body).digest("base64");
    const headers = { "content-type": contentType, "content-md5": md5, "x-ms-blob-type": "BlockBlob" };
    await retrier.run(async () => {
      const answer = await http.read({ method: "PUT", key, headers, body }, signal);
      const { checksums } = tagOf(answer.headers, false);
      if (checksums.every(({ value }) => value === md5)) return;
      await remove(context, key, answer.headers.etag);
      throw damaged("the stored bytes differ from the sent ones (MD5 does not match)");
    });
  });
}

async function putBlocks(context: PutContext, target: PutTarget): Promise<void> {
  const { http, retrier, signal } = context;
  const { key, contentType, sizeBytes } = target;
  const whole = createOrderedMd5();
  // Two attempts at one step may write at the same time: each commits its own blocks.
  const attempt = randomBytes(12).toString("hex");
  const ids: string[] = [];
  await runBounded(blockRanges(sizeBytes), BLOCKS_AT_ONCE, async ({ index, offset, lengthBytes }) => {
    const id = Buffer.from(`${attempt}-${String(index).padStart(7, "0")}`).toString("base64");
    ids[index] = id;
    await whole.inTurn(index, async (digest) => {
      await withBody(context, target, { offset, lengthBytes }, async (body) => {
        await digest(body);
        const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
        const query = { comp: "block", blockid: id };
        await retrier.run(() => http.read({ method: "PUT", key, query, headers, body }, signal));
      });
    });
  });
  const headers = {
    "content-type": "application/xml",
    "x-ms-blob-content-type": contentType,
    "x-ms-blob-content-md5": whole.digest(),
  };
  const query = { comp: "blocklist" };
  // Writing the same list twice is no harm: blocks that are in the blob already count as well.
  const { headers: answered } = await retrier.run(() =>
    http.read({ method: "PUT", key, query, headers, body: blockListXml(ids) }, signal),
  );
  await assertLength(context, target, answered.etag);
}

/** The store has the last word on what it made of the blocks. */
async function assertLength(context: PutContext, { key, sizeBytes }: PutTarget, etag: string | undefined): Promise<void> {
  const { http, retrier, signal } = context;
  const { headers } = await retrier.run(() => http.read({ method: "HEAD", key }, signal));
  // Another attempt may have written the blob since.
  if (headers.etag !== etag || Number(headers["content-length"]) === sizeBytes) return;
  await remove(context, key, etag);
  throw damaged(`the store holds ${String(headers["content-length"])} bytes of ${sizeBytes}`);
}

async function remove({ http }: PutContext, key: string, etag: string | undefined): Promise<void> {
  const headers = etag === undefined ? {} : { "if-match": etag };
  await http.read({ method: "DELETE", key, headers }, AbortSignal.timeout(REMOVAL_TIMEOUT_MS)).catch(() => {});
}

function damaged(message: string): StoreFailure {
  return new StoreFailure(message, { reason: BAD_CHECKSUM });
}

interface OrderedMd5 {
  /** Calls `work` with a function that adds the piece when all pieces before it have been added. */
  inTurn(index: number, work: (add: (bytes: Buffer) => Promise<void>) => Promise<void>): Promise<void>;
  /** Base64. */
  digest(): string;
}

/**
 * The MD5 of pieces that are begun in order and read at the same time. A piece waits for the ones before it to be read, never for one
 * to be sent; memory is given out in the order in which pieces begin, so that the one that is waited for always has its own.
 */
function createOrderedMd5(): OrderedMd5 {
  const hash = createHash("md5");
  const added: Array<PromiseWithResolvers<void>> = [];
  const turn = (index: number): PromiseWithResolvers<void> => {
    const known = added[index];
    if (known !== undefined) return known;
    const created = Promise.withResolvers<void>();
    // Whoever waits hears of it; nobody may be waiting.
    created.promise.catch(() => {});
    added[index] = created;
    return created;
  };
  return {
    async inTurn(index, work) {
      try {
        await work(async (bytes) => {
          if (index > 0) await turn(index - 1).promise;
          hash.update(bytes);
          turn(index).resolve();
        });
      } catch (error) {
        turn(index).reject(error instanceof Error ? error : new StoreFailure("an earlier block was not sent"));
        throw error;
      }
    },
    digest: () => hash.digest("base64"),
  };
}

/** Blocks fill the shared buffers, unless that would make too many. */
function* blockRanges(sizeBytes: number): Generator<{ index: number; offset: number; lengthBytes: number }> {
  const blockBytes = Math.max(BUFFER_BYTES, Math.ceil(sizeBytes / MOST_BLOCKS / MIB) * MIB);
  for (let offset = 0, index = 0; offset < sizeBytes; offset += blockBytes, index++) {
    yield { index, offset, lengthBytes: Math.min(blockBytes, sizeBytes - offset) };
  }
}
