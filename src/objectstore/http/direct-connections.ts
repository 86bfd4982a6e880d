/**
 * Connections of ours, kept for the next request; a bound on how many there are. Of two kinds: for the large ranges of downloads, and for
 * small objects, of which there may be thousands.
 *
 * @module
 */
import { connect as connectTcp, isIP } from "node:net";
import type { OnReadOpts, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { SecureContextOptions } from "node:tls";
import { trustDefaultAuthorities } from "../../node/default-authorities.ts";
import type { BlobContent } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { DirectConnection } from "./direct-connection.ts";
import type { DirectConnectionOptions } from "./direct-connection.ts";

/** What a set of connections is for. */
export interface DirectUse extends DirectConnectionOptions {
  readonly mostConnections: number;
}

/** Below this length a range is not worth a connection with large buffers of its own. */
export const SMALLEST_DIRECT_BYTES = 1024 * 1024;
/** Refusals are rare, and Node's own client can read all of them. */
export const LARGE_RANGES: DirectUse = {
  pieceBytes: 1024 * 1024,
  mostConnections: 8,
  isAnswer: (status) => status === 200 || status === 206,
  allowsChunks: false,
};

/** For small objects by the thousand. A store that is busy refuses many requests: each refusal is read where it arrives. */
export const BRIEF_REQUESTS: DirectUse = {
  pieceBytes: 16 * 1024,
  mostConnections: 160,
  isAnswer: () => true,
  allowsChunks: true,
};

/** A place that answers so often in a row in a way that cannot be read here is not asked again: each time costs a request. */
const MOST_ODD_ANSWERS = 2;

/** A request whose answer says how long it is. Sending it twice must do no harm. */
export interface DirectRequest {
  readonly method: "GET" | "PUT";
  readonly protocol: "http:" | "https:";
  readonly hostname: string;
  readonly port: string;
  /** Escaped, with its query. */
  readonly path: string;
  /** Complete, with `host`, and the length of the body where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  /** Must stay as it is until there is an answer. */
  readonly body?: Buffer;
  /** Time without a byte after which it is given up. */
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** An answer of a wanted status. */
export interface DirectAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Whoever gets it must read or destroy it. */
  readonly content: BlobContent;
}

export class DirectConnections {
  readonly #tls: Pick<SecureContextOptions, "ca">;
  readonly #use: DirectUse;
  readonly #idle = new Map<string, DirectConnection[]>();
  readonly #open = new Set<DirectConnection>();
  /** By place, in a row. */
  readonly #oddAnswers = new Map<string, number>();
  /** Busy, by the signal that ends them. */
  readonly #watched = new WeakMap<AbortSignal, Set<DirectConnection>>();

  /** @param tls Certificates that connections trust; absent: Node's own. */
  constructor(use: DirectUse, tls: Pick<SecureContextOptions, "ca"> = {}) {
    this.#use = use;
    this.#tls = tls;
  }

  /**
   * @returns `undefined` when the request has to be sent another way: all connections are busy, the answer is not one of a wanted status
   *   and of known length, or those before it were not.
   * @throws {StoreFailure} when there is no answer.
   */
  async send(request: DirectRequest, signal: AbortSignal): Promise<DirectAnswer | undefined> {
    const { protocol, hostname, port, idleTimeoutMs } = request;
    const place = `${protocol}//${hostname}:${port}`;
    if (this.#oddAnswersOf(place) >= MOST_ODD_ANSWERS) return undefined;
    const known = this.#takeIdle(place);
    const connection = known ?? this.#connect(request);
    if (connection === undefined) return undefined;
    const watched = this.#watchedBy(signal);
    watched.add(connection);
    const finish = (): void => void watched.delete(connection);
    try {
      const message = { head: requestHead(request), ...(request.body === undefined ? {} : { body: request.body }) };
      const head = await connection.send(message, idleTimeoutMs);
      if (head === undefined) {
        if (connection.hasOddAnswer) this.#oddAnswers.set(place, this.#oddAnswersOf(place) + 1);
        this.#drop(connection);
        finish();
        return undefined;
      }
      this.#oddAnswers.delete(place);
      const end = (isOver: boolean): void => {
        finish();
        if (isOver && head.isKeptAlive && connection.isUsable) this.#keep(place, connection);
        else this.#drop(connection);
      };
      return { status: head.status, headers: head.headers, content: contentOf(connection.batches(head), head.contentBytes, end) };
    } catch (error) {
      finish();
      this.#drop(connection);
      // A connection that has been idle may have been closed by the server just then.
      if (known !== undefined && !signal.aborted && !isTimeout(error)) return undefined;
      throw error;
    }
  }

  /** Closes those that nobody uses, for their memory. */
  release(): void {
    for (const connection of [...this.#idle.values()].flat()) this.#drop(connection);
    this.#idle.clear();
  }

  /** Closes all; requests under way fail. */
  destroy(): void {
    for (const connection of this.#open) connection.destroy();
    this.#open.clear();
    this.#idle.clear();
  }

  #oddAnswersOf(place: string): number {
    return this.#oddAnswers.get(place) ?? 0;
  }

  /** One listener for all: with hundreds of them each costs a walk past the others. */
  #watchedBy(signal: AbortSignal): Set<DirectConnection> {
    const known = this.#watched.get(signal);
    if (known !== undefined) return known;
    const watched = new Set<DirectConnection>();
    this.#watched.set(signal, watched);
    const abort = (): void => {
      for (const connection of watched) connection.destroy(new StoreFailure("the store was closed"));
    };
    signal.addEventListener("abort", abort, { once: true });
    return watched;
  }

  #takeIdle(place: string): DirectConnection | undefined {
    const idle = this.#idle.get(place) ?? [];
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
      if (found.isUsable) return found;
      this.#drop(found);
    }
    return undefined;
  }

  #connect(request: DirectRequest): DirectConnection | undefined {
    // Those that another store may want again.
    if (this.#open.size >= this.#use.mostConnections) this.release();
    if (this.#open.size >= this.#use.mostConnections) return undefined;
    const connection = new DirectConnection((onread) => openSocket(request, this.#tls, onread), this.#use);
    this.#open.add(connection);
    return connection;
  }

  #keep(place: string, connection: DirectConnection): void {
    if (!this.#open.has(connection)) return connection.destroy();
    connection.rest();
    const idle = this.#idle.get(place);
    if (idle === undefined) this.#idle.set(place, [connection]);
    else idle.push(connection);
  }

  #drop(connection: DirectConnection): void {
    this.#open.delete(connection);
    connection.destroy();
  }
}

function openSocket(request: DirectRequest, tls: Pick<SecureContextOptions, "ca">, onread: OnReadOpts): Socket {
  const { protocol, hostname: host, port, connectTimeoutMs } = request;
  const place = { host, port: Number(port), onread };
  const isTls = protocol === "https:";
  if (isTls && tls.ca === undefined) trustDefaultAuthorities();
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = isTls ? connectTls({ ...place, ...tls, ...name, ALPNProtocols: ["http/1.1"] }) : connectTcp(place);
  socket.setNoDelay(true);
  const late = new StoreFailure(`no connection within ${connectTimeoutMs / 1000} s`, { reason: "TIMEOUT" });
  const timer = setTimeout(() => socket.destroy(late), connectTimeoutMs);
  for (const event of [isTls ? "secureConnect" : "connect", "close"]) socket.once(event, () => clearTimeout(timer));
  return socket;
}

function requestHead({ method, path, headers }: DirectRequest): string {
  const lines = Object.entries({ ...headers, connection: "keep-alive" }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
  // Values come from settings and environments.
  if (lines.some((line) => /[\r\n\0]/.test(line.slice(0, -2))) || /[^\x21-\x7e]/.test(path)) {
    throw new StoreFailure("a header of the request holds a line break");
  }
  return head;
}

const NO_CONTENT: BlobContent = { async *batches() {}, destroy() {} };

/** @param end Told once, whether all of the content was read. */
function contentOf(
  batches: AsyncGenerator<readonly Buffer[]>,
  contentBytes: number,
  end: (isOver: boolean) => void,
): BlobContent {
  if (contentBytes === 0) {
    end(true);
    return NO_CONTENT;
  }
  let hasEnded = false;
  const endOnce = (isOver: boolean): void => {
    if (hasEnded) return;
    hasEnded = true;
    end(isOver);
  };
  return {
    async *batches() {
      yield* batches;
      endOnce(true);
    },
    destroy: () => endOnce(false),
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof StoreFailure && error.reason === "TIMEOUT";
}
