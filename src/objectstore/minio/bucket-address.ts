/**
 * Where the requests for a bucket go: the name of the bucket in the path or in the name of the host. Pure.
 *
 * @module
 */
import type { ClientSettings } from "../client-settings.ts";

/** Host and beginning of the path of every request for a bucket. */
export interface BucketAddress {
  readonly protocol: "http:" | "https:";
  /** To connect to, an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: string;
  /** For the header of this name: without the protocol's usual port. */
  readonly host: string;
  /** Empty where the name of the host has the bucket. */
  readonly basePath: string;
}

/** AWS answers at an address for each region. */
const AMAZON_HOST = "s3.amazonaws.com";

/**
 * A certificate for `*.host` is not valid for a bucket with dots, so such a bucket goes into the path over TLS; at AWS other buckets
 * always go into the name.
 *
 * @param settings `endpoint` is a valid URL without a path.
 */
export function bucketAddress(
  settings: Pick<ClientSettings, "bucket" | "region" | "isPathStyle"> & { readonly endpoint: string },
): BucketAddress {
  const { bucket, region, isPathStyle } = settings;
  const url = new URL(settings.endpoint);
  const protocol = url.protocol === "https:" ? "https:" : "http:";
  const isAmazon = url.hostname === AMAZON_HOST;
  const store = isAmazon ? `s3.${region}.amazonaws.com` : url.hostname;
  const inHost = !(protocol === "https:" && bucket.includes(".")) && (isAmazon || !isPathStyle);
  const name = inHost ? `${bucket}.${store}` : store;
  return {
    protocol,
    hostname: name.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (protocol === "https:" ? "443" : "80") : url.port,
    host: url.port === "" ? name : `${name}:${url.port}`,
    basePath: inHost ? "" : `/${bucket}`,
  };
}
