/**
 * Names of services, for pods, in the place of CoreDNS: every other name does not exist.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { KubeClient } from "../kube-client.ts";
import { DOMAIN, NODE_ADDRESS } from "./addresses.ts";
import { answerTo, parseQuestion } from "./dns-message.ts";

const PORT = 53;
/** Services are asked for again when this time has passed. */
const KNOWN_MS = 2000;

/** @returns Stops it. */
export async function startClusterDns(kube: KubeClient): Promise<() => Promise<void>> {
  let known: { readonly until: number; readonly addresses: Promise<ReadonlyMap<string, string>> } | undefined;
  const addresses = async (): Promise<ReadonlyMap<string, string>> => {
    if (known === undefined || performance.now() > known.until)
      known = { until: performance.now() + KNOWN_MS, addresses: serviceAddresses(kube) };
    return await known.addresses;
  };
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    const question = parseQuestion(message);
    if (question === undefined) return;
    addresses().then(
      (found) => socket.send(answerTo(question, found.get(question.name)), from.port, from.address),
      // Whoever asks asks again.
      () => undefined,
    );
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(PORT, NODE_ADDRESS, resolve);
  });
  return async () => await new Promise((resolve) => socket.close(resolve));
}

async function serviceAddresses(kube: KubeClient): Promise<ReadonlyMap<string, string>> {
  const { items } = JSON.parse(await kube.ask("GET", "/api/v1/services")) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly namespace: string };
      readonly spec: { readonly clusterIP?: string };
    }[];
  };
  return new Map(
    items.map(({ metadata, spec }) => [`${metadata.name}.${metadata.namespace}.svc.${DOMAIN}`, spec.clusterIP ?? ""]),
  );
}
