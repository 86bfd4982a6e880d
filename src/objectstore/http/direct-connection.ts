/**
 * A connection whose bytes land in two buffers of its own: for the large ranges of a download, and for small objects by the thousand.
 *
 * Node's HTTP client makes a buffer of 64 KiB for each read, and lets the garbage collector find it: most of what a large download costs
 * (docs/adr/0035-large-downloads.md). Here one buffer fills while whoever reads the content works on the other; when both are full the
 * socket is not read. Requests come one after the other.
 *
 * @module
 */
import type { OnReadOpts, Socket } from "node:net";
import { systemFailure } from "../store-errors.ts";
import { StoreFailure } from "../store-failure.ts";
import { prematureEnd } from "../transfer/read-batches.ts";
import { joinChunks, parseChunkedHead, parseResponseHead } from "./response-head.ts";
import type { ResponseHead } from "./response-head.ts";

const LONGEST_HEAD_BYTES = 64 * 1024;
const END_OF_HEAD = "\r\n\r\n";

/** Of a request whose answer does not come, or not to its end. */
function idleFailure(idleTimeoutMs: number): StoreFailure {
  return new StoreFailure(`no byte moved for ${idleTimeoutMs / 1000} s`, { reason: "TIMEOUT" });
}

/** The other end went away before it answered: as Node's own client names it. */
function hangUp(): Error {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
}

/** Ends a request: its answer, or that it is one for Node's own client. */
type HeadHandler = (head: ResponseHead | StoreFailure | undefined) => void;

/** Opens a socket that reads as told. */
export type Connect = (onread: OnReadOpts) => Socket;

/** What is sent on a connection. */
export interface DirectMessage {
  /** From the request line to the empty line. */
  readonly head: string;
  /** Must stay as it is until there is an answer. */
  readonly body?: Buffer;
}

export interface DirectConnectionOptions {
  /** Length of each of the two buffers. Longer heads of answers are left to Node's own client. */
  readonly pieceBytes: number;
  /** Statuses that are answers; all others are left to Node's own client. */
  readonly isAnswer: (status: number) => boolean;
  /** Whether answers may come in chunks, as far as all of them fit into a buffer. */
  readonly allowsChunks: boolean;
}

export class DirectConnection {
  readonly #socket: Socket;
  readonly #pieceBytes: number;
  readonly #isAnswer: (status: number) => boolean;
  readonly #allowsChunks: boolean;
  readonly #pieces: readonly [Buffer, Buffer];
  /** Of an answer whose chunks are not all there, and where they begin in the piece. */
  #chunked: { readonly head: Omit<ResponseHead, "contentBytes">; readonly start: number } | undefined;
  /** Index of the piece that is being filled, and how far it is. */
  #filling = 0;
  #filledBytes = 0;
  /** Of the content, not read from the socket yet. */
  #leftBytes = 0;
  /** Full, and not given back yet. */
  #ready: Buffer | undefined;
  #isPaused = false;
  #onHead: HeadHandler | undefined;
  #hasOddAnswer = false;
  #failure: StoreFailure | undefined;
  #wake: () => void = () => {};

