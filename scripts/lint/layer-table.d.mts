export const layers: Readonly<Record<string, readonly string[]>>;
export const floors: Readonly<Record<string, readonly string[]>>;
export const mainFiles: readonly string[];
export const pure: { readonly layers: readonly string[]; readonly allowed: Readonly<Record<string, readonly string[]>> };
