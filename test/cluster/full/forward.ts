/**
 * Lets pods reach a server that listens on this machine's loopback.
 *
 * @module
 */
import { connect, createServer, type Socket } from "node:net";
import { NODE_ADDRESS } from "./addresses.ts";

/** @param port On the address of the node. @returns Stops it. */
export async function forward(port: number, target: { readonly port: number }): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((inward) => {
    const outward = connect(target.port, "127.0.0.1");
    for (const [one, other] of [[inward, outward] as const, [outward, inward] as const]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, NODE_ADDRESS, resolve);
  });
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
}
