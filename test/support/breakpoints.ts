/**
 * What a person does in a debugger: set a breakpoint at a line of a TypeScript file, see it hit, look at a variable.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { InspectorClient } from "./inspector-client.ts";
import { root } from "./probe.ts";
import { readSourceMap } from "./source-map.ts";

export interface Paused {
  readonly reason: string;
  readonly hitBreakpoints?: readonly string[];
  readonly callFrames: readonly { readonly callFrameId: string; readonly functionName: string }[];
}

interface BuildMeta {
  readonly programs: Readonly<Record<string, { readonly reachable: readonly string[] }>>;
}

export interface GeneratedPlace {
  /** File name of the chunk. */
  readonly chunk: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/**
 * Where the first line of a source file that holds `text` went in a program.
 *
 * @param mapFolder Folder `lib` of the build, for its source maps.
 * @param program What step programs and `kfp-runtime` share is in chunks of both.
 * @param source Path from the root of the repository.
 */
export function locateLine(
  mapFolder: string,
  program: "driver" | "launcher-v2",
  [source, text]: readonly [source: string, text: string],
): GeneratedPlace {
  const file = path.join(root, source);
  const sourceLine = readFileSync(file, "utf8")
    .split("\n")
    .findIndex((line) => line.includes(text));
  const { programs } = JSON.parse(readFileSync(path.join(mapFolder, "../meta.json"), "utf8")) as BuildMeta;
  for (const name of programs[program]?.reachable ?? []) {
    const mapping = readSourceMap(path.join(mapFolder, `${name}.js.map`)).mappings.find(
      (candidate) => candidate.source === file && candidate.sourceLine === sourceLine,
    );
    if (mapping === undefined) continue;
    return { chunk: `${name}.js`, lineNumber: mapping.generatedLine, columnNumber: mapping.generatedColumn };
  }
  throw new Error(`no chunk of ${program} holds the line "${text}" of ${source}`);
}

/**
 * Attaches to the end of the wait, sets a breakpoint, goes on until it is hit.
 *
 * @param place In the folder of the running program, which may lie elsewhere than the build.
 */
export async function stopAt(
  inspector: InspectorClient,
  place: GeneratedPlace,
  programFolder: string,
): Promise<{ paused: Paused; value: (expression: string) => Promise<unknown> }> {
  await inspector.send("Runtime.enable");
  await inspector.send("Debugger.enable");
  const { lineNumber, columnNumber } = place;
  const url = `file://${path.join(programFolder, place.chunk)}`;
  const breakpoint = await inspector.send<{ breakpointId: string }>("Debugger.setBreakpointByUrl", {
    url,
    lineNumber,
    columnNumber,
  });
  await inspector.send("Runtime.runIfWaitingForDebugger");
  const isHit = ({ hitBreakpoints = [] }: Paused): boolean => hitBreakpoints.includes(breakpoint.breakpointId);
  let paused = await inspector.waitFor<Paused>("Debugger.paused", () => true);
  // The program stops by itself first, so that breakpoints can still be set.
  while (!isHit(paused)) {
    await inspector.send("Debugger.resume");
    paused = await inspector.waitFor<Paused>("Debugger.paused", () => true);
  }
  const value = async (expression: string): Promise<unknown> => {
    const { result } = await inspector.send<{ result: { value: unknown } }>("Debugger.evaluateOnCallFrame", {
      callFrameId: paused.callFrames[0]?.callFrameId,
      expression,
      returnByValue: true,
    });
    return result.value;
  };
  return { paused, value };
}
