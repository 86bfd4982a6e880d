/**
 * A debugger, as small as the inspector protocol allows.
 *
 * @module
 */

type Params = Record<string, unknown>;

export interface InspectorClient {
  send<Result>(method: string, params?: Params): Promise<Result>;
  /** Waits for an event that a test accepts; events that came before count. */
  waitFor<Event>(method: string, accepts: (event: Event) => boolean): Promise<Event>;
  close(): void;
}

/** Attaches to a process that printed `Debugger listening on ws://...`. */
export async function attachInspector(url: string): Promise<InspectorClient> {
  const socket = new WebSocket(url);
  const answers = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const events: { method: string; params: unknown }[] = [];
  const listeners = new Set<() => void>();
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as {
      id?: number;
      method: string;
      params: unknown;
      result: unknown;
      error?: { message: string };
    };
    if (message.id === undefined) {
      events.push({ method: message.method, params: message.params });
      for (const listener of listeners) listener();
      return;
    }
    const answer = answers.get(message.id);
    answers.delete(message.id);
    if (message.error === undefined) answer?.resolve(message.result);
    else answer?.reject(new Error(message.error.message));
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error(`cannot attach to ${url}`)));
  });
  return {
    send: <Result>(method: string, params: Params = {}) =>
      new Promise<Result>((resolve, reject) => {
        const id = ++lastId;
        answers.set(id, { resolve: resolve as (result: unknown) => void, reject });
        socket.send(JSON.stringify({ id, method, params }));
      }),
    waitFor: <Event>(method: string, accepts: (event: Event) => boolean) =>
      new Promise<Event>((resolve) => {
        const look = () => {
          const at = events.findIndex((event) => event.method === method && accepts(event.params as Event));
          if (at < 0) return;
          listeners.delete(look);
          resolve(events.splice(at, 1)[0]?.params as Event);
        };
        listeners.add(look);
        look();
      }),
    close: () => socket.close(),
  };
}
