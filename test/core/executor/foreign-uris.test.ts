import { describe, expect, test } from "vitest";
import { fromJson } from "@bufbuild/protobuf";
import { uriOfReport, withLocalPaths } from "../../../src/core/executor/foreign-uris.ts";
import { ExecutorInputSchema } from "../../../src/core/kfp-types.ts";

const input = (uri: string) =>
  fromJson(ExecutorInputSchema, {
    inputs: { artifacts: { a: { artifacts: [{ name: "a", uri }] } } },
    outputs: {
      artifacts: {
        b: {
          artifacts: [
            { name: "b", uri },
            { name: "c", uri: "s3://b/k" },
          ],
        },
      },
    },
  });

describe("URIs that the SDK does not know", () => {
  test("become local paths, others stay", () => {
    const told = withLocalPaths(input("azblob://c/k"), {});
    expect(told.inputs?.artifacts["a"]?.artifacts[0]?.uri).toBe("/azblob/c/k");
    expect(told.outputs?.artifacts["b"]?.artifacts.map(({ uri }) => uri)).toEqual(["/azblob/c/k", "s3://b/k"]);
    expect(withLocalPaths(input("azblob://c/k"), { artifactLocalPath: "/m" }).inputs?.artifacts["a"]?.artifacts[0]?.uri).toBe(
      "/m/azblob/c/k",
    );
  });

  test("the given message is not changed, and is handed back where there are none", () => {
    const foreign = input("azblob://c/k");
    withLocalPaths(foreign, {});
    expect(foreign.inputs?.artifacts["a"]?.artifacts[0]?.uri).toBe("azblob://c/k");
    const known = input("gs://c/k");
    expect(withLocalPaths(known, {})).toBe(known);
  });

  test.for([
    ["/azblob/c/k", "", "azblob://c/k"],
    ["/m/azblob/c/k", "/m", "azblob://c/k"],
    ["/azblob/c/k", "/m", "/azblob/c/k"],
    ["azblob://c/k", "", "azblob://c/k"],
    ["/azblob", "", "/azblob"],
    ["/gcs/c/k", "", "/gcs/c/k"],
    ["s3://b/azblob/x", "", "s3://b/azblob/x"],
  ])("what is reported as %j below %j means %j", ([reported = "", artifactLocalPath = "", uri = ""]) => {
    expect(uriOfReport(reported, { artifactLocalPath })).toBe(uri);
  });
});
