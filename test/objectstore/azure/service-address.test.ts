import { describe, expect, test } from "vitest";
import type { StoreSession } from "../../../src/config/store-config.ts";
import { escapeBlobName } from "../../../src/objectstore/azure/blob-name.ts";
import { parseConnectionString } from "../../../src/objectstore/azure/connection-string.ts";
import { findService } from "../../../src/objectstore/azure/service-address.ts";
import { unescapeKey } from "../../../src/objectstore/object-key.ts";

const session = (more: Partial<StoreSession> = {}): StoreSession => ({
  provider: "azblob",
  disableSsl: false,
  forcePathStyle: false,
  credentials: { kind: "environment" },
  query: {},
  ...more,
});

describe("findService()", () => {
  test.for<{
    name: string;
    session?: Partial<StoreSession>;
    environment?: Record<string, string>;
    url: string;
    account?: string;
  }>([
    { name: "the account alone", environment: { AZURE_STORAGE_ACCOUNT: "acc" }, url: "https://acc.blob.core.windows.net" },
    { name: "the account of the section", session: { accountName: "acc" }, url: "https://acc.blob.core.windows.net" },
    {
      name: "the query before the environment",
      session: { query: { accountName: "acc", domain: "blob.core.usgovcloudapi.net" } },
      environment: { AZURE_STORAGE_ACCOUNT: "other", AZURE_STORAGE_DOMAIN: "blob.core.chinacloudapi.cn" },
      url: "https://acc.blob.core.usgovcloudapi.net",
    },
    {
      name: "another cloud",
      environment: { AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_DOMAIN: "blob.core.chinacloudapi.cn" },
      url: "https://acc.blob.core.chinacloudapi.cn",
    },
    {
      name: "a local emulator, by its domain",
      environment: { AZURE_STORAGE_ACCOUNT: "acc", AZURE_STORAGE_DOMAIN: "localhost:10000", AZURE_STORAGE_PROTOCOL: "http" },
      url: "http://localhost:10000/acc",
    },
    {
      name: "an emulator, by its variable",
      environment: {
        AZURE_STORAGE_ACCOUNT: "acc",
        AZURE_STORAGE_DOMAIN: "azurite:10000",
        AZURE_STORAGE_PROTOCOL: "http",
        AZURE_STORAGE_IS_LOCAL_EMULATOR: "true",
      },
      url: "http://azurite:10000/acc",
    },
    {
      name: "a CDN",
      session: { query: { domain: "cdn.example", isCdn: true } },
      environment: { AZURE_STORAGE_ACCOUNT: "acc" },
      url: "https://cdn.example",
    },
    {
      name: "an endpoint that tells the account",
      session: { endpoint: "https://acc.blob.core.windows.net/" },
      url: "https://acc.blob.core.windows.net",
    },
    {
      name: "an endpoint of a zone",
      session: { endpoint: "https://acc.z12.blob.storage.azure.net" },
      url: "https://acc.z12.blob.storage.azure.net",
    },
    { name: "an emulator's endpoint", session: { endpoint: "http://azurite:10000/acc" }, url: "http://azurite:10000/acc" },
    {
      name: "a private endpoint with the account beside it",
      session: { endpoint: "https://store.internal", accountName: "acc" },
      url: "https://store.internal",
    },
  ])("$name", ({ session: more, environment = {}, url, account = "acc" }) => {
    expect(findService({ session: session(more), environment })).toEqual({ url, accountName: account });
  });

  test.for<{ name: string; session?: Partial<StoreSession>; environment?: Record<string, string>; says: RegExp }>([
    { name: "no account", says: /the storage account is not known/ },
    {
      name: "an endpoint without account",
      session: { endpoint: "https://store.internal" },
      says: /does not tell the storage account/,
    },
    {
      name: "an account with a host in it",
      session: { accountName: "evil.example/x" },
      says: /cannot be the name of a storage account/,
    },
    {
      name: "an endpoint with a SAS token",
      session: { endpoint: "https://a.blob.core.windows.net?sig=x" },
      says: /without query/,
    },
    { name: "an endpoint with a login", session: { endpoint: "https://u:p@a.blob.core.windows.net" }, says: /without query/ },
    { name: "another protocol", session: { accountName: "acc", query: { protocol: "ftp" } }, says: /not an http or https URL/ },
  ])("$name is refused", ({ session: more, environment = {}, says }) => {
    expect(() => findService({ session: session(more), environment })).toThrow(says);
  });
});

describe("parseConnectionString()", () => {
  test("values may hold equals signs; names match whatever their case", () => {
    const text = "DefaultEndpointsProtocol=https;accountname=acc;AccountKey=a2V5==;EndpointSuffix=core.windows.net;";
    expect(parseConnectionString(text, "x")).toEqual({
      accountName: "acc",
      accountKey: "a2V5==",
      protocol: "https",
      domain: "blob.core.windows.net",
    });
  });

  test.for(["", "secret", "AccountName=acc", "AccountKey=a2V5", "=x;AccountKey=k"])(
    "%j is refused without being quoted",
    (text) => {
      expect(() => parseConnectionString(text, "the Secret s")).toThrow(
        /^Cannot log in to Azure Blob Storage: the connection string of the Secret s cannot be read: [^;]*$/,
      );
    },
  );
});

describe("escapeBlobName()", () => {
  test.for([
    ["plain/name.txt", "plain/name.txt"],
    [`a\tb"c#d%e?f\\g`, "a__0x9__b__0x22__c__0x23__d__0x25__e__0x3f__f__0x5c__g"],
    ["a../b", "a..__0x2f__b"],
    ["ends.", "ends__0x2e__"],
    ["d./f", "d__0x2e__/f"],
    ["über/データ 1", "über/データ 1"],
  ])("%j is written as %j and read back", ([key = "", name = ""]) => {
    expect(escapeBlobName(key)).toBe(name);
    expect(unescapeKey(name)).toBe(key);
  });
});
