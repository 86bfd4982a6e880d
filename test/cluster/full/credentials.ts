/**
 * Who is who on the whole Kubernetes: the API's certificate, the keys that sign tokens of service accounts, and a token for each program.
 *
 * @module
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { issueCertificate } from "../../../src/webhook/certificates/issue-certificate.ts";
import type { KubeAccess } from "../kube-client.ts";
import { API_PORT, API_SERVICE_ADDRESS, DOMAIN, NODE_ADDRESS, NODE_NAME } from "./addresses.ts";

export interface Credentials {
  readonly admin: KubeAccess;
  readonly files: {
    /** Its own authority. */
    readonly certificate: string;
    readonly key: string;
    readonly serviceAccountKey: string;
    /** The API's `--token-auth-file`. */
    readonly tokens: string;
  };
  /** Kubeconfig of each program. */
  readonly kubeconfigs: Readonly<Record<Program, string>>;
}

export type Program = keyof typeof USERS;

/** User and groups, as Kubernetes' own roles name them. */
const USERS = {
  admin: ["admin", "system:masters"],
  "kube-controller-manager": ["system:kube-controller-manager", ""],
  "kube-scheduler": ["system:kube-scheduler", ""],
  "kube-proxy": ["system:kube-proxy", ""],
  kubelet: [`system:node:${NODE_NAME}`, "system:nodes"],
} as const;

/** @param folder Takes all files, readable by their owner only. */
export async function makeCredentials(folder: string): Promise<Credentials> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", `kubernetes.default.svc.${DOMAIN}`];
  const { cert, key } = issueCertificate({
    commonName: "kubernetes of a test",
    hosts: ["localhost", "127.0.0.1", NODE_ADDRESS, API_SERVICE_ADDRESS, ...names],
    ...{ isAuthority: true, notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2049-12-31T23:59:59Z") },
  });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const users = Object.entries(USERS).map(([program, [user, groups]]) => {
    return { program, user, groups, token: randomBytes(24).toString("base64url") };
  });
  const kubeconfigs: [string, string][] = [];
  for (const { program, token } of users)
    kubeconfigs.push([program, await write(`${program}.kubeconfig`, kubeconfig({ ca: cert, token }))]);
  const lines = users.map(({ user, groups, token }) => `${token},${user},${user},"${groups}"\n`);
  return {
    admin: { port: API_PORT, ca: cert, token: users.find(({ program }) => program === "admin")?.token ?? "" },
    files: {
      certificate: await write("api.crt", cert),
      key: await write("api.key", key),
      serviceAccountKey: await write("service-accounts.key", privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
      tokens: await write("tokens.csv", lines.join("")),
    },
    kubeconfigs: Object.fromEntries(kubeconfigs) as Record<Program, string>,
  };
}

function kubeconfig({ ca, token }: { readonly ca: string; readonly token: string }): string {
  const cluster = {
    server: `https://${NODE_ADDRESS}:${String(API_PORT)}`,
    "certificate-authority-data": Buffer.from(ca).toString("base64"),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "test", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  });
}
