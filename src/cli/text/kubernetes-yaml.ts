/**
 * Kubernetes objects as YAML that every reader takes for the same: those of YAML 1.1, of 1.2 and Go's, which mixes both.
 *
 * They differ in which plain words are texts (`on`, `1e3`, `0o7`, `12:30`, `2026-01-01`), so all that could be something else is quoted.
 *
 * Standard: YAML 1.1 types (bool, int, float, timestamp, merge), YAML 1.2 10.3 (core schema).
 *
 * @module
 */
import { Document, isScalar, visit } from "yaml";
import type { JsonValue } from "../../core/values/value.ts";
import { CONTROLS, unicodeEscape } from "./terminal-text.ts";

/** In a block text its blanks would be taken for indentation. */
const BLANK_LINE = /^\s|(?:^|\n) +(?:\n|$)/;
const NOT_A_TEXT = /^(?:[-+.~\d].*|[<=]{1,2}|y|n|yes|no|on|off|true|false|null|)$/is;

/** Ends with a line break. Control characters are escaped, so that it may go to a terminal. */
export function kubernetesYaml(value: JsonValue): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      if (!isScalar(node) || typeof node.value !== "string") return;
      const { value: text } = node;
      if (NOT_A_TEXT.test(text) || hasControls(text) || BLANK_LINE.test(text)) node.type = "QUOTE_DOUBLE";
    },
  });
  // Only quoted texts still have some, where this is what they are written as.
  return document
    .toString({ lineWidth: 0 })
    .replaceAll(CONTROLS, (control) => (control === "\n" ? control : unicodeEscape(control)));
}

/** Line breaks are what block texts are for. */
function hasControls(text: string): boolean {
  return text.replaceAll("\n", "").search(CONTROLS) !== -1;
}
