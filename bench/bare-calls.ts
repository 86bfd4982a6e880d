/**
 * The least that a program on Node can do to talk gRPC, for the benchmarks of start-up.
 *
 * @module
 */

/** What gRPC sends at least: GetRun, twice, by node:http2 alone. The id of the run is the argument after --run_id. */
export const BARE_CALLS = `
const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const client = require("node:http2").connect("http://127.0.0.1:" + argument("--ml_pipeline_server_port"));
const id = Buffer.from(argument("--run_id"));
const body = Buffer.concat([Buffer.from([0, 0, 0, 0, id.length + 2, 0x0a, id.length]), id]);
const call = (then) => {
  const stream = client.request({
    ":method": "POST",
    ":path": "/kubeflow.pipelines.backend.api.v2beta1.RunService/GetRun",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("data", () => {});
  stream.on("end", then);
  stream.end(body);
};
call(() => call(() => client.close()));
`;
