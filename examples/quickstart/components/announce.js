// Says where the report is. A real pipeline would send a message here, so the task is never served from the cache.
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: { k: { type: "string" }, accuracy: { type: "string" }, report: { type: "string" } },
});

console.log(`k = ${args.k} has accuracy ${args.accuracy}; the report is ${args.report}`);
