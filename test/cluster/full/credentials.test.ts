import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { X509Certificate } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCredentials, type Credentials } from "./credentials.ts";

describe("credentials of a whole Kubernetes", () => {
  let folder: string;
  let made: Credentials;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-credentials-"));
    made = await makeCredentials(path.join(folder, "credentials"));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  it("give each program a token of its own, as the user that Kubernetes' roles name", async () => {
    const lines = (await readFile(made.files.tokens, "utf8")).trim().split("\n");
    const byUser = new Map(lines.map((line) => line.split(",")).map(([token, user, , groups]) => [user, { token, groups }]));
    expect(byUser.get("system:node:node")?.groups).toBe('"system:nodes"');
    expect(byUser.get("admin")).toEqual({ token: made.admin.token, groups: '"system:masters"' });
    expect(new Set([...byUser.values()].map(({ token }) => token)).size).toBe(5);
    const { users } = JSON.parse(await readFile(made.kubeconfigs["kube-scheduler"], "utf8")) as {
      users: { user: { token: string } }[];
    };
    expect(users[0]?.user.token).toBe(byUser.get("system:kube-scheduler")?.token);
  });

  it("certify the API under its names, and are its owner's alone", async () => {
    const certificate = new X509Certificate(made.admin.ca);
    expect(certificate.checkHost("kubernetes.default.svc")).toBeDefined();
    for (const address of ["127.0.0.1", "10.96.0.1", "10.88.0.1"]) expect(certificate.checkIP(address)).toBeDefined();
    for (const file of [...Object.values(made.files), ...Object.values(made.kubeconfigs)])
      expect((await stat(file)).mode & 0o077).toBe(0);
  });
});
