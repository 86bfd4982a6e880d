import fc from "fast-check";
import { describe, test } from "vitest";
import { parse } from "yaml";
import { kubernetesYaml } from "../../../src/cli/text/kubernetes-yaml.ts";
import { readYaml } from "../../../src/core/values/yaml-text.ts";

describe("kubernetesYaml()", () => {
  test("leaves words alone that nobody takes for anything else", ({ expect }) => {
    expect(kubernetesYaml({ kind: "Workflow", name: "{{workflow.name}}", count: 2, on: true, text: "a\nb\n" })).toBe(
      'kind: Workflow\nname: "{{workflow.name}}"\ncount: 2\n"on": true\ntext: |\n  a\n  b\n',
    );
  });

  test.for([
    "on",
    "Yes",
    "n",
    "~",
    "",
    "1",
    "-1",
    "1e3",
    "0x1f",
    "0o7",
    "1_000",
    "12:30",
    "2026-01-01",
    ".inf",
    "+.NaN",
    "=",
    "<<",
  ])("quotes the text %j", (text, { expect }) => {
    expect(kubernetesYaml([text])).toBe(`- ${JSON.stringify(text)}\n`);
  });

  test("writes the same list twice where it stands twice", ({ expect }) => {
    const list = ["a"];
    expect(kubernetesYaml({ one: list, two: list })).toBe("one:\n  - a\ntwo:\n  - a\n");
  });

  test("has no control characters", ({ expect }) => {
    expect(kubernetesYaml({ name: "a\u{1b}[2J\u{9b}\u{202e}b", text: "a\n\u{85}b" })).toBe(
      String.raw`name: "a\e[2J\u009b\u202eb"${"\n"}text: "a\n\u0085b"${"\n"}`,
    );
  });

  test("is read as the same by readers of YAML 1.1 and 1.2", ({ expect }) => {
    const word = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("a", "\n", " ", '"', "'", "#", ":", "-", "\\", "\t", "\u{85}", "\u{2028}") }),
    );
    // What has no number of its own as a double reads it is no matter of YAML's.
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        word,
        fc.boolean(),
        fc.constant(null),
        fc.integer(),
        fc.array(tie("tree")),
        fc.dictionary(
          word.filter((key) => key !== "__proto__"),
          tie("tree"),
        ),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("spec", "metadata"), tree, { minKeys: 1 }), (value) => {
        const text = kubernetesYaml(value as never);
        expect(parse(text, { version: "1.2" })).toEqual(value);
        expect(parse(text, { version: "1.1" })).toEqual(value);
        expect(readYaml(text)).toEqual({ documents: [value] });
      }),
      { numRuns: 300 },
    );
  });
});
