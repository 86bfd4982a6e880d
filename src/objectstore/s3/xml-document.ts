/**
 * Answers of S3 stores as elements: one root with children, text as it stands.
 *
 * `fast-xml-parser` bounds what a document can ask for: external entities and expansions that grow are refused, elements are nested at
 * most 100 deep, and names cannot reach into prototypes. How long a document may be is the business of whoever reads it from the
 * network. Nothing is turned into numbers or trimmed: both would name other objects. Pure.
 *
 * @module
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { readPlain } from "./plain-document.ts";

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  /** Text of the only child of this name, entities resolved; undefined when there is none, several, or one with children. */
  text(child: string): string | undefined;
  /** Children of this name that have children themselves. */
  children(child: string): readonly XmlElement[];
}

/** Root element; undefined when the text is not a whole, well-formed document. */
export function readXml(text: string): XmlElement | undefined {
  // Stores keep a connection alive by spaces while they join parts.
  const document = text.trimStart();
  return readPlain(document) ?? readAny(document);
}

/** As `readXml`, of any document. @param document Begins with its first character. */
export function readAny(document: string): XmlElement | undefined {
  try {
    if (XMLValidator.validate(document) !== true) return undefined;
    // A parser remembers the entities that a document declares: each document gets its own.
    const parsed: unknown = new XMLParser({
      ignoreAttributes: true,
      ignoreDeclaration: true,
      ignorePiTags: true,
      removeNSPrefix: true,
      parseTagValue: false,
      trimValues: false,
      // The numeric ones are among these.
      htmlEntities: true,
    }).parse(document);
    const [root, ...others] = isRecord(parsed) ? Object.entries(parsed) : [];
    return root === undefined || others.length > 0 ? undefined : toElement(...root);
  } catch {
    // What the parser refuses; its messages quote the document.
    return undefined;
  }
}

function toElement(name: string, content: unknown): XmlElement {
  const child = (childName: string): unknown =>
    isRecord(content) && Object.hasOwn(content, childName) ? content[childName] : undefined;
  return {
    name,
    text(childName) {
      const value = child(childName);
      return typeof value === "string" ? value : undefined;
    },
    children(childName) {
      const value = child(childName);
      const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
      return list.filter(isRecord).map((item) => toElement(childName, item));
    },
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
