import { describe, test } from "vitest";
import { bucketAddress } from "../../../src/objectstore/minio/bucket-address.ts";

const settings = { bucket: "lake", region: "eu-west-1", isPathStyle: true };

describe("bucketAddress", () => {
  test.for([
    ["http://minio:9000", {}, "http:", "minio", "9000", "minio:9000", "/lake"],
    ["http://minio", {}, "http:", "minio", "80", "minio", "/lake"],
    ["https://minio:443", {}, "https:", "minio", "443", "minio", "/lake"],
    ["https://minio/", { isPathStyle: false }, "https:", "lake.minio", "443", "lake.minio", ""],
    ["http://[::1]:9000", {}, "http:", "::1", "9000", "[::1]:9000", "/lake"],
    ["http://minio", { bucket: "a.b", isPathStyle: false }, "http:", "a.b.minio", "80", "a.b.minio", ""],
    ["https://minio", { bucket: "a.b", isPathStyle: false }, "https:", "minio", "443", "minio", "/a.b"],
    ["https://s3.amazonaws.com", {}, "https:", "lake.s3.eu-west-1.amazonaws.com", "443", "lake.s3.eu-west-1.amazonaws.com", ""],
  ] as const)("%s with %j", ([endpoint, other, protocol, hostname, port, host, basePath], { expect }) => {
    expect(bucketAddress({ ...settings, ...other, endpoint })).toEqual({ protocol, hostname, port, host, basePath });
  });
});
