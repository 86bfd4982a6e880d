import { describe, expect, test } from "vitest";
import { isInspected, readInspectSettings, type InspectedProcess } from "../../src/inspect/inspect-settings.ts";

const train: InspectedProcess = { type: "CONTAINER", taskName: "train" };
const thirdTrain: InspectedProcess = { ...train, iterationIndex: 3 };
const root: InspectedProcess = { type: "ROOT_DAG", taskName: "root" };
const launcher: InspectedProcess = { type: "LAUNCHER", taskName: "train" };

describe("readInspectSettings()", () => {
  test.for([undefined, "", "0", "off"])("is off for KFP_INSPECT %o", (text) => {
    expect(readInspectSettings({ KFP_INSPECT: text, KFP_INSPECT_TYPE: "nonsense" })).toBeUndefined();
  });

  test.for([
    ["1", "127.0.0.1", 9229],
    ["on", "127.0.0.1", 9229],
    ["9230", "127.0.0.1", 9230],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["localhost:9230", "localhost", 9230],
    ["0.0.0.0:65535", "0.0.0.0", 65_535],
    ["[::1]:9229", "::1", 9229],
  ] as const)("reads the address %s", ([text, host, port]) => {
    expect(readInspectSettings({ KFP_INSPECT: text })).toEqual({ host, port, tasks: [], types: [], timeoutMs: 1_800_000 });
  });

  test("reads lists and a duration", () => {
    const environment = {
      KFP_INSPECT: "on",
      KFP_INSPECT_TASK: " train, root.loop.fit[2] ,",
      KFP_INSPECT_TYPE: "ROOT_DAG, DAG,CONTAINER,LAUNCHER,IMPORTER",
      KFP_INSPECT_TIMEOUT: "1h30m",
    };
    expect(readInspectSettings(environment)).toMatchObject({
      tasks: [{ name: "train" }, { name: "fit", iterationIndex: 2 }],
      types: ["ROOT_DAG", "DAG", "CONTAINER", "LAUNCHER", "IMPORTER"],
      timeoutMs: 5_400_000,
    });
  });

  test.for([
    ["KFP_INSPECT", "yes"],
    ["KFP_INSPECT", "127.0.0.1:"],
    ["KFP_INSPECT", "127.0.0.1:65536"],
    ["KFP_INSPECT", "::1:9229"],
    ["KFP_INSPECT_TASK", "train[x]"],
    ["KFP_INSPECT_TASK", "root."],
    ["KFP_INSPECT_TYPE", "container"],
    ["KFP_INSPECT_TIMEOUT", "30"],
    ["KFP_INSPECT_TIMEOUT", "-1m"],
    ["KFP_INSPECT_TIMEOUT", "0"],
  ] as const)("refuses %s=%s, naming the variable", ([name, value]) => {
    const message = `Cannot read environment variable ${name}: "${value}" is`;
    expect(() => readInspectSettings({ KFP_INSPECT: "on", [name]: value })).toThrow(message);
  });
});

describe("isInspected()", () => {
  test.for([
    { task: "", type: "", waiting: [train, thirdTrain, root, launcher] },
    { task: "train", type: "", waiting: [train, thirdTrain, launcher] },
    { task: "train[3]", type: "", waiting: [thirdTrain] },
    { task: "root.train", type: "CONTAINER", waiting: [train, thirdTrain] },
    { task: "root,fit", type: "", waiting: [root] },
    { task: "", type: "LAUNCHER,ROOT_DAG", waiting: [root, launcher] },
    { task: "fit", type: "CONTAINER", waiting: [] },
  ])("task $task, type $type", ({ task, type, waiting }) => {
    const settings = readInspectSettings({ KFP_INSPECT: "on", KFP_INSPECT_TASK: task, KFP_INSPECT_TYPE: type });
    const all = [train, thirdTrain, root, launcher];
    expect(all.filter((process) => settings !== undefined && isInspected(settings, process))).toEqual(waiting);
  });
});
