/** docs/flags.md, install.md and debugging.md name what exists, and everything that exists. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import type { FlagTable } from "../../src/core/go/flags.ts";
import { DRIVER_FLAGS } from "../../src/driver/flags.ts";
import { LAUNCHER_FLAGS } from "../../src/launcher/flags.ts";
import { AGENT_FLAGS } from "../../src/resident/agent/options.ts";
import { PLUGIN_FLAGS } from "../../src/resident/plugin/run-plugin.ts";
import { CERTIFICATE_FLAGS } from "../../src/webhook/certificates/run-certificate.ts";
import { WEBHOOK_FLAGS } from "../../src/webhook/flags.ts";
import { root } from "../support/probe.ts";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const docs = { flags: read("docs/flags.md"), install: read("docs/install.md"), debugging: read("docs/debugging.md") };

function filesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

/** Names of variables of ours in the code; what esbuild replaces at build time is none. */
function variablesIn(texts: readonly string[]): Set<string> {
  return new Set(
    texts.flatMap((text) => [...text.matchAll(/(?<![A-Z_])KFP_[A-Z0-9]+(?:_[A-Z0-9]+)*(?![A-Z0-9_])/g)].map(([name]) => name)),
  );
}

const code = [...filesBelow("src"), ...filesBelow("portable")].filter((file) => !file.startsWith("src/gen/")).map(read);
const inCode = variablesIn(code);

describe("docs/flags.md", () => {
  test.for([
    { section: "Driver", table: DRIVER_FLAGS as FlagTable },
    { section: "Agent", table: AGENT_FLAGS as FlagTable },
    { section: "Plugin", table: PLUGIN_FLAGS as FlagTable },
    { section: "Webhook", table: WEBHOOK_FLAGS as FlagTable },
    { section: "Webhook certificate", table: CERTIFICATE_FLAGS as FlagTable },
    { section: "Launcher", table: LAUNCHER_FLAGS as FlagTable },
  ])("has the $section's flags with type, default and meaning", ({ section, table }, { expect }) => {
    const text = docs.flags.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
    const rows = [...text.matchAll(/^\| `--(\w+)` +\| (\w+) +\| (?:`(.*?)`)? +\| (.*?) +\|$/gm)].map(([, ...cells]) => cells);
    const expected = Object.entries(table).map(([name, { type, default: value, help }]) => [
      ...[name, type],
      ...[String(value) === "" ? undefined : String(value), help],
    ]);
    expect(rows).toEqual(expected);
  });

  test("has every environment variable of ours, and no other", ({ expect }) => {
    expect([...variablesIn([docs.flags])].toSorted()).toEqual([...inCode].toSorted());
  });
});

describe.for(["install", "debugging"] as const)("docs/%s.md", (name) => {
  const text = docs[name];

  test("names only environment variables that exist", ({ expect }) => {
    for (const variable of variablesIn([text])) expect(inCode, variable).toContain(variable);
    const [api, build] = [
      read("manifests/components/runtime/api-server.yaml") + read("manifests/components/debug/api-server.yaml"),
      read("Dockerfile.driver"),
    ];
    for (const [variable] of text.matchAll(/\bV2_[A-Z_]+|\bCOMPILED_[A-Z_]+/g)) expect(api, variable).toContain(variable);
    for (const [, argument = ""] of text.matchAll(/^\| `([A-Z_]+)` .*$/gm)) {
      if (!argument.startsWith("KFP_")) expect(build, argument).toContain(`ARG ${argument}`);
    }
  });

  test("names only files that exist", ({ expect }) => {
    const paths = [
      ...text.matchAll(/(?<![\w./-])((?:manifests|src|scripts|docs|\.vscode|examples)\/[\w./-]*\w|Dockerfile\.\w+)/g),
    ].map(([, file = ""]) => file);
    const links = [...text.matchAll(/\]\(([\w./-]+\.md)\)/g)].map(([, file]) => `docs/${file}`);
    expect(paths.length + links.length).toBeGreaterThan(3);
    for (const file of [...paths, ...links]) {
      if (/^manifests\/(?:kustomize|components\/rbac-$)/.test(file) || file === "manifests/components/rbac") continue;
      expect(existsSync(path.join(root, file)), file).toBe(true);
    }
  });

  test("uses only options that the programs and scripts have", ({ expect }) => {
    const known = ["src/cli/commands/run.ts", "scripts/images.mjs"].map(read).join("");
    for (const [, option = ""] of text.matchAll(/(?:kfp-runtime run|npm run images --)[^\n`]*?--([a-z][\w-]*)/g)) {
      expect(known.includes(`"${option}"`) || known.includes(`${option}:`), option).toBe(true);
    }
  });
});

describe(".vscode/launch.json", () => {
  const { configurations } = JSON.parse(read(".vscode/launch.json")) as {
    configurations: { name: string; request: string; port?: number; remoteRoot?: string; localRoot?: string; program?: string }[];
  };

  test("maps the folders that the images and pods have", ({ expect }) => {
    const builder = read("scripts/build-portable.mjs");
    for (const { remoteRoot, localRoot, port, request } of configurations) {
      if (request === "attach") expect(port).toBe(9229);
      if (remoteRoot === undefined) continue;
      expect(localRoot).toBe("${workspaceFolder}/dist/lib");
      const folder = remoteRoot.replace(/\/lib$/, "");
      expect(
        builder.includes(`"${folder}"`) || builder.includes(`"${folder}/`) || builder.includes(folder.slice(1)),
        folder,
      ).toBe(true);
    }
  });

  test("has the configurations that docs/debugging.md names", ({ expect }) => {
    const names = configurations.map(({ name }) => name);
    const named = [...docs.debugging.matchAll(/"((?:Attach|Launch): [^"]+)"/g)].map(([, name = ""]) =>
      name.replaceAll("\n", " "),
    );
    expect(named.length).toBeGreaterThan(4);
    for (const name of named)
      expect(
        names.some((candidate) => candidate.startsWith(name)),
        name,
      ).toBe(true);
  });
});
