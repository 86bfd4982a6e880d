import fc from "fast-check";
import { posix } from "node:path";
import { describe, test } from "vitest";
import {
  artifactNameFromUri,
  formatBucketPath,
  isLocalUri,
  joinPipelineRoot,
  localPathForUri,
  parseArtifactUri,
  parseBucketPath,
  workspacePathForUri,
} from "../../../src/core/executor/artifact-uri.ts";
import { KfpError } from "../../../src/core/errors.ts";

const segment = fc.oneof(fc.constantFrom("..", ".", "", "a", "b c", "%2e%2e", "%2F", "?x", "#", "\0", "…", "a%"), fc.string());
const key = fc.array(segment, { maxLength: 6 }).map((segments) => segments.join("/"));

describe("joinPipelineRoot()", () => {
  test.for([
    { root: "s3://bkt/art?region=eu", elements: ["demo", "r1"], keepQuery: true, joined: "s3://bkt/art/demo/r1?region=eu" },
    { root: "s3://bkt/art?region=eu", elements: ["demo", "r1"], keepQuery: false, joined: "s3://bkt/art/demo/r1" },
    { root: "minio://mlpipeline/v2/artifacts///", elements: ["p"], keepQuery: true, joined: "minio://mlpipeline/v2/artifacts/p" },
    { root: "gs://b", elements: ["", "a//b", ".", "c"], keepQuery: true, joined: "gs://b/a/b/c" },
    { root: "gs://b/r?x=1?y", elements: ["a"], keepQuery: false, joined: "gs://b/r?x=1?y/a" },
    { root: "gs://b/r", elements: ["../../other", "f"], keepQuery: true, joined: "gs://b/r/other/f" },
    {
      root: "/home/me/.kfp-runtime/artifacts",
      elements: ["p", "r"],
      keepQuery: true,
      joined: "/home/me/.kfp-runtime/artifacts/p/r",
    },
    { root: "/", elements: ["p"], keepQuery: true, joined: "/p" },
  ])("$root + $elements = $joined", ({ root, elements, keepQuery, joined }, { expect }) => {
    expect(joinPipelineRoot(root, elements, { keepQuery })).toBe(joined);
  });

  test("elements never leave the root", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(key), (elements) => {
        const joined = joinPipelineRoot("/mnt/root", elements, { keepQuery: true });
        expect(posix.normalize(joined)).toMatch(/^\/mnt\/root\//);
      }),
    );
  });
});

describe("localPathForUri()", () => {
  test.for([
    ["gs://b/p/x", "/gcs/b/p/x"],
    ["azblob://b/p/x", "/azblob/b/p/x"],
    ["minio://b/p/x", "/minio/b/p/x"],
    ["s3://b/p/x", "/s3/b/p/x"],
    ["s3://b/my%20file?q=1", "/s3/b/my%20file?q=1"],
    ["oci://reg.io/org/repo:v1", "/oci/reg.io_org_repo:v1/models"],
    ["/data/x", "/data/x"],
    ["https://h/f", undefined],
    ["file:///x", undefined],
    ["", undefined],
  ] as const)("%s lies at %s", ([uri, path], { expect }) => {
    expect(localPathForUri(uri)).toBe(path);
  });

  test("ARTIFACT_LOCAL_PATH is put before mapped paths only", ({ expect }) => {
    expect(localPathForUri("gs://b/x", { artifactLocalPath: "/tmp/m" })).toBe("/tmp/m/gcs/b/x");
    expect(localPathForUri("/data/x", { artifactLocalPath: "/tmp/m" })).toBe("/data/x");
  });

  test.for([
    "s3://b/../../etc/passwd",
    "s3://../etc",
    "gs://./x/../../y",
    "gs:///../x",
    "oci://..",
    "oci://",
    "/a/../b",
    "minio://b/a\0",
  ])("refuses %j", (uri, { expect }) => {
    expect(() => localPathForUri(uri)).toThrow(expect.objectContaining({ code: "LOCAL_PATH_INVALID" }));
  });

  test("never leaves the mount, and the literal text comes back from the path", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.constantFrom(["gs", "gcs"], ["s3", "s3"], ["minio", "minio"], ["oci", "oci"]),
        key,
        ([scheme, folder], rest) => {
          let path: string | undefined;
          try {
            path = localPathForUri(`${scheme}://${rest}`, { artifactLocalPath: "/mnt" });
          } catch (error) {
            if (error instanceof KfpError && error.code === "LOCAL_PATH_INVALID") return;
            throw error;
          }
          expect(path).toBeDefined();
          expect(`${posix.normalize(path ?? "")}/`).toMatch(new RegExp(`^/mnt/${folder}/`));
          expect(path).not.toContain("\0");
          if (scheme !== "oci") expect(path).toBe(`/mnt/${folder}/${rest}`);
        },
      ),
    );
  });
});

