/**
 * Stands in for the modules of the gRPC libraries that a client does not use, see grpc-client.mjs.
 */
"use strict";

/** What the index of grpc-js calls of each load balancer. */
exports.setup = () => {};
