/**
 * References of OCI images: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
 *
 * They come from the URI of an artifact, which a run may choose, and go into the pod: only what a registry could have is let through.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#k8s-16.
 *
 * @module
 */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?`;
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*";
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(`^(?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*(?::${TAG})?(?:@${DIGEST})?$`);
/** Longer ones no runtime takes; it also bounds the match. */
const LONGEST = 1024;

export function isImageReference(text: string): boolean {
  return text.length <= LONGEST && REFERENCE.test(text);
}
