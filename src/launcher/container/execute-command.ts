/**
 * From the executor input to the end of the user's program.
 *
 * Everything that can be found out beforehand is: a program that has run for hours must not fail because its outputs have nowhere to go.
 *
 * Source: docs/spec/launcher-flow.md#steps, #failure-table, docs/spec/inputs-and-user-command.md#lau-11,
 * docs/spec/object-stores.md#lau-31.
 *
 * @module
 */
import { UserCodeError } from "../../core/errors.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import { prepareCaBundle } from "../ca-bundle.ts";
import { assertArgumentsFit, resolveCommand, runCommand } from "../command/run-command.ts";
import { downloadInputs } from "../inputs/download-inputs.ts";
import { throwIfInterrupted, unlessInterrupted } from "../interruption.ts";
import { createLog, executorLogOf } from "../log/executor-logs.ts";
import { startLogParts } from "../log/log-parts.ts";
import { emptyOutputPlaces } from "../outputs/empty-outputs.ts";
import { assertLocationsAllowed, makeOutputFolders, openLocations, prepareLogins } from "./prepare.ts";
import type { StageContext } from "./stages.ts";
import type { Stores } from "../stores.ts";

/** What uploads need is loaded while the user's program runs, not after it. One URI of each bucket is enough. */
function warmUpStores(stores: Pick<Stores, "warmUp">, uris: Iterable<string>): void {
  const ofBuckets = new Map([...uris].map((uri) => [uri.split("/", 3).join("/"), uri]));
  for (const uri of ofBuckets.values()) void stores.warmUp(uri);
}

/**
 * Prepares folders, stores and inputs, and runs the command.
 *
 * @throws {Error} In the words of the stage that failed, around what happened.
 */
export async function executeCommand(context: StageContext, executorInput: ExecutorInput): Promise<void> {
  const { deps, attempt, options, progress, stage } = context;
  const { signal } = deps;
  const variables = await stage("collect certificates", () =>
    unlessInterrupted(signal, () => prepareCaBundle(deps, options.caCertPath)),
  );
  await stage("prepare output folders", async () => {
    await unlessInterrupted(signal, () => emptyOutputPlaces(deps, executorInput));
    await unlessInterrupted(signal, () => makeOutputFolders(deps, executorInput));
  });
  const locations = await stage("open stores", () => unlessInterrupted(signal, () => openLocations(deps.stores, executorInput)));
  await stage("check stores", async () => {
    assertLocationsAllowed(locations);
    await unlessInterrupted(signal, () => prepareLogins(locations, executorInput));
  });
  const command = await stage("resolve placeholders", () => resolveCommand(deps, attempt, options, executorInput));
  await stage("download inputs", () => downloadInputs(deps, executorInput));
  await stage("run the command", async () => {
    const log = executorLogOf(executorInput, options, deps.settings);
    throwIfInterrupted(signal);
    if (log !== undefined) {
      progress.unpublishedLog = log;
      await unlessInterrupted(signal, () => createLog(deps, log));
    }
    assertArgumentsFit(deps, command, executorInput);
    progress.unpublishedOutputs = { executorInput, uploaded: new Set() };
    const parts = log === undefined ? undefined : startLogParts(deps, attempt, options, log);
    if (log !== undefined) progress.unpublishedLog = { ...log, parts };
    try {
      await runCommand(deps, { ...command, variables, log, onStart: () => warmUpStores(deps.stores, locations.keys()) });
    } catch (error) {
      // Nothing ran, so whatever lies in the custom paths is not this attempt's.
      if (error instanceof UserCodeError && error.code === "USER_CODE_NOT_STARTED") delete progress.unpublishedOutputs;
      throw error;
    } finally {
      parts?.stop();
    }
  });
}
