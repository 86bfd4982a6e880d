/**
 * esbuild plugin for programs that call gRPC servers and are none: leaves the server halves of the gRPC libraries out, and the load
 * balancers and the load reports that a service configuration could ask for (ours takes none: `grpc.service_config_disable_resolution`).
 *
 * The libraries' index files load all of it, a seventh of the code of a driver's run. Only what an index file requires is left out; all that
 * the client's own modules require stays.
 * @module
 */
import path from "node:path";

/** By the end of an index file's path: what it requires and a client does not use. */
const unused = {
  "node_modules/@grpc/grpc-js/build/src/index.js": [
    ...["./server", "./server-credentials", "./server-interceptors", "./orca", "./experimental"],
    ...["./load-balancer-outlier-detection", "./load-balancer-weighted-round-robin"],
  ],
  "node_modules/nice-grpc/lib/index.js": ["./server/Server"],
};

/**
 * @param {string} root Absolute folder of the repository.
 * @returns {import("esbuild").Plugin}
 */
export function grpcClient(root) {
  return {
    name: "grpc-client",
    setup(hooks) {
      const left = new Set(Object.entries(unused).flatMap(([index, modules]) => modules.map((name) => `${index} ${name}`)));
      hooks.onResolve({ filter: /^\.\/[\w/-]+$/ }, ({ path: wanted, importer }) => {
        const index = Object.keys(unused).find((file) => importer === path.join(root, file));
        if (index === undefined || !unused[index].includes(wanted)) return undefined;
        left.delete(`${index} ${wanted}`);
        return { path: path.join(root, "scripts/lib/no-grpc-server.cjs") };
      });
      // A new version of a library may be cut in another way: then nobody would notice that all of it is back.
      hooks.onEnd(() =>
        left.size === 0 ? undefined : { errors: [{ text: `grpc-client: never required: ${[...left].join(", ")}` }] },
      );
    },
  };
}
