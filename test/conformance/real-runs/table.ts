/** All rows. @module */
import { artifacts } from "./artifacts.ts";
import { conditions } from "./conditions.ts";
import { containers } from "./containers.ts";
import { importers } from "./importers.ts";
import { kubernetes } from "./kubernetes.ts";
import { loops } from "./loops.ts";
import { parameters } from "./parameters.ts";
import { pipelinesAndExits } from "./pipelines-and-exits.ts";
import type { RealRun } from "./real-run.ts";
import { referenceChance } from "./reference-chance.ts";
import { referenceContainers } from "./reference-containers.ts";
import { referenceDriver } from "./reference-driver.ts";
import { referenceLoops } from "./reference-loops.ts";
import { referencePlatform } from "./reference-platform.ts";
import { referenceValues } from "./reference-values.ts";
import { settings } from "./settings.ts";

export const realRuns: readonly RealRun[] = [
  ...artifacts,
  ...conditions,
  ...containers,
  ...importers,
  ...kubernetes,
  ...loops,
  ...parameters,
  ...pipelinesAndExits,
  ...settings,
  ...referenceChance,
  ...referenceContainers,
  ...referenceDriver,
  ...referenceLoops,
  ...referencePlatform,
  ...referenceValues,
];
