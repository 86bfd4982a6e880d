/** Text of others within a message of ours, which is one line. @module */

/** Line breaks and other runs of white space become one space each; nothing is left at either end. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
