import { createServer, type Server } from "node:net";
import { describe, expect, test } from "vitest";
import { dialledHost, isLoopback, listenAt } from "../../../src/local/serve/listen.ts";

async function listen(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}
const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** A process with these ports taken, of those that a call asks for. */
function takenPorts(taken: readonly number[]): (ports: Readonly<Record<string, number>>) => Promise<Record<string, number>> {
  return (ports) => {
    const port = Object.values(ports).find((each) => taken.includes(each));
    return port === undefined
      ? Promise.resolve({ ...ports })
      : Promise.reject(new Error(`Cannot listen on 127.0.0.1:${port}: listen EADDRINUSE: address already in use`));
  };
}

describe("listenAt()", () => {
  test("takes the next free port after a default that is taken, and no other than a fixed one", async ({ onTestFinished }) => {
    const taken = await listen(0);
    onTestFinished(() => void taken.close());
    const port = portOf(taken);
    const other = await listenAt({ grpc: { port, isFixed: false } }, ({ grpc }) => listen(grpc));
    onTestFinished(() => void other.close());
    expect(portOf(other)).toBeGreaterThan(port);
    await expect(listenAt({ grpc: { port, isFixed: true } }, ({ grpc }) => listen(grpc))).rejects.toThrow(
      `Cannot listen at port ${port}: another program uses it`,
    );
  });

  test.for([
    [[], { grpc: 8887, rest: 8888 }],
    [[8888], { grpc: 8887, rest: 8889 }],
    [[8887], { grpc: 8889, rest: 8888 }],
    [[8887, 8888], { grpc: 8890, rest: 8889 }],
    [[8887, 8888, 8889], { grpc: 8891, rest: 8890 }],
  ] as const)("with %j taken the defaults become %j", async ([taken, expected]) => {
    const choices = { grpc: { port: 8887, isFixed: false }, rest: { port: 8888, isFixed: false } };
    const ports = await listenAt(choices, takenPorts(taken));
    expect(new Set(Object.values(ports))).toEqual(new Set(Object.values(expected)));
    expect(Object.values(ports).some((port) => (taken as readonly number[]).includes(port))).toBe(false);
  });

  test("keeps a fixed port while a default moves", async () => {
    const choices = { grpc: { port: 8887, isFixed: false }, rest: { port: 8888, isFixed: true } };
    expect(await listenAt(choices, takenPorts([8887]))).toEqual({ grpc: 8889, rest: 8888 });
    await expect(listenAt(choices, takenPorts([8888]))).rejects.toThrow(/8888/);
  });

  test("gives up after a hundred ports, and at once after another error", async () => {
    const grpc = { port: 8000, isFixed: false };
    let tries = 0;
    const refuse =
      (message: string) =>
      (ports: { readonly grpc: number }): Promise<never> => {
        tries += 1;
        return Promise.reject(new Error(`Cannot listen on 127.0.0.1:${ports.grpc}: ${message}`));
      };
    await expect(listenAt({ grpc }, refuse("EADDRINUSE"))).rejects.toThrow("8100");
    expect(tries).toBe(101);
    tries = 0;
    await expect(listenAt({ grpc }, refuse("EACCES"))).rejects.toThrow("EACCES");
    expect(tries).toBe(1);
  });
});

test.for([
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["127.0.0.1.example.org", false],
  ["10.0.0.1", false],
] as const)("isLoopback(%s) is %s", ([host, expected]) => expect(isLoopback(host)).toBe(expected));

test.for([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
  ["10.0.0.1", "10.0.0.1"],
] as const)("programs of this machine dial %s as %s", ([host, expected]) => expect(dialledHost(host)).toBe(expected));