describe("workspacePathForUri()", () => {
  test.for([
    ["minio://b/d/f.txt", "/kfp-workspace/.artifacts/minio/b/d/f.txt"],
    ["gs://b//d/./f", "/kfp-workspace/.artifacts/gcs/b/d/f"],
    ["/data/x", "/kfp-workspace/.artifacts/data/x"],
    ["oci://r/o:v1", undefined],
    ["https://h/f", undefined],
  ] as const)("%s lies at %s", ([uri, path], { expect }) => {
    expect(workspacePathForUri(uri)).toBe(path);
  });
});

describe("parseArtifactUri()", () => {
  test.for([
    { uri: "s3://b/p/my%20model", directory: "s3://b/p", base: "my model", prefix: "p/" },
    { uri: "s3://b/p/100%25x", directory: "s3://b/p", base: "100%x", prefix: "p/" },
    { uri: "s3://b/p/caf%C3%A9", directory: "s3://b/p", base: "café", prefix: "p/" },
    { uri: "s3://b/p/d/", directory: "s3://b/p", base: "d", prefix: "p/" },
    { uri: "s3://b/p/d//", directory: "s3://b/p", base: "d", prefix: "p/" },
    { uri: "s3://b/f", directory: "s3://b", base: "f", prefix: "" },
    { uri: "s3://b", directory: "s3://b", base: ".", prefix: "" },
    { uri: "s3://b/", directory: "s3://b", base: ".", prefix: "" },
    { uri: "s3://b/p/f?versionId=1#x", directory: "s3://b/p", base: "f", prefix: "p/" },
    { uri: "minio://b/r/../../other/f", directory: "minio://b/other", base: "f", prefix: "other/" },
    { uri: "minio://b/r/%2e%2e/%2e%2e/other/f", directory: "minio://b/other", base: "f", prefix: "other/" },
    { uri: "/data/my%20dir/f", directory: "/data/my%20dir", base: "f", prefix: "data/my%20dir/" },
    { uri: "/f", directory: "/", base: "f", prefix: "" },
  ])("$uri is $base in $directory", ({ uri, directory, base, prefix }, { expect }) => {
    expect(parseArtifactUri(uri)).toMatchObject({ directory, base, prefix });
  });

  test.for([
    { uri: "s3://b/x/%3Fendpoint=evil/f", message: /encoded query delimiters/ },
    { uri: "s3://b/x/%26/f", message: /encoded query delimiters/ },
    { uri: "s3://b/x/%23", message: /encoded query delimiters/ },
    { uri: "s3://b/p/100%x", message: /bad percent-escape/ },
    { uri: "s3://b/p/%ff", message: /bad percent-escape/ },
    { uri: "s3://b/p/a%00", message: /NUL/ },
    { uri: "s3://b/p/a\n", message: /control character/ },
    { uri: "s3://b/p/..", message: /last element/ },
    { uri: "s3:///p", message: /no bucket/ },
    { uri: "s3://user@b/p", message: /no bucket/ },
    { uri: "unsupported://b/p", message: /unsupported Cloud bucket/ },
    { uri: "no-scheme", message: /expected <scheme>/ },
    { uri: "", message: /expected <scheme>/ },
  ])("rejects $uri", ({ uri, message }, { expect }) => {
    expect(() => parseArtifactUri(uri)).toThrow(expect.objectContaining({ code: "STORE_URI_INVALID" }));
    expect(() => parseArtifactUri(uri)).toThrow(message);
  });

  test("the directory is always clean and in the same bucket", ({ expect }) => {
    fc.assert(
      fc.property(key, (rest) => {
        let parsed;
        try {
          parsed = parseArtifactUri(`s3://bucket/${rest}`);
        } catch (error) {
          if (error instanceof KfpError) return;
          throw error;
        }
        expect(parsed.bucket).toBe("bucket");
        expect(`${parsed.directory}/`.startsWith("s3://bucket/")).toBe(true);
        expect([...parsed.prefix.split("/"), parsed.base]).not.toContain("..");
      }),
    );
  });
});

