/**
 * Which folder of src may import which, as data: the table of docs/architecture.md, which test/scripts/lint/layers.test.ts compares.
 */

/**
 * Folders of src, lowest first, with the folders each may import besides itself.
 *
 * A main file connects the parts of a program, so it may import every folder.
 *
 * @type {Record<string, readonly string[]>}
 */
export const layers = {
  gen: [],
  core: ["gen"],
  wire: ["gen", "core"],
  resolver: ["gen", "core"],
  ports: ["gen", "core"],
  program: ["core", "ports"],
  tasks: ["gen", "core", "resolver", "ports", "program"],
  config: ["core", "ports"],
  node: ["core", "ports"],
  inspect: ["core", "ports"],
  kube: ["core", "ports", "node"],
  apiclient: ["gen", "core", "wire", "ports", "node"],
  objectstore: ["gen", "core", "config", "ports", "node"],
  apiserver: ["gen", "core", "wire"],
  driver: ["gen", "core", "resolver", "ports", "program", "tasks", "config"],
  launcher: ["gen", "core", "resolver", "ports", "program", "tasks", "config"],
  resident: ["gen", "core", "resolver", "ports", "program", "tasks", "config", "driver"],
  webhook: ["core", "ports", "program", "node", "kube", "resident"],
  local: [
    ...["gen", "core", "wire", "resolver", "ports", "program", "tasks", "config"],
    ...["node", "kube", "apiclient", "objectstore", "apiserver", "driver", "launcher"],
  ],
  cli: [
    ...["gen", "core", "wire", "resolver", "ports", "program", "tasks", "config"],
    ...["node", "kube", "apiclient", "objectstore", "apiserver", "driver", "launcher", "resident", "local"],
  ],
};

/** Sub-folders of a layer, lowest first: none imports a later one. Files directly in the layer's folder are open to all of them. */
export const floors = {
  core: ["go", "values", "protojson", "cel", "spec", "executor", "placeholders", "spec-check"],
  resolver: ["run", "outputs", "states", "inputs"],
};

/** The files that wire or start a program: they alone read environment, arguments and streams of the process. */
export const mainFiles = [
  "src/driver/main.ts",
  "src/launcher/main.ts",
  "src/cli/main.ts",
  "src/webhook/main.ts",
  "src/resident/agent/main.ts",
  "src/resident/plugin/main.ts",
  "src/boot/boot.cjs",
  "src/boot/start.cjs",
];

/** Layers without input and output: no module of Node but what stands here. */
export const pure = { layers: ["core", "resolver"], allowed: { "node:crypto": ["createHash"] } };
