/**
 * Opens gRPC channels: credentials, limits, keepalive. Nothing connects before the first call.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import * as tls from "node:tls";
import { ChannelCredentials, createChannel, type Channel } from "nice-grpc";
import { readCaFile } from "../core/ca-file.ts";
import { UsageError } from "../core/errors.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { defaultAuthorities } from "../node/default-authorities.ts";
import { endpointText, type ChannelSettings } from "./channel-settings.ts";

/**
 * A run with all its tasks can be large; gRPC's default of 4 MiB is not enough
 * (docs/spec/connections.md#connection-of-the-driver).
 */
const MAX_RECEIVE_BYTES = 100 * 1024 * 1024;

/** Servers drop clients that ping more often than every five minutes unless told otherwise, so pings accompany open calls only. */
const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/**
 * Reads what a connection needs and returns the function that opens a channel, as often as wanted.
 *
 * @throws {UsageError} FILE_UNREADABLE when the CA file is missing, unreadable or holds no certificate.
 */
export async function prepareChannel(
  settings: ChannelSettings,
  fileSystem: Pick<FileSystem, "readText">,
): Promise<() => Channel> {
  const endpoint = endpointText(settings.host, settings.port);
  const credentials =
    settings.tls === undefined
      ? ChannelCredentials.createInsecure()
      : ChannelCredentials.createSsl(Buffer.from(await trustedRoots(settings.tls, fileSystem)));
  const options: Record<string, string | number> = {
    "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.keepalive_permit_without_calls": 0,
    // One channel per client: an in-process run must not share, and so close, the connections of another.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.initial_reconnect_backoff_ms": settings.reconnect?.baseDelayMs ?? 500,
    "grpc.max_reconnect_backoff_ms": settings.reconnect?.maxDelayMs ?? 10_000,
    ...(settings.reconnect === undefined ? {} : { "grpc.min_reconnect_backoff_ms": settings.reconnect.minConnectTimeoutMs }),
  };
  const { proxy } = settings;
  if (proxy === undefined) return () => createChannel(`dns:${endpoint}`, credentials, options);
  const throughProxy = {
    ...options,
    "grpc.default_authority": endpoint,
    "grpc.http_connect_target": `dns:${endpoint}`,
    ...(proxy.credentials === undefined ? {} : { "grpc.http_connect_creds": proxy.credentials }),
  };
  return () => createChannel(`dns:${proxy.address}`, credentials, throughProxy);
}

/** PEM text of everything we trust: the roots of the system and of Node, plus the CA file. */
export async function trustedRoots(
  sources: { readonly caCertPath: string; readonly systemRootsPath?: string },
  fileSystem: Pick<FileSystem, "readText">,
): Promise<string> {
  const parts = [...platformRoots()];
  if (sources.systemRootsPath !== undefined) parts.push((await readOptional(sources.systemRootsPath, fileSystem)) ?? "");
  if (sources.caCertPath !== "") parts.push(await readCertificates(sources.caCertPath, fileSystem));
  return parts.map((part) => part.trim()).join("\n");
}

/** Where Node looks for the system's roots; it complains on standard error when an image has none, as one made from scratch. */
const SYSTEM_ROOTS_FOLDER = "/etc/ssl/certs";

function platformRoots(): readonly string[] {
  // Node before 22.15 lacks the function, hence the namespace import.
  const knowsSystem = typeof tls.getCACertificates === "function" && existsSync(SYSTEM_ROOTS_FOLDER);
  return [...new Set([...defaultAuthorities(), ...(knowsSystem ? tls.getCACertificates("system") : [])])];
}

/** SSL_CERT_FILE is a hint that Go follows without complaint when the file is absent. */
async function readOptional(path: string, fileSystem: Pick<FileSystem, "readText">): Promise<string | undefined> {
  try {
    return await fileSystem.readText(path);
  } catch {
    return undefined;
  }
}

async function readCertificates(path: string, fileSystem: Pick<FileSystem, "readText">): Promise<string> {
  const text = await readCaFile(path, (file) => fileSystem.readText(file));
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const usable = blocks.filter(isCertificate);
  if (usable.length === 0) throw new UsageError("FILE_UNREADABLE", `Cannot use the CA file "${path}": it holds no certificate`);
  return usable.join("\n");
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