  constructor(connect: Connect, { pieceBytes, isAnswer, allowsChunks }: DirectConnectionOptions) {
    this.#allowsChunks = allowsChunks;
    this.#pieceBytes = pieceBytes;
    this.#isAnswer = isAnswer;
    this.#pieces = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)];
    this.#socket = connect({
      buffer: () => this.#space(),
      callback: (bytesRead) => this.#take(bytesRead),
    });
    this.#socket.on("error", (error) => this.#fail(systemFailure(error)));
    this.#socket.once("close", () => this.#fail(systemFailure(this.#onHead === undefined ? prematureEnd() : hangUp())));
    this.#socket.on("timeout", () => this.destroy(idleFailure(this.#socket.timeout ?? 0)));
  }

  /** Whether another request may be sent: nothing of the last one is waiting to be. */
  get isUsable(): boolean {
    return this.#failure === undefined && this.#socket.writableLength === 0;
  }

  /** Whether the last answer was written in a way that only Node's own client reads. */
  get hasOddAnswer(): boolean {
    return this.#hasOddAnswer;
  }

  /** What befalls the socket from now on is the failure of the request under way. */
  destroy(failure = systemFailure(prematureEnd())): void {
    this.#fail(failure);
    this.#socket.destroy();
  }

  /** Lets the process end while the connection is idle. */
  rest(): void {
    this.#socket.setTimeout(0);
    this.#socket.unref();
  }

  /**
   * Sends a request; the content of its answer is to be read with `batches`.
   *
   * @returns `undefined` when the answer is not one of a wanted status and of known length; the connection is of no further use then.
   * @throws {StoreFailure} when there is no answer.
   */
  async send({ head, body }: DirectMessage, idleTimeoutMs: number): Promise<ResponseHead | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    const answer = await new Promise<ResponseHead | StoreFailure | undefined>((resolve) => {
      this.#onHead = resolve;
      this.#socket.ref();
      this.#socket.setTimeout(idleTimeoutMs);
      // Both in one packet, as far as they fit.
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      if (body !== undefined && body.length > 0) this.#socket.write(body);
      this.#socket.uncork();
    });
    if (answer instanceof StoreFailure) throw answer;
    if (answer === undefined) this.destroy();
    return answer;
  }

  /** The content, piece by piece: each is valid until the next one is asked for. What came before a failure comes before it. */
  async *batches({ contentBytes }: ResponseHead): AsyncGenerator<readonly Buffer[]> {
    for (let given = 0; given < contentBytes;) {
      while (this.#ready === undefined) {
        if (this.#failure !== undefined) {
          if (this.#filledBytes === 0) throw this.#failure;
          this.#handOver();
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      const piece: Buffer = this.#ready;
      given += piece.length;
      yield [piece];
      this.#ready = undefined;
      if (this.#isPaused) this.#goOn();
    }
  }

  /** Where the next bytes are to land: asked for before anybody knows what they are. */
  #space(): Uint8Array {
    // Nothing is read before the other piece is given back, and then it is the one to be filled.
    const [piece, start] = this.#isPaused ? [this.#pieces[1 - this.#filling], 0] : [this.#piece(), this.#filledBytes];
    // An answer that follows at once does not land in the content of this one.
    return (piece ?? this.#piece()).subarray(start, this.#leftBytes === 0 ? undefined : start + this.#leftBytes);
  }

  #piece(): Buffer {
    return this.#pieces[this.#filling] ?? this.#pieces[0];
  }

  /** @returns whether to go on reading. */
  #take(bytesRead: number): boolean {
    if (this.#onHead !== undefined) return this.#chunked === undefined ? this.#takeHead(bytesRead) : this.#takeChunks(bytesRead);
    if (this.#leftBytes === 0) {
      this.destroy(new StoreFailure("the store sent more than it had announced", { reason: "UNEXPECTED_EOF" }));
      return false;
    }
    this.#filledBytes += bytesRead;
    this.#leftBytes -= bytesRead;
    return this.#offer();
  }

  #takeHead(bytesRead: number): boolean {
    const piece = this.#piece();
    const searched = Math.max(0, this.#filledBytes - END_OF_HEAD.length);
    this.#filledBytes += bytesRead;
    const found = piece.subarray(searched, this.#filledBytes).indexOf(END_OF_HEAD);
    if (found === -1 && this.#filledBytes < Math.min(LONGEST_HEAD_BYTES, this.#pieceBytes)) return true;
    const end = searched + found;
    const text = found === -1 ? "" : piece.toString("latin1", 0, end);
    const head = parseResponseHead(text);
    const chunkedHead = head === undefined && this.#allowsChunks ? parseChunkedHead(text) : undefined;
    if (chunkedHead !== undefined && this.#isAnswer(chunkedHead.status)) {
      this.#chunked = { head: chunkedHead, start: end + END_OF_HEAD.length };
      return this.#takeChunks(0);
    }
    const earlyBytes = this.#filledBytes - end - END_OF_HEAD.length;
    const isOrdinary = head !== undefined && this.#isAnswer(head.status) && earlyBytes <= head.contentBytes;
    if (!isOrdinary) return this.#refuse(head === undefined);
    piece.copyWithin(0, end + END_OF_HEAD.length, this.#filledBytes);
    this.#filledBytes = earlyBytes;
    this.#leftBytes = head.contentBytes - earlyBytes;
    this.#answer(head);
    return this.#offer();
  }

  #takeChunks(bytesRead: number): boolean {
    const piece = this.#piece();
    this.#filledBytes += bytesRead;
    const { head, start = 0 } = this.#chunked ?? {};
    const contentBytes = joinChunks(piece.subarray(start, this.#filledBytes));
    if (contentBytes === undefined && this.#filledBytes < this.#pieceBytes) return true;
    this.#chunked = undefined;
    if (head === undefined || contentBytes === undefined || Number.isNaN(contentBytes)) return this.#refuse(true);
    piece.copyWithin(0, start, start + contentBytes);
    this.#filledBytes = contentBytes;
    this.#answer({ ...head, contentBytes });
    return this.#offer();
  }

  /** Leaves the answer to Node's own client. */
  #refuse(isOdd: boolean): boolean {
    this.#hasOddAnswer = isOdd;
    this.#answer(undefined);
    return false;
  }

  /** @returns whether there is room for more. */
  #offer(): boolean {
    const isContentOver = this.#leftBytes === 0;
    // An answer without content has nothing to hand over.
    if (isContentOver ? this.#filledBytes === 0 : this.#filledBytes < this.#pieceBytes) return true;
    if (this.#ready !== undefined) {
      this.#isPaused = true;
      return false;
    }
    this.#handOver();
    return true;
  }

  #handOver(): void {
    this.#ready = this.#piece().subarray(0, this.#filledBytes);
    this.#filling = 1 - this.#filling;
    this.#filledBytes = 0;
    this.#wake();
  }

  #goOn(): void {
    this.#isPaused = false;
    this.#handOver();
    this.#socket.resume();
  }

  #answer(head: ResponseHead | StoreFailure | undefined): void {
    const handler = this.#onHead;
    this.#onHead = undefined;
    handler?.(head);
  }

  #fail(failure: StoreFailure): void {
    this.#failure ??= failure;
    this.#answer(this.#failure);
    this.#wake();
  }
}
