/**
 * Pipelines with something that this version refuses by name: they have no golden yet. The list is empty when all of the language and
 * of the platform spec is supported.
 *
 * @module
 */
export const PENDING: readonly string[] = [
  // Kubernetes executor config.
  "kubernetes_claims",
  "kubernetes_config_maps",
  "kubernetes_config_maps_by_name",
  "kubernetes_deprecated_members",
  "kubernetes_empty_dirs",
  "kubernetes_ephemeral_volumes",
  "kubernetes_field_paths",
  "kubernetes_images",
  "kubernetes_many_settings",
  "kubernetes_node_affinity",
  "kubernetes_node_selector",
  "kubernetes_secrets",
  "kubernetes_secrets_by_name",
  "kubernetes_secrets_in_a_loop",
  "kubernetes_security_context",
  "kubernetes_timeout",
  "kubernetes_tolerations",
  // Tasks that the driver does itself.
  "kubernetes_claim_per_iteration",
  "kubernetes_create_and_delete_claim",
  "kubernetes_create_claim_in_full",
  // dsl.TaskConfig.
  "task_config",
  "task_config_empty",
  // Model images.
  "importer_of_an_image",
];
