/** Every `Source:` in src and test names a section of the specification or an upstream file, and docs/spec holds together. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "vitest";
import { root } from "../support/probe.ts";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

function filesBelow(folder: string, endings: readonly string[]): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((file) => !/^src\/gen\/|\/fixtures\/|node_modules/.test(file));
}

const CODE = [".ts", ".cjs", ".mjs", ".c"];
const self = "test/docs/sources.test.ts";
const code = [...filesBelow("src", CODE), ...filesBelow("test", CODE)].filter((file) => file !== self);
const prose = filesBelow("docs", [".md"]);
const specification = prose.filter((file) => file.startsWith("docs/spec/"));
const others = [
  ...filesBelow("scripts", CODE),
  ...filesBelow("bench", CODE),
  ...filesBelow("portable", CODE),
  "README.md",
  "CHANGELOG.md",
];

const everywhere = [...code, ...others, ...prose];

/** Text of a Markdown file without its fenced blocks, whose `#` lines are comments. */
const withoutFences = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, "");

/** The anchor that a heading gets. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
}

function anchorsIn(text: string): string[] {
  const plain = withoutFences(text);
  const headings = [...plain.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  return [...headings, ...[...plain.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)];
}

const anchors = new Map(prose.map((file) => [file, new Set(anchorsIn(read(file)))]));

/** Mentions of the specification: a document, and sections of it. Further sections of the same document follow as `, #name`. */
const mention = /docs\/spec\/([\w-]+\.md)((?:#[\w-]+)?(?: \([^()]*\))?(?:,\s#[\w-]+(?: \([^()]*\))?)*)/g;
const upstream = /\b[\w.-]+\/[\w.-]+ [\w./*-]+ @ (?:[0-9a-f]{10,40}|v?\d+\.\d+(?:\.\d+)?)\b/;

function unresolved(text: string): string[] {
  return [...text.matchAll(mention)].flatMap(([, file = "", sections = ""]) => {
    const known = anchors.get(`docs/spec/${file}`);
    if (known === undefined) return [`docs/spec/${file}`];
    return [...sections.matchAll(/#([\w-]+)/g)].flatMap(([, name = ""]) =>
      known.has(name) ? [] : [`docs/spec/${file}#${name}`],
    );
  });
}

/** Comments as running text: a mention may go on in the next line. */
function commentsAsText(text: string): string {
  return text.replaceAll(/\n[ \t]*(?:\*(?!\/)|\/\/)[ \t]*(?=\S)/g, " ");
}

/** What follows each `Source:` up to the end of its paragraph. */
function sourcesIn(text: string): string[] {
  return [...text.matchAll(/^.*?(?:\*|\/\/).*?(?<!\w)Source: (.*(?:\n[ \t]*(?:\*|\/\/) ?[^\s@/].*)*)/gm)].map(([, source = ""]) =>
    commentsAsText(source),
  );
}

describe("Source:", () => {
  test("stands in many files of src", ({ expect }) => {
    const withSource = code.filter((file) => file.startsWith("src/") && sourcesIn(read(file)).length > 0);
    expect(withSource.length).toBeGreaterThan(100);
  });

  test("names a section of docs/spec or an upstream file at its commit", ({ expect }) => {
    const wrong = code.flatMap((file) =>
      sourcesIn(read(file))
        .filter((source) => !/docs\/spec\//.test(source) && !upstream.test(source))
        .map((source) => `${file}: ${source}`),
    );
    expect(wrong).toEqual([]);
  });

  test("and every other mention of docs/spec lead to sections that exist", ({ expect }) => {
    const wrong = everywhere.flatMap((file) => unresolved(commentsAsText(read(file))).map((name) => `${file}: ${name}`));
    expect(wrong).toEqual([]);
  });

  test("and all other text name no document that is not part of the project", ({ expect }) => {
    const foreign = /\bcontract\/|\b(?:decisions|upstream-v2)\.md\b|\b(?:DB|U)-\d+\b/;
    const wrong = everywhere.flatMap((file) =>
      foreign.test(read(file)) ? [`${file}: ${foreign.exec(read(file))?.[0] ?? ""}`] : [],
    );
    expect(wrong).toEqual([]);
  });
});

describe("docs/spec", () => {
  test.for(specification)("%s has no anchor twice", (file, { expect }) => {
    const all = anchorsIn(read(file));
    expect(all.filter((anchor, index) => all.indexOf(anchor) !== index)).toEqual([]);
  });

  test.for([...specification, "docs/deviations.md"])("%s links only to what exists", (file, { expect }) => {
    const links = [...withoutFences(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
    const broken = links.filter((target) => {
      if (/^https?:/.test(target)) return false;
      const [document = "", anchor] = target.split("#");
      const known = anchors.get(document === "" ? file : path.join(path.dirname(file), document));
      return known === undefined || (anchor !== undefined && !known.has(anchor));
    });
    expect(broken).toEqual([]);
  });

  test("README.md lists every document", ({ expect }) => {
    const listed = new Set(
      [...read("docs/spec/README.md").matchAll(/^\| \[[^\]]+\]\(([\w-]+\.md)\)/gm)].map(([, file]) => `docs/spec/${file}`),
    );
    expect([...listed].toSorted()).toEqual(specification.filter((file) => file !== "docs/spec/README.md").toSorted());
  });

  test("rules.md lists every numbered rule and every decision, and each stands in one document", ({ expect }) => {
    const rule = /^(?:(?:drv|lau|k8s|api|ups|msg)-\d+|decision-[\w-]+)$/;
    const defined = specification.flatMap((file) => anchorsIn(read(file)).filter((anchor) => rule.test(anchor)));
    const listed = [...read("docs/spec/rules.md").matchAll(/\]\([\w-]+\.md#([\w-]+)\)/g)].map(([, anchor = ""]) => anchor);
    expect(defined.length).toBeGreaterThan(150);
    expect(new Set(defined).size).toBe(defined.length);
    expect([...new Set(listed.filter((anchor) => rule.test(anchor)))].toSorted()).toEqual(defined.toSorted());
  });

  test.for(specification)("%s is short enough to be read, and has a table of contents", (file, { expect }) => {
    const text = read(file);
    expect(text.split("\n").length).toBeLessThan(900);
    expect(text).toContain("\n## Contents\n");
  });
});
