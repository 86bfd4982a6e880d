/**
 * esbuild plugin: message files get the descriptors of src/core/lean-descriptors.ts instead of protobuf-es' own, which every start
 * of a program would have to decode.
 *
 * Left as they are: files with extensions, with default values (proto2), and descriptor.proto itself. Files that were imported
 * only for options, such as google/api/annotations.proto, are no longer imported; who wants an option imports its file, and reads it with
 * `getOption` from services and methods as usual. Options of messages, fields and enums are left out.
 * @module
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

const fileDescCall = /\bfileDesc\(\s*"[A-Za-z0-9+/=]*"\s*(?:,\s*\[([^\]]*)\]\s*)?\)/;

/**
 * @param {string} root Absolute folder of the repository.
 * @returns {import("esbuild").Plugin}
 */
export function leanDescriptors(root) {
  const runtime = path.join(root, "src/core/lean-descriptors.ts");
  return {
    name: "lean-descriptors",
    setup(hooks) {
      hooks.onResolve({ filter: /^lean-descriptors$/ }, () => ({ path: runtime }));
      hooks.onLoad({ filter: /_pb\.js$/ }, async ({ path: file }) => {
        const text = await readFile(file, "utf8");
        const contents = await rewriteMessageFile(text, file);
        return contents === undefined ? undefined : { contents, loader: "js" };
      });
    },
  };
}

/**
 * @param {string} text Text of a generated `*_pb.js` file.
 * @param {string} file Its absolute path.
 * @returns {Promise<string | undefined>} The text with a lean descriptor, undefined when the file shall stay as it is.
 */
export async function rewriteMessageFile(text, file) {
  const call = fileDescCall.exec(text);
  if (call === null) return undefined;
  const exported = await import(pathToFileURL(file).href);
  const desc = Object.values(exported).find((value) => value?.kind === "file");
  if (desc === undefined || !canBeLean(desc)) return undefined;
  const used = usedFiles(desc);
  const dependencies = (call[1] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => used.has(name));
  const row = JSON.stringify(fileRow(desc));
  // The import of the other function stays and is dropped as unused.
  return `import { leanFile } from "lean-descriptors";\n${text.replace(call[0], () => `leanFile(${row}, [${dependencies.join(", ")}])`)}`;
}

/** Variables that generated code would give the files whose types are used. */
function usedFiles(desc) {
  const files = new Set();
  const add = (type) => {
    if (type !== undefined && type.file !== desc) files.add(`file_${type.file.name.replaceAll(/[^A-Za-z0-9_]/g, "_")}`);
  };
  for (const message of allMessages(desc))
    for (const field of message.fields) for (const type of [field.message, field.enum]) add(type);
  for (const service of desc.services)
    for (const { input, output } of service.methods) for (const type of [input, output]) add(type);
  return files;
}

function* allMessages({ messages, nestedMessages = messages }) {
  for (const message of nestedMessages) {
    yield message;
    yield* allMessages(message);
  }
}

function canBeLean(desc) {
  return (
    desc.name !== "google/protobuf/descriptor" &&
    desc.extensions.length === 0 &&
    [...allMessages(desc)].every(
      (message) =>
        message.nestedExtensions.length === 0 && message.fields.every((field) => field.getDefaultValue?.() === undefined),
    )
  );
}

function fileRow(desc) {
  return [
    desc.proto.name,
    desc.proto.package,
    desc.edition,
    desc.deprecated,
    desc.messages.map(messageRow),
    desc.enums.map(enumRow),
    desc.services.map(serviceRow),
  ];
}

function messageRow(message) {
  return [
    message.name,
    message.deprecated,
    JSON.stringify(message.fields.map((field) => fieldRow(field, message.oneofs))),
    message.oneofs.map(({ name, localName }) => [name, localName]),
    message.nestedMessages.map(messageRow),
    message.nestedEnums.map(enumRow),
  ];
}

function fieldRow(field, oneofs) {
  const flags =
    (field.utf8Validation ? 1 : 0) |
    (field.packed ? 2 : 0) |
    (field.delimitedEncoding ? 4 : 0) |
    (field.deprecated ? 8 : 0) |
    (field.longAsString ? 16 : 0);
  return [
    field.name,
    field.number,
    field.localName,
    field.jsonName,
    field.fieldKind,
    field.presence,
    field.listKind ?? field.mapKind ?? "",
    field.scalar ?? 0,
    (field.message ?? field.enum)?.typeName ?? "",
    field.mapKey ?? 0,
    flags,
    field.oneof === undefined ? -1 : oneofs.indexOf(field.oneof),
  ];
}

function enumRow(desc) {
  const values = desc.values.map(({ name, localName, number, deprecated, jsonName }) => [
    name,
    localName,
    number,
    deprecated,
    jsonName,
  ]);
  return [desc.name, desc.deprecated, desc.open, desc.sharedPrefix ?? null, JSON.stringify(values)];
}

function serviceRow({ name, deprecated, methods, proto }) {
  return [name, deprecated, JSON.stringify(methods.map(methodRow)), optionRows(proto)];
}

function methodRow({ name, localName, methodKind, input, output, idempotency, deprecated, proto }) {
  return [name, localName, methodKind, input.typeName, output.typeName, idempotency, deprecated, optionRows(proto)];
}

/** Options that are extensions: protobuf-es keeps them as unknown fields, and `getOption` looks for them there. */
function optionRows({ options }) {
  return (options?.$unknown ?? []).map(({ no, wireType, data }) => [no, wireType, Buffer.from(data).toString("base64")]);
}
