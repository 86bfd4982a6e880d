import { describe, test } from "vitest";
import { KubeError } from "../../../src/core/errors.ts";
import type { JsonObject } from "../../../src/core/values/value.ts";
import { runCertificate } from "../../../src/webhook/certificates/run-certificate.ts";
import { FakeClock } from "../../fakes/fake-clock.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

function host(environment: Readonly<Record<string, string>> = { NAMESPACE: "kubeflow" }) {
  const logger = new RecordingLogger();
  const written = { stdout: "", stderr: "" };
  const asked: string[] = [];
  let closed = 0;
  const configuration: JsonObject = { metadata: {}, webhooks: [{ clientConfig: {} }] };
  const surroundings = {
    ...{ environment, clock: new FakeClock(), createLogger: () => logger },
    stdout: { write: (text: string) => (written.stdout += text) },
    stderr: { write: (text: string) => (written.stderr += text) },
    openObjects: () => ({
      getObject: ({ kind }: { kind: string }, { namespace, name }: { namespace: string; name: string }) => {
        asked.push(`${kind} ${namespace}/${name}`);
        return Promise.resolve(kind === "Secret" ? undefined : configuration);
      },
      createObject: (_resource: unknown, _place: unknown, object: JsonObject) => Promise.resolve(object),
      replaceObject: (_resource: unknown, _place: unknown, object: JsonObject) => Promise.resolve(object),
      close: () => void (closed += 1),
    }),
  };
  return { surroundings, logger, written, asked, closed: () => closed };
}

describe("runCertificate()", () => {
  test("installs for the namespace of its pod, and ends with 0", async ({ expect }) => {
    const { surroundings, logger, asked, closed } = host();
    expect(await runCertificate([], surroundings)).toBe(0);
    expect(asked).toEqual([
      "Secret kubeflow/kfp-runtime-webhook-tls",
      "MutatingWebhookConfiguration /kfp-runtime-workflow",
      "MutatingWebhookConfiguration /kfp-runtime-agent-pod",
    ]);
    expect(logger.messages("info").at(-1)).toBe("the certificate is a new one");
    expect(closed()).toBe(1);
  });

  test("takes names from its flags", async ({ expect }) => {
    const { surroundings, asked } = host({});
    const flags = ["--namespace=team-a", "--secret=s", "--configurations=c,"];
    expect(await runCertificate(flags, surroundings)).toBe(0);
    expect(asked).toEqual(["Secret team-a/s", "MutatingWebhookConfiguration /c"]);
  });

  test("ends with 1 and the reason when Kubernetes refuses", async ({ expect }) => {
    const { surroundings, logger, closed } = host();
    const openObjects = () => ({
      ...surroundings.openObjects(),
      getObject: () => Promise.reject(new KubeError("KUBE_REJECTED", "Kubernetes refuses Secret kubeflow/x: forbidden")),
    });
    expect(await runCertificate([], { ...surroundings, openObjects })).toBe(1);
    expect(logger.messages("error")).toEqual(["webhook-certificate failed: Kubernetes refuses Secret kubeflow/x: forbidden"]);
    expect(closed()).toBe(1);
  });

  test.for<{ argv: string[]; code: number; stdout?: RegExp; stderr?: RegExp; environment?: Record<string, string> }>([
    { argv: ["--help"], code: 0, stdout: /^Usage of driver webhook-certificate:\n/ },
    { argv: ["--version"], code: 0, stdout: /^driver webhook-certificate \S+ \(commit / },
    { argv: [], environment: {}, code: 1, stderr: /variable NAMESPACE must hold the namespace, or --namespace\n$/ },
    { argv: ["--valid_days", "0"], code: 2, stderr: /--valid_days: 0 is not a number from 1 to 3650\nUsage of/ },
    { argv: ["--valid_days", "x"], code: 2, stderr: /invalid value "x" for flag -valid_days/ },
    { argv: ["now"], code: 2, stderr: /Cannot read argument "now": it is not a flag/ },
  ])("ends with $code for $argv", async ({ argv, code, stdout = /^$/, stderr = /^$/, environment }, { expect }) => {
    const { surroundings, written, asked } = host(environment);
    expect(await runCertificate(argv, surroundings)).toBe(code);
    expect(written.stdout).toMatch(stdout);
    expect(written.stderr).toMatch(stderr);
    expect(asked).toEqual([]);
  });
});
