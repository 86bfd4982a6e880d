import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { issueCertificate, type CertificateSubject } from "../../../src/webhook/certificates/issue-certificate.ts";
import { makeFolder, removeFolder } from "../../support/probe.ts";
import { skipUnless } from "../../support/skip.ts";

const AUTHORITY: CertificateSubject = {
  ...{ commonName: "kfp-runtime webhook authority", hosts: [], isAuthority: true },
  ...{ notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2051-12-31T23:59:59Z") },
};
const SERVER: CertificateSubject = {
  ...AUTHORITY,
  ...{ commonName: "webhook", hosts: ["webhook.kubeflow.svc", "127.0.0.1"], isAuthority: false },
  notAfter: new Date("2049-12-31T23:59:59Z"),
};

describe("issueCertificate()", () => {
  const authority = issueCertificate(AUTHORITY);
  const server = issueCertificate(SERVER, authority);
  const [ca, leaf] = [new X509Certificate(authority.cert), new X509Certificate(server.cert)];

  test("makes an authority, and a certificate that it has signed", ({ expect }) => {
    expect([ca.ca, leaf.ca]).toEqual([true, false]);
    expect(ca.checkIssued(ca) && ca.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.verify(leaf.publicKey)).toBe(false);
    expect(leaf.checkPrivateKey(createPrivateKey(server.key))).toBe(true);
    expect([leaf.subject, leaf.issuer]).toEqual(["CN=webhook", "CN=kfp-runtime webhook authority"]);
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  test("holds for its names, its addresses and its time, on either side of 2050", ({ expect }) => {
    expect(leaf.checkHost("webhook.kubeflow.svc")).toBe("webhook.kubeflow.svc");
    expect(leaf.checkHost("webhook")).toBeUndefined();
    expect(leaf.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(leaf.validFromDate).toEqual(SERVER.notBefore);
    expect(leaf.validToDate).toEqual(SERVER.notAfter);
    expect(ca.validToDate).toEqual(AUTHORITY.notAfter);
  });

  test("is another one each time", ({ expect }) => {
    const again = new X509Certificate(issueCertificate(SERVER, authority).cert);
    expect(again.serialNumber).not.toBe(leaf.serialNumber);
    expect(again.fingerprint256).not.toBe(leaf.fingerprint256);
  });

  const opensslMissing = skipUnless(
    spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0,
    "certificates of ours under openssl's strict rules: openssl is not on the PATH",
  );

  test.skipIf(opensslMissing)("satisfies the strict rules of openssl", async ({ expect }) => {
    const folder = await makeFolder();
    onTestFinished(() => removeFolder(folder));
    writeFileSync(path.join(folder, "ca.pem"), authority.cert);
    writeFileSync(path.join(folder, "server.pem"), server.cert);
    const args = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver", "-verify_hostname", "webhook.kubeflow.svc"];
    const { stdout, stderr } = spawnSync("openssl", [...args, "-CAfile", "ca.pem", "server.pem"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(stdout + stderr).toBe("server.pem: OK\n");
  });
});
