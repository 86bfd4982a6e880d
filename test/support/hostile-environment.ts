/**
 * Variables that a user's image sets for the user's program, and that would break ours if they reached it. The user's program gets
 * them as they are.
 *
 * @module
 */
export const hostileEnvironment: Readonly<Record<string, string>> = {
  LD_PRELOAD: "/t/hostile.so",
  LD_AUDIT: "/t/hostile.so",
  LD_LIBRARY_PATH: "/t",
  NODE_OPTIONS: "--require=/nowhere.js",
  NODE_EXTRA_CA_CERTS: "/nowhere.pem",
  NODE_PATH: "/t",
  OPENSSL_CONF: "/nowhere.cnf",
  GLIBC_TUNABLES: "glibc.malloc.check=9",
  MALLOC_ARENA_MAX: "x",
  MALLOC_CHECK_: "3",
  UV_THREADPOOL_SIZE: "0",
  LOCPATH: "/t",
  RES_OPTIONS: "attempts:0",
  HOSTALIASES: "/t/step",
  LC_ALL: "nonsense",
  TZ: "Nowhere/City",
  MULTI: "first line\nsecond=line",
  EMPTY: "",
};
