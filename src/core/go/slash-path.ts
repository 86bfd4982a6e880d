/**
 * Slash-separated paths as text: what Go's package `path` does, for object keys, URIs and the paths inside Linux containers.
 *
 * Source: docs/spec/executor-input.md#pipeline-root, docs/spec/object-stores.md#uri-parsing.
 *
 * @module
 */

/** Resolves `.`, `..` and repeated slashes. `..` never climbs above `/`; a relative path may start with it. Empty gives `.`. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push("..");
  }
  const joined = kept.join("/");
  if (rooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}

/** The last element, trailing slashes ignored: `.` for an empty path, `/` for one of slashes only. */
export function baseName(path: string): string {
  if (path === "") return ".";
  const trimmed = trimTrailingSlashes(path);
  return trimmed === "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** The folder a path lies in: everything before its last slash, `.` when there is none, `/` at the top. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}

/** The path without slashes at its end; `/` becomes empty. */
export function trimTrailingSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}

/** The path without slashes at either end. */
export function trimSlashes(path: string): string {
  let start = 0;
  while (path[start] === "/") start += 1;
  return trimTrailingSlashes(path.slice(start));
}

/** Whether following the path from a folder would, at any point, step out of that folder. Leading slashes are ignored. */
export function climbsOut(relativePath: string): boolean {
  let depth = 0;
  for (const segment of relativePath.split("/")) {
    if (segment === "..") depth -= 1;
    else if (segment !== "" && segment !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

/** Whether `name` can be one file name: not empty, no slash, no NUL, neither `.` nor `..`. */
export function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0");
}
