/** What the pipelines of kubernetes_settings.py come to. @module */
import { gives, OK, prints, returns, type RealRun } from "./real-run.ts";

const LOGIN = { "login/user": "ada", "login/password": "planted" };
/** Named by make_text, whose text is "s". */
const NAMED_S = { "s/token": "t", "s/mode": "m" };

export const kubernetes: readonly RealRun[] = [
  {
    pipeline: "kubernetes_secrets",
    objects: { ...LOGIN, "certificate/tls.crt": "c" },
    tasks: { say: prints("constants") },
  },
  {
    pipeline: "kubernetes_secrets",
    variant: "missing",
    state: "FAILED",
    tasks: { say: { state: "FAILED", error: /Cannot set variable \w+: there is no secret "login"/ } },
  },
  {
    pipeline: "kubernetes_secrets",
    variant: "shown",
    objects: { ...LOGIN, "certificate/tls.crt": "c" },
    stubs: {
      reason: "shows",
      programs: {
        "exec-say": [
          "sh",
          "-c",
          'echo "$USER_NAME ${#PASSWORD} ${TOKEN-unset} $(cat /etc/certificate/tls.crt) $(ls /etc/maybe | wc -l)"',
        ],
      },
    },
    tasks: { say: prints("ada 7 unset c 0") },
  },
  {
    pipeline: "kubernetes_secrets_by_name",
    objects: { ...LOGIN, ...NAMED_S },
    tasks: { "make-text": gives({ text: "s" }), say: prints("names") },
  },
  {
    pipeline: "kubernetes_secrets_in_a_loop",
    objects: { "first/user": "a", "second/user": "b" },
    tasks: { "for-loop-2": OK, "for-loop-2.say[0]": prints("first"), "for-loop-2.say[1]": prints("second") },
  },
  {
    pipeline: "kubernetes_secrets_in_a_loop",
    variant: "shown",
    objects: { "first/user": "a", "second/user": "b" },
    stubs: { reason: "shows", programs: { "exec-say": ["sh", "-c", 'echo "$USER_NAME $(cat /etc/secret/user)"'] } },
    tasks: { "for-loop-2": OK, "for-loop-2.say[0]": prints("a a"), "for-loop-2.say[1]": prints("b b") },
  },
  {
    pipeline: "kubernetes_config_maps",
    objects: { "settings/level": "5", "settings/mode": "far" },
    tasks: { say: prints("constants") },
  },
  {
    pipeline: "kubernetes_config_maps_by_name",
    objects: { "settings/level": "5", ...NAMED_S },
    tasks: { "make-text": gives({ text: "s" }), say: prints("names") },
  },
  {
    pipeline: "kubernetes_config_maps_by_name",
    variant: "shown",
    objects: { "settings/level": "5", ...NAMED_S },
    stubs: {
      reason: "shows",
      programs: { "exec-say": ["sh", "-c", 'echo "$LEVEL $MODE $(cat /etc/settings/level /etc/made/mode)"'] },
    },
    tasks: { "make-text": gives({ text: "s" }), say: prints("5 m 5m") },
  },
  {
    pipeline: "kubernetes_claims",
    claims: ["constant-claim", "claim-of-the-parameter", "s"],
    tasks: { "make-text": gives({ text: "s" }), say: prints("claims") },
  },
  {
    pipeline: "kubernetes_claims",
    variant: "missing",
    parameters: { claim: "nowhere" },
    state: "FAILED",
    tasks: {
      "make-text": gives({ text: "s" }),
      say: { state: "FAILED", error: /Cannot mount volume claim "(constant-claim|nowhere|s)": it is not there/ },
    },
  },
  {
    pipeline: "kubernetes_create_and_delete_claim",
    tasks: {
      createpvc: OK,
      say: prints("claim"),
      deletepvc: OK,
    },
  },
  {
    pipeline: "kubernetes_create_claim_in_full",
    tasks: { createpvc: { parameters: { name: "fixed-name" } }, deletepvc: OK },
  },
  {
    pipeline: "kubernetes_claim_per_iteration",
    tasks: {
      "for-loop-2": OK,
      "for-loop-2.createpvc[0]": OK,
      "for-loop-2.say[0]": prints("claim"),
      "for-loop-2.createpvc[1]": OK,
      "for-loop-2.say[1]": prints("claim"),
    },
  },
  { pipeline: "kubernetes_ephemeral_volumes", tasks: { say: prints("volumes") } },
  { pipeline: "kubernetes_empty_dirs", tasks: { say: prints("volumes") } },
  {
    pipeline: "kubernetes_node_selector",
    tasks: {
      "make-settings": returns({ disk: "ssd" }),
      say: prints("labels"),
      "say-2": prints("parameter"),
      "say-3": prints("output"),
    },
  },
  {
    pipeline: "kubernetes_tolerations",
    tasks: {
      "make-tolerations": returns([{ key: "gpu", operator: "Exists" }]),
      say: prints("constants"),
      "say-2": prints("output"),
    },
  },
  {
    pipeline: "kubernetes_node_affinity",
    tasks: { say: prints("constants"), "say-2": prints("JSON"), "say-3": prints("parameter") },
  },
  { pipeline: "kubernetes_pod_metadata", tasks: { say: prints("metadata") } },
  { pipeline: "kubernetes_images", tasks: { "make-text": gives({ text: "s" }), say: prints("images") } },
  { pipeline: "kubernetes_field_paths", tasks: { say: prints("fields") } },
  { pipeline: "kubernetes_timeout", tasks: { say: prints("at most a minute") } },
  { pipeline: "kubernetes_security_context", tasks: { say: prints("user"), "say-2": prints("root") } },
  { pipeline: "kubernetes_extensions", tasks: { say: prints("close by") } },
  {
    pipeline: "kubernetes_deprecated_members",
    objects: { "old/k": "v" },
    claims: ["old-claim"],
    tasks: { say: prints("claim") },
  },
  {
    pipeline: "kubernetes_many_settings",
    objects: { ...LOGIN, "settings/level": "5" },
    claims: ["claim"],
    tasks: { say: prints("many") },
  },
];
