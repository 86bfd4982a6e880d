import { describe, test } from "vitest";
import { parseGcsQuery, parseS3Query } from "../../src/config/store-query.ts";

describe("parseS3Query() (LAU-36)", () => {
  test.for([
    [
      "region=eu&endpoint=https://ceph.local&use_path_style=true",
      { region: "eu", endpoint: "https://ceph.local", usePathStyle: true },
    ],
    [
      "endpoint=ceph.local:9000&disableSSL=true&s3ForcePathStyle=1",
      { endpoint: "ceph.local:9000", disableHttps: true, usePathStyle: true },
    ],
    ["disable_ssl=true&s3_force_path_style=false", { disableHttps: true, usePathStyle: false }],
    ["awssdk=v1&disable_https=t", { disableHttps: true }],
    ["profile=p&dualstack=true&fips=true&accelerate=false", { profile: "p", dualStack: true, fips: true, accelerate: false }],
    ["ssetype=aws%3Akms&kmskeyid=k&rate_limiter_capacity=7", { sseType: "aws:kms", kmsKeyId: "k", rateLimiterCapacity: 7 }],
    ["hostname_immutable=true&region=a&region=b", { hostnameImmutable: true, region: "a" }],
    [undefined, {}],
  ] as const)("reads %s", ([query, expected], { expect }) => {
    expect(parseS3Query(query)).toEqual(expected);
  });

  test.for([
    ["nope=1", /Unknown option "nope"/],
    ["constructor=1", /Unknown option "constructor"/],
    ["prefix=a", /write the prefix into the path/],
    ["use_path_style=maybe", /"use_path_style" of the pipeline root must be true or false/],
    ["rate_limiter_capacity=x", /whole number/],
    ["access_id=-", /Unknown option "access_id"/],
  ] as const)("rejects %s", ([query, message], { expect }) => {
    expect(() => parseS3Query(query)).toThrow(message);
  });
});

describe("parseGcsQuery()", () => {
  test("knows two options", ({ expect }) => {
    expect(parseGcsQuery("access_id=-&private_key_path=/k")).toEqual({ accessId: "-", privateKeyPath: "/k" });
    expect(() => parseGcsQuery("region=x")).toThrow(/Unknown option "region"/);
  });
});
