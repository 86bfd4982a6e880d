/**
 * Texts without the passwords that stand in URLs. Pure.
 *
 * URIs of artifacts, endpoints and proxies come from pipelines and settings, and end up in log lines and in the messages of tasks, where
 * others read them.
 *
 * Standard: RFC 3986, section 3.2.1 (user information).
 *
 * @module
 */

/** What stands before the `@` of an authority; also where the URL is a value in the query of another, or inside a JSON text. */
const USER = /(:(?:\\?\/){2})[^\s/?#"'<>\\]{1,2000}@/g;
const ENCODED_USER = /(%3a%2f%2f)(?:(?!%2f|%3f|%23|%22|%20)[^\s/?#"'<>\\&]){1,2000}?%40/gi;

/** `s3://user:secret@host/x` becomes `s3://***@host/x`. */
export function hidePasswords(text: string): string {
  if (!text.includes("@") && !text.includes("%40")) return text;
  return text.replace(USER, "$1***@").replace(ENCODED_USER, "$1***%40");
}
