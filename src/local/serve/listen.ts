/**
 * A port to listen at: the one that was asked for, or the next free one after a default.
 *
 * @module
 */
import { ApiError, errorMessage } from "../../core/errors.ts";

/** Which port. */
export interface PortChoice {
  readonly port: number;
  /** Somebody asked for exactly this one. */
  readonly isFixed: boolean;
}

/** Ports tried after a default one. */
const PORTS_TRIED = 100;

/**
 * Starts what listens at one or more ports, each the first one that is free. A default never moves to the place of another one.
 *
 * @param start Throws with EADDRINUSE and `:PORT` in its message when a port is taken.
 * @throws {ApiError} API_UNAVAILABLE for a fixed port that is taken.
 * @throws What `start` throws for any other reason than a taken port, and once too many ports are taken.
 */
export async function listenAt<Name extends string, Server>(
  choices: Readonly<Record<Name, PortChoice>>,
  start: (ports: Readonly<Record<Name, number>>) => Promise<Server>,
): Promise<Server> {
  const names = Object.keys(choices) as Name[];
  const ports = Object.fromEntries(names.map((name) => [name, choices[name].port])) as Record<Name, number>;
  const others = (name: Name): number[] => names.filter((other) => other !== name).map((other) => ports[other]);
  for (;;) {
    try {
      return await start({ ...ports });
    } catch (error) {
      const taken = /EADDRINUSE/.test(errorMessage(error)) ? names.find((name) => namesPort(error, ports[name])) : undefined;
      if (taken === undefined) throw error;
      if (choices[taken].isFixed) {
        const message = `Cannot listen at port ${ports[taken]}: another program uses it; choose another, or none for the next free one`;
        throw new ApiError("API_UNAVAILABLE", message, { cause: error });
      }
      do ports[taken] += 1;
      while (others(taken).includes(ports[taken]));
      if (ports[taken] > Math.min(choices[taken].port + PORTS_TRIED, 65_535)) throw error;
    }
  }
}

function namesPort(error: unknown, port: number): boolean {
  return new RegExp(`:${port}\\b`).test(errorMessage(error));
}

/** Whether only programs of this machine reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** What programs of this machine dial where a server listens at every address. */
export function dialledHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
