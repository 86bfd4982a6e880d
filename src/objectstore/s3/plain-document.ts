/**
 * Documents of a plain form, read six times as fast as any XML: elements without attributes, text without anything that has to be looked
 * up. Listings of a thousand objects look like this at every store that is known. Pure.
 *
 * What is not plain is left to `readXml` (xml-document.ts), which gives the same for what is.
 *
 * @module
 */
import type { XmlElement } from "./xml-document.ts";

/** An element: its text, or its children in their order. */
interface Node {
  readonly name: string;
  text: string;
  children: Node[] | undefined;
}

/** A declaration, and the start of the root, whose attributes name its namespace. */
const START = /^(?:<\?xml(?: [a-z]+="[A-Za-z0-9.-]*")*\s*\?>)?\s*<([A-Za-z]+)(?: xmlns="[^"<>&]*")?>/;
const DEEPEST = 10;
/** A tag and the text after it. */
const TAG = /<(\/?)([A-Za-z]+)(\/?)>([^<]*)/y;
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'" },
  ...{ "&#34;": '"', "&#39;": "'", "&#38;": "&", "&#60;": "<", "&#62;": ">" },
};
/** Whitespace that parsers change, and characters that no document may have. */
// oxlint-disable-next-line no-control-regex -- those are meant
const ODD_CHARACTER = /[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]/;

/** Root element; `undefined` when the text is not a plain document, whatever else it may be. */
export function readPlain(text: string): XmlElement | undefined {
  const start = START.exec(text);
  if (start === null || ODD_CHARACTER.test(text)) return undefined;
  const root: Node = { name: start[1] ?? "", text: "", children: undefined };
  const open: Node[] = [root];
  let at = start[0].length;
  const before = text.indexOf("<", at);
  root.text = text.slice(at, before);
  at = before;
  for (let current: Node | undefined = root; current !== undefined;) {
    TAG.lastIndex = at;
    const tag = TAG.exec(text);
    if (tag === null) return undefined;
    const [, slash, name = "", end, after = ""] = tag;
    at = TAG.lastIndex;
    if (slash === "/") {
      if (name !== current.name || end === "/") return undefined;
      open.pop();
      current = open.at(-1);
      if (!isBlank(after)) return undefined;
      continue;
    }
    // Text beside elements.
    if ((current.children === undefined && !isBlank(current.text)) || open.length > DEEPEST) return undefined;
    const child: Node = { name, text: end === "/" ? "" : after, children: undefined };
    (current.children ??= []).push(child);
    if (end !== "/") {
      open.push(child);
      current = child;
    } else if (!isBlank(after)) return undefined;
  }
  return at === text.length && decode(root) ? element(root) : undefined;
}

function isBlank(text: string): boolean {
  return text === "" || text.trim() === "";
}

/** @returns whether every entity is a known one. */
function decode(node: Node): boolean {
  if (node.children !== undefined) return node.children.every(decode);
  if (!node.text.includes("&")) return true;
  let isKnown = true;
  node.text = node.text.replaceAll(/&[^;]*;?/g, (entity) => {
    const character = ENTITIES[entity];
    isKnown &&= character !== undefined;
    return character ?? "";
  });
  return isKnown;
}

function element({ name, children = [] }: Node): XmlElement {
  return {
    name,
    text(childName) {
      const found = children.filter((child) => child.name === childName);
      const [only] = found;
      return found.length === 1 && only?.children === undefined ? only?.text : undefined;
    },
    children: (childName) => children.filter((child) => child.name === childName && child.children !== undefined).map(element),
  };
}
