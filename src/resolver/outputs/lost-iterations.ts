/**
 * Entries of a loop's row whose iteration got lost, found again below the loop.
 *
 * The reference drops the iteration of what passes a sub-pipeline inside the loop, and the server then takes equal values for one entry. A
 * run that began with the reference's programs goes on with ours: the rows of the loop's children still tell which iteration made what.
 *
 * Source: docs/spec/output-propagation.md#drv-13, #decision-lost-iterations.
 *
 * @module
 */
import type { ComponentSpec, IoParameter, PipelineTask } from "../../core/kfp-types.ts";
import { IoType } from "../../core/kfp-types.ts";
import { ioParameter, iterationOfEntry, outputParametersOf } from "../run/io-entries.ts";
import { parameterSources } from "../run/spec-lookup.ts";
import { iterationOf, taskKeyOf } from "../run/task-index.ts";
import { leavesAsList, leavingOutputs } from "./propagation-step.ts";

/**
 * The entries of a loop with an iteration each. Those that have one are kept; those that have none are replaced by what the children hold.
 *
 * @param component The loop's.
 * @param children Of the loop, as they are now.
 * @throws {ResolveError} VALUE_INVALID when a child that is a loop itself has entries without an iteration.
 */
export function entriesByIteration(
  component: ComponentSpec,
  entries: readonly IoParameter[],
  children: readonly PipelineTask[],
): IoParameter[] {
  const keys = new Set(entries.map(({ parameterKey }) => parameterKey));
  return [...keys].flatMap((key) => {
    const clear = entries.filter((entry) => entry.parameterKey === key && iterationOfEntry(entry) !== undefined);
    const known = new Set(clear.map(iterationOfEntry));
    const found = fromChildren(component, key, children).filter((entry) => !known.has(iterationOfEntry(entry)));
    return [...clear, ...found];
  });
}

function fromChildren(component: ComponentSpec, key: string, children: readonly PipelineTask[]): IoParameter[] {
  return parameterSources(component, key).flatMap(({ producerSubtask, outputKey }) =>
    children.flatMap((child) => {
      const iteration = iterationOf(child);
      if (iteration === undefined || taskKeyOf(child) !== producerSubtask) return [];
      const made = outputParametersOf(child, outputKey);
      const [entry] = leavesAsList(child) ? leavingOutputs(child, { parameters: made, artifacts: [] }, made).parameters : made;
      return entry === undefined
        ? []
        : [ioParameter(key, entry.value, IoType.ITERATOR_OUTPUT, { taskName: producerSubtask, iteration })];
    }),
  );
}