describe("joinPipelineRoot() on this disk", () => {
  test("a question mark is part of the path", ({ expect }) => {
    expect(joinPipelineRoot("/tmp/what?/a", ["p", "r"], { keepQuery: false })).toBe("/tmp/what?/a/p/r");
  });
});

describe("parseBucketPath()", () => {
  test.for([
    { text: "minio://mlpipeline/v2/artifacts", expected: { scheme: "minio", bucket: "mlpipeline", prefix: "v2/artifacts/" } },
    { text: "s3://b", expected: { scheme: "s3", bucket: "b", prefix: "" } },
    { text: "gs://b/", expected: { scheme: "gs", bucket: "b", prefix: "" } },
    {
      text: "s3://b/p/?region=x&endpoint=y",
      expected: { scheme: "s3", bucket: "b", prefix: "p/", query: "region=x&endpoint=y" },
    },
    { text: "s3://b?region=x", expected: { scheme: "s3", bucket: "b", prefix: "", query: "region=x" } },
  ])("parses $text", ({ text, expected }, { expect }) => {
    expect(parseBucketPath(text)).toEqual(expected);
    expect(parseBucketPath(formatBucketPath(parseBucketPath(text)))).toEqual(expected);
  });

  test.for([
    { text: "unsupported://b/p", message: /unsupported Cloud bucket/ },
    { text: "toString://b/p", message: /unrecognized pipeline root format/ },
    { text: "constructor://b/p", message: /unsupported Cloud bucket/ },
    { text: "minio.no.scheme", message: /unrecognized pipeline root format/ },
    { text: "S3://b", message: /unrecognized pipeline root format/ },
    { text: "s3://", message: /unrecognized pipeline root format/ },
    { text: "s3://b?", message: /unrecognized pipeline root format/ },
    { text: "s3://b/a%3Fx", message: /encoded query delimiters/ },
  ])("rejects $text", ({ text, message }, { expect }) => {
    expect(() => parseBucketPath(text)).toThrow(message);
  });

  test("errors do not repeat the query", ({ expect }) => {
    expect(() => parseBucketPath("nope://b/p?secret=hush")).toThrow(/^(?!.*hush)/);
  });
});

describe("artifactNameFromUri()", () => {
  test.for([
    ["s3://b/d/f.txt", "f.txt"],
    ["s3://b/my%20m", "my m"],
    ["s3://b/d/f.txt?versionId=1", "f.txt"],
    ["s3://b/d/", "d"],
    ["oci://r/o/repo:v1", "repo:v1"],
    ["gs://b", "."],
    ["gs://b/", "/"],
    ["https://h/a/b.csv", "b.csv"],
    ["/data/iris%20.csv", "iris%20.csv"],
  ] as const)("%s is named %j", ([uri, name], { expect }) => {
    expect(artifactNameFromUri(uri)).toBe(name);
  });

  test("an unparsable URI is an error", ({ expect }) => {
    expect(() => artifactNameFromUri("s3://b/100%x")).toThrow(/bad percent-escape/);
  });
});

test("isLocalUri() knows absolute paths", ({ expect }) => {
  expect([isLocalUri("/a"), isLocalUri("s3://a"), isLocalUri("a"), isLocalUri("")]).toEqual([true, false, false, false]);
});
