import { describe, expect, test } from "vitest";
import {
  isBucketScheme,
  isProviderName,
  localFolderOf,
  PROVIDER_NAMES,
  STORE_SCHEMES,
  usesSettings,
} from "../../../src/core/executor/store-schemes.ts";
import type { BucketScheme } from "../../../src/core/executor/store-schemes.ts";

describe("the table of store schemes", () => {
  test("lists the providers that the launcher configuration may have a section for", () => {
    expect(PROVIDER_NAMES).toEqual(["gs", "s3", "minio", "azblob"]);
  });

  test.each([
    ["gs", true, true, "gcs"],
    ["s3", true, true, "s3"],
    ["minio", true, true, "minio"],
    ["azblob", true, true, "azblob"],
    ["mem", true, false, undefined],
    ["oci", false, false, undefined],
    ["", false, false, undefined],
    ["constructor", false, false, undefined],
    ["__proto__", false, false, undefined],
    ["S3", false, false, undefined],
  ])("scheme %j: bucket path %s, provider %s, local folder %s", (scheme, isBucket, isProvider, folder) => {
    expect(isBucketScheme(scheme)).toBe(isBucket);
    expect(isProviderName(scheme)).toBe(isProvider);
    expect(localFolderOf(scheme)).toBe(folder);
  });

  test("no two schemes share a local folder", () => {
    const folders = Object.keys(STORE_SCHEMES).flatMap((scheme) => localFolderOf(scheme) ?? []);
    expect(new Set(folders).size).toBe(folders.length);
  });

  test.each<[BucketScheme, boolean, boolean]>([
    ["gs", false, true],
    ["s3", true, false],
    ["minio", true, false],
    ["mem", false, false],
  ])("%s: settings of S3 %s, of GCS %s", (scheme, s3, gcs) => {
    expect(usesSettings(scheme, "s3")).toBe(s3);
    expect(usesSettings(scheme, "gcs")).toBe(gcs);
  });
});
