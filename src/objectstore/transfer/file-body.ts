/**
 * A range of a local file as the body of a request: read into a buffer, so that the request can be repeated, within the budget.
 *
 * @module
 */
import type { SourceFile, TransferTools } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";

/** Length of the buffers that transfers share; what providers cut large files into should fill them. */
export const BUFFER_BYTES = 8 * 1024 * 1024;

/** Where the body lies in the file. */
export interface BodyRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * Reads a range of the file within the budget and hands it to `use`, which must be done with the buffer when it returns.
 *
 * @throws {StoreFailure} when the file has become shorter.
 */
export async function withBody(
  { budget, buffers }: Pick<TransferTools, "budget" | "buffers">,
  source: SourceFile,
  range: BodyRange,
  use: (body: Buffer) => Promise<void>,
): Promise<void> {
  const { head } = source;
  if (head !== undefined && head.length >= range.offset + range.lengthBytes) {
    return await use(head.subarray(range.offset, range.offset + range.lengthBytes));
  }
  await budget.hold(buffers.sizeFor(range.lengthBytes), async () => {
    const body = buffers.take(range.lengthBytes);
    await fill(body, source, range);
    await use(body);
    // After a failure an abandoned request might still send from it.
    buffers.giveBack(body);
  });
}

async function fill(body: Buffer, { file, path }: SourceFile, range: BodyRange): Promise<void> {
  if (file === undefined) throw new StoreFailure(`${path} is not open any more`);
  for (let filled = 0; filled < body.length;) {
    const { bytesRead } = await file.read(body, filled, body.length - filled, range.offset + filled);
    if (bytesRead === 0) throw new StoreFailure(`${path} became shorter while it was uploaded`);
    filled += bytesRead;
  }
}
