import { describe, test } from "vitest";
import { parseProviders } from "../../src/config/store-config.ts";
import { parseProvidersYaml } from "../../src/config/providers-yaml.ts";

describe("parseProvidersYaml()", () => {
  test.for([
    ["yes", true],
    ["on", true],
    ["y", true],
    ["True", true],
    ["no", false],
    ["off", false],
    ["n", false],
  ] as const)("bare %s is the boolean %s, as in YAML 1.1", async ([text, expected], { expect }) => {
    expect(await parseProvidersYaml(`s3: {default: {disableSSL: ${text}}}`)).toEqual({
      s3: { default: { disableSSL: expected } },
    });
  });

  test.for([
    ["123", "123"],
    ["2020-01-01", "2020-01-01"],
    ["true", "true"],
    ["'on'", "on"],
  ] as const)("a bare scalar %s in a text field is its text", async ([text, expected], { expect }) => {
    const json = await parseProvidersYaml(`s3: {default: {region: ${text}}}`);
    expect(parseProviders(json).s3?.default?.region).toBe(expected);
  });

  test("anchors and merge keys work", async ({ expect }) => {
    const text = "s3:\n  default: &d {region: eu}\n  overrides:\n    - <<: *d\n      bucketName: b\n";
    expect(await parseProvidersYaml(text)).toEqual({
      s3: { default: { region: "eu" }, overrides: [{ region: "eu", bucketName: "b" }] },
    });
  });

  test("an empty text is not a configuration", async ({ expect }) => {
    expect(await parseProvidersYaml("")).toBeNull();
  });

  test.for(["s3: [", "a: 1\na: 2", "%", "a: 1\n---\nb: 2"])("rejects %j in one line", async (text, { expect }) => {
    await expect(parseProvidersYaml(text)).rejects.toThrow(
      /^Cannot parse key "providers" of the launcher configuration as YAML: [^\n]+$/,
    );
  });
});
