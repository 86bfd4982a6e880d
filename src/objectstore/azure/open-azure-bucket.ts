/**
 * Opens a container of Azure Blob Storage: account, address and login from the session or from the environment.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 *
 * @module
 */
import { StorageError } from "../../core/errors.ts";
import type { BucketOpening, OpenedBucket } from "../providers.ts";
import { createAzureBucket } from "./azure-bucket.ts";
import { createAzureHttp } from "./azure-http.ts";
import { findEnvironmentLogin, readSecretLogin } from "./azure-login.ts";
import type { FoundLogin } from "./azure-login.ts";
import { findService, isPrivate } from "./service-address.ts";
import type { ServiceAddress } from "./service-address.ts";

/** @throws {StorageError} STORE_CONFIG_INVALID for an address or a login that is not one; what reading the Secret throws. */
export async function openAzureBucket(opening: BucketOpening): Promise<OpenedBucket> {
  const { bucket: container, agents, idleTimeoutMs, connectTimeoutMs, clock } = opening;
  const found = await logIn(opening);
  const service = serviceOf(opening, found);
  const settings = { service, container, login: found.login, agents, idleTimeoutMs, connectTimeoutMs, clock };
  return { bucket: createAzureBucket(createAzureHttp(settings)), endpoint: service.url, region: "" };
}

async function logIn({ session, environment, readSecret, ...deps }: BucketOpening): Promise<FoundLogin> {
  const { credentials } = session;
  if (readSecret === undefined || credentials.kind !== "azure-secret") return findEnvironmentLogin(deps, environment);
  return readSecretLogin(credentials, await readSecret());
}

function serviceOf({ session, environment, readSecret }: BucketOpening, found: FoundLogin): ServiceAddress {
  const sources = { ...found, environment: readSecret === undefined ? environment : {} };
  const service = findService({ ...sources, session });
  const { kind } = found.login;
  if (kind === "Entra ID" && !isPrivate(service.url)) {
    throw forbidden(`a token of Entra ID is not sent to ${service.url} in the clear: use https`);
  }
  // The token is part of the address, so that whoever could choose the address would have it.
  if (kind === "SAS" && Object.keys(session.query).length > 0) {
    const own = findService({ ...sources, session: { ...session, query: {} } });
    if (new URL(own.url).origin !== new URL(service.url).origin) {
      throw forbidden("the query of the pipeline root cannot name another address than the one that the SAS token is for");
    }
  }
  return service;
}

function forbidden(reason: string): StorageError {
  return new StorageError("STORE_CONFIG_INVALID", `Cannot open Azure Blob Storage: ${reason}.`);
}
