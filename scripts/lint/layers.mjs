/**
 * Lint rules for the structure of src: `layers/may-import`, `layers/pure` and `layers/ambient`. The table is layer-table.mjs.
 *
 * A plugin of our own, because no-restricted-imports knows neither `import()` nor where a file lies (docs/adr/0014).
 */
import path from "node:path";
import { floors, layers, mainFiles, pure } from "./layer-table.mjs";

/** What of `process` belongs to the program as a whole, not to the code that happens to run in it. */
const AMBIENT_MEMBERS = new Set(["env", "argv", "stdin", "stdout", "stderr", "exitCode", "exit", "cwd", "chdir"]);

/** @returns {{ file: string, layer: string, floor: string | undefined } | undefined} Where a file below src stands. */
function placeOf(filename) {
  const parts = filename.split(path.sep);
  // The last one: a checkout may itself lie below a folder of that name.
  const at = parts.lastIndexOf("src");
  const [layer, ...rest] = parts.slice(at + 1);
  if (at < 0 || layer === undefined || rest.length === 0) return undefined;
  return { file: parts.slice(at).join("/"), layer, floor: rest.length > 1 ? rest[0] : undefined };
}

/** Calls `check(node, specifier)` for each import of a file: static, dynamic, re-export, type. */
function everyImport(check) {
  const visit = (node) => {
    if (typeof node.source?.value === "string") check(node, node.source.value);
  };
  return {
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
    TSImportType: visit,
  };
}

const mayImport = {
  create(context) {
    const from = placeOf(context.filename);
    if (from === undefined) return {};
    const allowed = layers[from.layer];
    return everyImport((node, specifier) => {
      if (!specifier.startsWith(".")) return;
      const to = placeOf(path.resolve(path.dirname(context.filename), specifier));
      if (to === undefined) return;
      if (allowed === undefined || layers[to.layer] === undefined) {
        const unknown = allowed === undefined ? from.layer : to.layer;
        context.report({ node, message: `src/${unknown} is not in the table of scripts/lint/layer-table.mjs` });
      } else if (to.layer !== from.layer && !allowed.includes(to.layer) && !mainFiles.includes(from.file)) {
        context.report({ node, message: `src/${from.layer} may not import src/${to.layer} (docs/architecture.md, "Layers")` });
      } else if (to.layer === from.layer && isHigher(from, to)) {
        const message = `src/${from.layer}/${from.floor} may not import src/${to.layer}/${to.floor}, which comes after it`;
        context.report({ node, message });
      }
    });
  },
};

function isHigher(from, to) {
  const order = floors[from.layer];
  if (order === undefined || from.floor === undefined || to.floor === undefined) return false;
  return order.indexOf(to.floor) > order.indexOf(from.floor) || !order.includes(to.floor);
}

const isPure = {
  create(context) {
    const from = placeOf(context.filename);
    if (from === undefined || !pure.layers.includes(from.layer)) return {};
    return everyImport((node, specifier) => {
      if (!specifier.startsWith("node:")) return;
      const names = (node.specifiers ?? []).map(({ imported }) => imported?.name ?? "*");
      const allowed = pure.allowed[specifier] ?? [];
      if (names.length > 0 && names.every((name) => allowed.includes(name))) return;
      context.report({
        node,
        message: `src/${from.layer} is pure: "${specifier}" is not for it (docs/architecture.md, "Layers")`,
      });
    });
  },
};

const ambient = {
  create(context) {
    const from = placeOf(context.filename);
    if (from === undefined || mainFiles.includes(from.file)) return {};
    const where = 'only main files read it; take the value as an argument (docs/architecture.md, "Layers")';
    const report = (node, name) => context.report({ node, message: `${name}: ${where}` });
    const named = (node, member) => {
      if (AMBIENT_MEMBERS.has(member)) report(node, `process.${member}`);
    };
    return {
      MemberExpression(node) {
        const object = node.object;
        const isProcess =
          (object.type === "Identifier" && object.name === "process") ||
          (object.type === "MemberExpression" && object.object.name === "globalThis" && object.property.name === "process");
        if (isProcess) named(node, node.computed ? node.property.value : node.property.name);
        if (object.type === "Identifier" && object.name === "console") report(node, "console");
      },
      VariableDeclarator(node) {
        if (node.init?.type !== "Identifier" || node.init.name !== "process" || node.id.type !== "ObjectPattern") return;
        for (const { key } of node.id.properties) if (key !== undefined) named(node, key.name ?? key.value);
      },
      ImportDeclaration(node) {
        if (node.source.value !== "node:process" && node.source.value !== "process") return;
        for (const { imported } of node.specifiers) named(node, imported?.name ?? "env");
      },
    };
  },
};

export default { meta: { name: "layers" }, rules: { "may-import": mayImport, pure: isPure, ambient } };
