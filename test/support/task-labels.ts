/** What tests call the rows of a run, whatever their ids. @module */
import type { PipelineTask } from "../../src/core/kfp-types.ts";

/** `ROOT/for-loop-1/say[2]`: names from the root, the iteration of a task in brackets. */
export function taskLabels(tasks: readonly PipelineTask[]): Map<string, string> {
  const rows = new Map(tasks.map((task) => [task.taskId, task]));
  const label = ({ name, parentTaskId, typeAttributes }: PipelineTask): string => {
    const parent = rows.get(parentTaskId ?? "");
    const index = typeAttributes?.iterationIndex;
    return `${parent === undefined ? "" : `${label(parent)}/`}${name}${index === undefined ? "" : `[${index}]`}`;
  };
  return new Map(tasks.map((task) => [task.taskId, label(task)]));
}
