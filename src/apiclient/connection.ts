/**
 * One channel with the clients made on it. A channel that failed is never asked again: until its own back-off is over it would answer
 * with the old error without dialling, so the transport makes the next try on a connection of its own.
 *
 * @module
 */
import type { ApiPackage } from "../wire/grpc-definition.ts";
import type { BytesHooks, Clients, ClientSource } from "./clients.ts";

/** One channel with its clients. A connection that was replaced closes when the last call on it has ended. */
export class Connection {
  readonly #source: ClientSource;
  readonly #hooks: BytesHooks;
  readonly #clients = new Map<ApiPackage, Clients>();
  #users = 0;
  #retired = false;

  constructor(source: ClientSource, hooks: BytesHooks) {
    this.#source = source;
    this.#hooks = hooks;
  }

  clientsOf(apiPackage: ApiPackage): Clients {
    let clients = this.#clients.get(apiPackage);
    if (clients === undefined) {
      clients = this.#source.clientsOf(apiPackage, this.#hooks);
      this.#clients.set(apiPackage, clients);
    }
    return clients;
  }

  /** Makes a call on it; it stays open for as long. */
  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      if (this.#retired && this.#users === 0) this.#source.close();
    }
  }

  /** Closes it once the calls under way have ended. */
  retire(): void {
    this.#retired = true;
    if (this.#users === 0) this.#source.close();
  }

  /** Closes it now. */
  close(): void {
    this.#source.close();
  }
}
