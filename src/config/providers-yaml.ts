/**
 * The YAML of the launcher configuration's key `providers`, in the dialect the reference reads: YAML 1.1, where bare `yes`, `on` and
 * `y` are booleans.
 *
 * The parser is loaded on first use: most runs have no such key.
 *
 * Source: docs/spec/object-stores.md#providers-format.
 *
 * @module
 */
import { StorageError, errorMessage } from "../core/errors.ts";

/**
 * @returns Plain data for config/store-providers.ts; `null` for an empty document.
 * @throws {StorageError} STORE_CONFIG_INVALID when the text is not YAML, or holds more than one document.
 */
export async function parseProvidersYaml(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    return parse(text, {
      version: "1.1",
      schema: "yaml-1.1",
      // A text field may hold something that looks like a date; the reference keeps it as text.
      customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:timestamp"),
      logLevel: "error",
    });
  } catch (error) {
    const reason = errorMessage(error).split("\n")[0] ?? "";
    throw new StorageError(
      "STORE_CONFIG_INVALID",
      `Cannot parse key "providers" of the launcher configuration as YAML: ${reason}`,
      {
        cause: error,
      },
    );
  }
}
