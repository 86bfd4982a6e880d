/**
 * The shared corpus of compiled pipelines and workflows, where a checkout has it beside the repository.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { skipUnless } from "./skip.ts";

const folder = fileURLToPath(new URL("../../../shared/corpus", import.meta.url));

/** True (and said once) when the corpus is not there. */
export function corpusMissing(): boolean {
  return skipUnless(existsSync(folder), "the corpus of compiled pipelines (../shared/corpus) is not beside this checkout");
}

/** File names and texts, sorted by name; empty without the corpus. */
export function corpusFiles(kind: "pipelines" | "workflows"): Array<{ name: string; text: string }> {
  if (!existsSync(`${folder}/${kind}`)) return [];
  return readdirSync(`${folder}/${kind}`)
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .map((name) => ({ name, text: readFileSync(`${folder}/${kind}/${name}`, "utf8") }));
}
