/**
 * Members of an object that its schema does not have. The validators of kubernetes-models pass over them, and so does the API server for a
 * patch: a misspelled member would do nothing, in silence.
 *
 * @module
 */

/**
 * A view of a JSON value, and the paths of the members that nobody has read through it. A validator reads each member of a schema by its
 * name, and of a map each there is.
 */
export function watchReads<T extends object>(value: T): { readonly view: T; readonly unread: () => string[] } {
  const read = new Map<object, Set<string>>();
  const views = new WeakMap<object, object>();
  const viewOf = (target: object): object => {
    const known = views.get(target);
    if (known !== undefined) return known;
    const names = new Set<string>();
    read.set(target, names);
    const view = new Proxy(target, {
      get(object, name, receiver) {
        if (typeof name === "string") names.add(name);
        const member: unknown = Reflect.get(object, name, receiver);
        return typeof member === "object" && member !== null ? viewOf(member) : member;
      },
    });
    views.set(target, view);
    return view;
  };
  const unreadOf = (target: object, path: string): string[] =>
    Object.entries(target).flatMap(([name, member]: [string, unknown]) => {
      const place = path === "" ? name : `${path}.${name}`;
      if (read.get(target)?.has(name) !== true) return [place];
      return typeof member === "object" && member !== null ? unreadOf(member, place) : [];
    });
  return { view: viewOf(value) as T, unread: () => unreadOf(value, "") };
}
