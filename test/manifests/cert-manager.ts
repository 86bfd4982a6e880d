/**
 * The objects of cert-manager that manifests/ has, as far as they may go: nothing but known members, each of its type.
 *
 * Reference: https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1 (Issuer, Certificate).
 *
 * @module
 */
import { Ajv } from "ajv";

const metadata = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: { name: { type: "string" }, namespace: { type: "string" } },
};

function objectOf(kind: string, spec: object): object {
  return {
    type: "object",
    additionalProperties: false,
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: { apiVersion: { const: "cert-manager.io/v1" }, kind: { const: kind }, metadata, spec },
  };
}

const issuer = objectOf("Issuer", {
  type: "object",
  additionalProperties: false,
  required: ["selfSigned"],
  properties: { selfSigned: { type: "object", additionalProperties: false } },
});

const certificate = objectOf("Certificate", {
  type: "object",
  additionalProperties: false,
  required: ["secretName", "issuerRef", "dnsNames"],
  properties: {
    secretName: { type: "string" },
    isCA: { type: "boolean" },
    commonName: { type: "string", maxLength: 64 },
    dnsNames: { type: "array", minItems: 1, items: { type: "string" } },
    privateKey: {
      type: "object",
      additionalProperties: false,
      properties: {
        algorithm: { enum: ["RSA", "ECDSA", "Ed25519"] },
        size: { type: "integer" },
        rotationPolicy: { enum: ["Never", "Always"] },
      },
    },
    issuerRef: {
      type: "object",
      additionalProperties: false,
      required: ["name"],
      properties: { name: { type: "string" }, kind: { enum: ["Issuer", "ClusterIssuer"] } },
    },
  },
});

class Checked {
  readonly #object: unknown;
  readonly #schema: object;

  constructor(object: unknown, schema: object) {
    this.#object = object;
    this.#schema = schema;
  }

  /** As the models of Kubernetes do. */
  validate(): void {
    const ajv = new Ajv({ allErrors: true });
    if (!ajv.validate(this.#schema, this.#object)) throw new Error(ajv.errorsText());
  }
}

export class Issuer extends Checked {
  constructor(object: unknown) {
    super(object, issuer);
  }
}

export class Certificate extends Checked {
  constructor(object: unknown) {
    super(object, certificate);
  }
}
