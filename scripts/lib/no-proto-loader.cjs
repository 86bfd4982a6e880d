/**
 * Stands in for `@grpc/proto-loader` in the built programs, see bundle.mjs.
 */
"use strict";

exports.loadSync = () => {
  throw new Error("@grpc/proto-loader is not part of this program");
};
