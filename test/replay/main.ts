/**
 * `npm run replay`: replays a folder of recordings, prints what no deviation explains, ends with "N agreed, N differed".
 *
 * @module
 */
import path from "node:path";
import { parseArgs } from "node:util";
import { RECORDINGS, replayFolder } from "./replay-folder.ts";

const USAGE = `usage: npm run replay -- [FOLDER] [--only PATTERN] [--all]

Starts our driver and launcher as the recordings of FOLDER say (default: test/fixtures/replay) and compares output files, Kubernetes
requests and rows. Prints each difference that test/conformance/deviations.json does not explain; with --all, the explained ones, too.
The compiled pipelines are looked for in FOLDER, FOLDER/pipelines, FOLDER/../pipelines, FOLDER/../corpus/pipelines and in this repository.
`;

async function main(): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { only: { type: "string" }, all: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    process.stderr.write(`replay: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help === true || positionals.length > 1) {
    process.stderr.write(USAGE);
    return values.help === true ? 0 : 2;
  }
  const folder = positionals[0] === undefined ? RECORDINGS : path.resolve(process.env["INIT_CWD"] ?? ".", positionals[0]);
  try {
    const { agreed, differed } = await replayFolder(folder, {
      print: (line) => process.stdout.write(`${line}\n`),
      showsExplained: values.all ?? false,
      ...(values.only === undefined ? {} : { only: new RegExp(values.only) }),
    });
    process.stdout.write(`${agreed} agreed, ${differed} differed\n`);
    return differed === 0 && agreed > 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`replay: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
