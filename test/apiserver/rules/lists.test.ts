/**
 * Every list by every key: sort orders, operations, values of wrong kinds, pages and tokens, over gRPC and REST.
 *
 * docs/spec/api-server.md#lists
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import {
  LIST_CASES,
  SMALL_SPEC,
  type CellValue,
  type FilledList,
  type ListCase,
  type ListColumn,
} from "../../support/list-cases.ts";
import { root } from "../../support/probe.ts";

/** One package of each transport: the handlers behind both packages are the same. */
const [GRPC, REST] = [WAYS[0] as Way, WAYS[3] as Way];
const TWO_WAYS = [GRPC, REST];

const keyOf = (list: ListCase, row: JsonObject) => row[list.id] as string;

async function idsOf(api: ApiWay, list: ListCase, request: JsonObject): Promise<{ ids: string[]; total: number; token: string }> {
  const reply = await api.call(list.method, request);
  const rows = (reply[list.rows] ?? []) as JsonObject[];
  return {
    ids: rows.map((row) => keyOf(list, row)),
    total: (reply["total_size"] ?? 0) as number,
    token: (reply["next_page_token"] ?? "") as string,
  };
}

/** All rows, page by page. */
async function walk(api: ApiWay, list: ListCase, request: JsonObject, pageSize = 1): Promise<string[]> {
  const seen: string[] = [];
  let token = "";
  for (let pages = 0; pages < 10; pages += 1) {
    const page = await idsOf(api, list, { ...request, page_size: pageSize, page_token: token });
    seen.push(...page.ids);
    ({ token } = page);
    if (token === "") return seen;
  }
  throw new Error("The pages do not end");
}

function compare(left: CellValue, right: CellValue): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/** By value, then by id, both in one direction. */
function sorted({ ids }: FilledList, values: readonly CellValue[], descending: boolean): string[] {
  const rows = ids.map((id, index) => ({ id, value: values[index] ?? null }));
  rows.sort((left, right) => compare(left.value, right.value) || compare(left.id, right.id));
  const order = rows.map(({ id }) => id);
  return descending ? order.toReversed() : order;
}

/** A value as a predicate holds it. */
function valueMember(column: Exclude<ListColumn, "refused">, value: string | number): JsonObject {
  switch (column.kind) {
    case "text":
      return { string_value: value };
    case "number":
      return { int_value: value };
    case "time":
      return { timestamp_value: new Date(Number(value) * 1000).toISOString() };
  }
}

const documented = new Map(
  [
    ...(/^### Sort$([\s\S]*?)^### /m.exec(readFileSync(join(root, "docs/spec/api-server.md"), "utf8"))?.[1] ?? "").matchAll(
      /^\| ([a-z ]+) \| (`[^|]*) \| (\w+) \|$/gm,
    ),
  ].map(([, resource = "", keys = "", defaultKey = ""]) => {
    const names = [...keys.split(/, filter only|; sort only/)[0]!.matchAll(/`(\w+)`/g)].map(([, key = ""]) => key);
    return [resource, { names, defaultKey }] as const;
  }),
);

describe.for(LIST_CASES)("lists of $resource", (list) => {
  test("have the keys and the default order that the document names", async ({ expect }) => {
    const api = await startWay(GRPC);
    const { columns } = await list.fill(api);
    expect(Object.keys(columns).toSorted()).toEqual(documented.get(list.resource)?.names.toSorted());
    expect(list.defaultKey).toBe(documented.get(list.resource)?.defaultKey);
  });

  describe.for(TWO_WAYS)("over $name", (by) => {
    test("S8 sort by every key in both directions, ties by id in the same one, page by page as at once", async ({ expect }) => {
      const api = await startWay(by);
      const filled = await list.fill(api);
      for (const [key, column] of Object.entries(filled.columns)) {
        for (const [order, descending] of [
          [key, false],
          [`${key} asc`, false],
          [`${key} desc`, true],
          [` ${key.toUpperCase()}  DESC `, true],
        ] as const) {
          const request = { ...filled.scope, [list.sortBy]: order };
          if (column === "refused") {
            expect(await api.send(list.method, request), order).toMatchObject({ code: "INVALID_ARGUMENT" });
          } else {
            const wanted = sorted(filled, column.values, descending);
            expect(await idsOf(api, list, request), order).toEqual({ ids: wanted, total: 3, token: "" });
            expect(await walk(api, list, request), order).toEqual(wanted);
          }
        }
      }
      expect(api.internal).toEqual([]);
    });

    test("sort by the default key when no order is given", async ({ expect }) => {
      const api = await startWay(by);
      const filled = await list.fill(api);
      const column = filled.columns[list.defaultKey] as Exclude<ListColumn, "refused">;
      expect(await walk(api, list, filled.scope)).toEqual(sorted(filled, column.values, false));
      expect(await walk(api, list, { ...filled.scope, [list.sortBy]: "" }, 2)).toEqual(sorted(filled, column.values, false));
    });

    test("S9 filter by every key with every operation", async ({ expect }) => {
      const api = await startWay(by);
      const filled = await list.fill(api);
      const all = [...filled.ids];
      const listed = async (predicate: JsonObject) => {
        const { ids, total } = await idsOf(api, list, { ...filled.scope, filter: JSON.stringify({ predicates: [predicate] }) });
        expect(total).toBe(ids.length);
        return ids.toSorted();
      };
      for (const [key, column] of Object.entries(filled.columns)) {
        if (column === "refused") {
          const filter = JSON.stringify({ predicates: [{ key, operation: "EQUALS", string_value: "x" }] });
          expect(await api.send(list.method, { ...filled.scope, filter }), key).toMatchObject({ code: "INVALID_ARGUMENT" });
          continue;
        }
        for (const wanted of new Set(column.values)) {
          // A filter has no null, and only whole numbers.
          if (wanted === null || (typeof wanted === "number" && !Number.isInteger(wanted))) continue;
          const matching = (test: (order: number) => boolean) =>
            all.filter(
              (_, index) => (column.values[index] ?? null) !== null && test(compare(column.values[index] ?? null, wanted)),
            );
          const member = valueMember(column, wanted);
          for (const [operation, matches] of [
            ["EQUALS", matching((order) => order === 0)],
            ["NOT_EQUALS", matching((order) => order !== 0)],
            ["GREATER_THAN", matching((order) => order > 0)],
            ["GREATER_THAN_EQUALS", matching((order) => order >= 0)],
            ["LESS_THAN", matching((order) => order < 0)],
            ["LESS_THAN_EQUALS", matching((order) => order <= 0)],
          ] as const) {
            expect(await listed({ key, operation, ...member }), `${key} ${operation} ${wanted}`).toEqual(matches.toSorted());
          }
          const equal = matching((order) => order === 0).toSorted();
          const values = { values: [wanted] };
          if (column.kind === "text") {
            expect(await listed({ key, operation: "IN", string_values: values }), `${key} IN ${wanted}`).toEqual(equal);
            const needle = wanted.toString().slice(1).toLowerCase();
            const holding = all.filter((_, index) =>
              String(column.values[index] ?? "\0")
                .toLowerCase()
                .includes(needle),
            );
            const found = await listed({ key, operation: "IS_SUBSTRING", string_value: needle });
            expect(found, `${key} IS_SUBSTRING ${needle}`).toEqual(
              holding.filter((id) => column.values[all.indexOf(id)] !== null).toSorted(),
            );
          } else {
            expect(await listed({ key, operation: "IN", int_values: values }), `${key} IN ${wanted}`).toEqual(equal);
            expect(await listed({ key, operation: "IN", long_values: values }), `${key} IN ${wanted}`).toEqual(equal);
            expect(await listed({ key, operation: "EQUALS", long_value: String(wanted) }), `${key} ${wanted}`).toEqual(equal);
          }
        }
      }
      expect(api.internal).toEqual([]);
    });

    test("S42 take an operation with the kinds of values it has a meaning for, and no other", async ({ expect }) => {
      const api = await startWay(by);
      const filled = await list.fill(api);
      const members: Record<string, JsonObject> = {
        none: {},
        int: { int_value: 1 },
        long: { long_value: "1" },
        string: { string_value: "1" },
        timestamp: { timestamp_value: "1970-01-01T00:00:01Z" },
        ints: { int_values: { values: [1] } },
        longs: { long_values: { values: ["1"] } },
        strings: { string_values: { values: ["1"] } },
      };
      const scalars = ["int", "long", "string", "timestamp"];
      const taken: Record<string, readonly string[]> = {
        OPERATION_UNSPECIFIED: [],
        EQUALS: scalars,
        NOT_EQUALS: scalars,
        GREATER_THAN: scalars,
        GREATER_THAN_EQUALS: scalars,
        LESS_THAN: scalars,
        LESS_THAN_EQUALS: scalars,
        IN: ["ints", "longs", "strings"],
        IS_SUBSTRING: ["string"],
      };
      for (const [operation, kinds] of Object.entries(taken)) {
        for (const [kind, member] of Object.entries(members)) {
          const predicates = [{ key: list.textKey, operation, ...member }];
          const { code } = await api.send(list.method, { ...filled.scope, filter: JSON.stringify({ predicates }) });
          expect(code, `${operation} with ${kind}`).toBe(kinds.includes(kind) ? "OK" : "INVALID_ARGUMENT");
        }
      }
    });

    // docs/spec/api-server.md#page-size, #page-token
    test("S44 refuse what is no page, no order, no filter, no token, with a text that says which", async ({ expect }) => {
      const api = await startWay(by);
      const { scope } = await list.fill(api);
      const token = (await idsOf(api, list, { ...scope, page_size: 1 })).token;
      const broken = (change: (json: JsonObject) => JsonObject) =>
        btoa(JSON.stringify(change(JSON.parse(atob(token)) as JsonObject)));
      const predicate = { key: list.textKey, operation: "EQUALS", string_value: "x" };
      const filter = (value: unknown) => ({ filter: JSON.stringify(value) });
      const rows: readonly (readonly [JsonObject, RegExp])[] = [
        [{ page_size: -1 }, /-1/],
        [{ [list.sortBy]: "foo" }, /foo/],
        [{ [list.sortBy]: `${list.defaultKey} down` }, /down/],
        [{ [list.sortBy]: `${list.defaultKey} asc desc` }, /asc desc/],
        [{ [list.sortBy]: "tags.team" }, /tags\.team/],
        [{ [list.sortBy]: "metric:loss" }, /metric:loss/],
        [{ [list.sortBy]: "toString" }, /tostring/],
        [{ filter: "not json" }, /filter/],
        [{ filter: "%" }, /filter/],
        [{ filter: "[]" }, /filter/],
        [filter({ predicates: [{ ...predicate, key: "foo" }] }), /foo/],
        [filter({ predicates: [{ ...predicate, key: "" }] }), /""/],
        [filter({ predicates: [{ ...predicate, key: list.textKey.toUpperCase() }] }), /no field/],
        [filter({ predicates: [{ ...predicate, key: "__proto__" }] }), /__proto__/],
        [filter({ predicates: [{ ...predicate, operation: "LIKE" }] }), /LIKE/],
        [filter({ predicates: [{ ...predicate, operation: 4 }] }), /operation/],
        [filter({ predicates: [{ ...predicate, int_value: 1 }] }), /filter/],
        [filter({ predicates: [{ ...predicate, news: 1 }] }), /news/],
        [filter({ news: [] }), /news/],
        [{ page_token: "x" }, /token/],
        [{ page_token: "e30=" }, /token/],
        [{ page_token: broken((json) => ({ ...json, sortKey: "1; DROP TABLE runs" })) }, /token/],
        [{ page_token: broken((json) => ({ ...json, from: null })) }, /token/],
        [{ page_token: token, [list.sortBy]: `${list.textKey} desc` }, /token/],
        [{ page_token: token, ...filter({ predicates: [predicate] }) }, /token/],
      ];
      for (const [change, message] of rows) {
        const { code, message: said } = await api.send(list.method, { ...scope, ...change });
        expect([code, said], JSON.stringify(change)).toEqual(["INVALID_ARGUMENT", expect.stringMatching(message)]);
      }
      expect((await idsOf(api, list, scope)).total).toBe(3);
      expect(api.internal).toEqual([]);
    });

    test("S43 take a token alone, with what the first page had, with another page size, and none of another list", async ({
      expect,
    }) => {
      const api = await startWay(by);
      const { scope, ids } = await list.fill(api);
      const order = `${list.textKey} desc`;
      const predicate = { key: list.textKey, operation: "NOT_EQUALS", string_value: "nobody" };
      const filter = JSON.stringify({ predicates: [predicate] });
      const same = JSON.stringify({ predicates: [{ stringValue: "nobody", operation: 2, key: list.textKey }] });
      const first = await idsOf(api, list, { ...scope, [list.sortBy]: order, filter, page_size: 1 });
      const rest = (await idsOf(api, list, { ...scope, [list.sortBy]: order, filter })).ids.slice(1);
      for (const repeated of [
        {},
        { page_size: 200 },
        { [list.sortBy]: order, filter },
        { [list.sortBy]: order.toUpperCase(), filter: same },
      ]) {
        const page = await idsOf(api, list, { ...scope, page_token: first.token, ...repeated });
        expect(page, JSON.stringify(repeated)).toEqual({ ids: rest, total: 3, token: "" });
      }
      for (const half of [{ [list.sortBy]: order }, { filter }]) {
        const { code } = await api.send(list.method, { ...scope, page_token: first.token, ...half });
        expect(code, JSON.stringify(half)).toBe("INVALID_ARGUMENT");
      }
      // Where the missing half was the default on the first page as well, the other may be repeated.
      const ordered = await idsOf(api, list, { ...scope, [list.sortBy]: order, page_size: 1 });
      const goesOn = { ...scope, page_token: ordered.token, [list.sortBy]: order };
      expect((await idsOf(api, list, goesOn)).ids).toHaveLength(ids.length - 1);
      const foreign = LIST_CASES[(LIST_CASES.indexOf(list) + 1) % LIST_CASES.length] as ListCase;
      const wrong = JSON.stringify({ ...(JSON.parse(atob(first.token)) as JsonObject), resource: foreign.resource });
      expect((await api.send(list.method, { ...scope, page_token: btoa(wrong) })).code).toBe("INVALID_ARGUMENT");
    });

    test.runIf(list.hasTags)(
      "filter by tags: both of two must hold, EQUALS with a string only, frozen in the token",
      async ({ expect }) => {
        const api = await startWay(by);
        const { scope, ids } = await list.fill(api);
        const tag = (key: string, value: string) => ({ key: `tags.${key}`, operation: "EQUALS", string_value: value });
        const listed = async (...predicates: JsonObject[]) =>
          (await idsOf(api, list, { ...scope, filter: JSON.stringify({ predicates }) })).ids;
        expect(await listed(tag("team", "red"))).toEqual([ids[0]]);
        expect(await listed(tag("team", "red"), tag("area", "vision"))).toEqual([ids[0]]);
        expect(await listed(tag("team", "blue"), tag("area", "vision"))).toEqual([]);
        expect(await listed(tag("team", "red"), tag("team", "blue"))).toEqual([]);
        expect(await listed(tag("none", "x"))).toEqual([]);
        for (const wrong of [
          { ...tag("team", "red"), operation: "NOT_EQUALS" },
          { ...tag("team", "red"), operation: "IS_SUBSTRING" },
          { key: "tags.team", operation: "EQUALS", int_value: 1 },
          { key: "tags.team", operation: "IN", string_values: { values: ["red"] } },
          tag("", "x"),
          { key: "tags", operation: "EQUALS", string_value: "x" },
        ]) {
          const filter = JSON.stringify({ predicates: [wrong] });
          expect((await api.send(list.method, { ...scope, filter })).code, filter).toBe("INVALID_ARGUMENT");
        }
      },
    );

    test.runIf(!list.hasTags)("have no tags to filter by", async ({ expect }) => {
      const api = await startWay(by);
      const { scope } = await list.fill(api);
      const filter = JSON.stringify({ predicates: [{ key: "tags.team", operation: "EQUALS", string_value: "x" }] });
      expect((await api.send(list.method, { ...scope, filter })).code).toBe("INVALID_ARGUMENT");
    });
  });
});

// docs/spec/api-server.md#page-size
describe.for(WAYS)("pages over $name", (by) => {
  test("are of 20 rows, of 200 at most, and count all rows", async ({ expect }) => {
    const api = await startWay(by);
    for (let index = 0; index < 205; index += 1) {
      api.server.runs.createRun({ displayName: `r${index % 3}`, pipelineSource: { case: "pipelineSpec", value: SMALL_SPEC } });
    }
    const runs = LIST_CASES[0] as ListCase;
    for (const [pageSize, rows] of [
      [undefined, 20],
      [0, 20],
      [1, 1],
      [199, 199],
      [200, 200],
      [201, 200],
      [1_000_000_000, 200],
      [2_147_483_647, 200],
    ] as const) {
      const page = await idsOf(api, runs, pageSize === undefined ? {} : { page_size: pageSize });
      expect([page.ids.length, page.total, page.token === ""], String(pageSize)).toEqual([rows, 205, false]);
    }
    const seen = [];
    let token = "";
    do {
      const page = await idsOf(api, runs, { page_size: 1_000_000_000, page_token: token });
      seen.push(...page.ids);
      expect(page.total).toBe(205);
      ({ token } = page);
    } while (token !== "");
    expect(new Set(seen).size).toBe(205);
    expect(seen).toHaveLength(205);
  });

  test("neither repeat nor lose a row when others come and go between them", async ({ expect }) => {
    const api = await startWay(by);
    const runs = LIST_CASES[0] as ListCase;
    const add = (runId: string) =>
      api.server.runs.createRun({ runId, displayName: runId, pipelineSource: { case: "pipelineSpec", value: SMALL_SPEC } });
    for (const id of ["b", "d", "f", "h"]) add(id);
    const first = await idsOf(api, runs, { page_size: 2, sort_by: "id" });
    expect(first.ids).toEqual(["b", "d"]);
    add("a");
    add("g");
    await api.call("DeleteRun", { run_id: "b" });
    // The first row of the next page is gone: the page begins at what follows.
    await api.call("DeleteRun", { run_id: "f" });
    const second = await idsOf(api, runs, { page_size: 2, page_token: first.token });
    expect(second).toMatchObject({ ids: ["g", "h"], total: 4, token: "" });
  });

  test("without rows are empty messages", async ({ expect }) => {
    const api = await startWay(by);
    expect(await api.call("ListRuns", { page_size: 5, sort_by: "name", filter: "" })).toEqual({});
    expect(await api.call("ListPipelines")).toEqual({});
    expect(await api.call("ListRecurringRuns")).toEqual({});
    expect(await api.call("ListArtifacts")).toEqual({});
  });
});

// docs/spec/api-server.md#page-size, docs/spec/json-and-rest.md#rest-gateway
test.for(["1e9", "10.0", "abc", "2147483648", "-2147483649", "1 ", "0x10", "page_size"])(
  "REST refuses the page size %j",
  async (pageSize, { expect }) => {
    const api = await startWay(REST);
    const response = await fetch(`${api.url}/runs?page_size=${encodeURIComponent(pageSize)}`);
    const body = (await response.json()) as JsonObject;
    expect([response.status, body["code"], Object.keys(body)]).toEqual([400, 3, ["code", "message"]]);
    expect(body["message"]).toContain("page_size");
  },
);

// docs/spec/api-server.md#list-examples, #filter
describe.for(TWO_WAYS)("filters over $name", (by) => {
  const names = ["a", "b+c", "100%", "100 percent", "x%20y", "x y", "A"];

  async function fill(): Promise<{ api: ApiWay; listed: (filter: string) => Promise<string[]> }> {
    const api = await startWay(by);
    for (const name of names) {
      api.server.runs.createRun({ displayName: name, pipelineSource: { case: "pipelineSpec", value: SMALL_SPEC } });
    }
    const listed = async (filter: string) => {
      const { runs } = await api.call("ListRuns", { filter });
      return ((runs ?? []) as JsonObject[]).map((run) => run["display_name"] as string).toSorted();
    };
    return { api, listed };
  }

  const equals = (value: string) => JSON.stringify({ predicates: [{ operation: 1, key: "display_name", stringValue: value }] });
  const holds = (value: string) =>
    JSON.stringify({ predicates: [{ operation: "IS_SUBSTRING", key: "display_name", string_value: value }] });

  test.for<{ name: string; filter: string; found: readonly string[] }>([
    { name: "an operation as number, a member in camel case", filter: equals("a"), found: ["a"] },
    {
      name: "an operation as name, a member in snake case",
      filter: '{"predicates":[{"operation":"EQUALS","key":"display_name","string_value":"a"}]}',
      found: ["a"],
    },
    { name: "no predicates", filter: '{"predicates":[]}', found: names.toSorted() },
    { name: "nothing", filter: "", found: names.toSorted() },
    { name: "blanks", filter: "  ", found: names.toSorted() },
    { name: "API-17: a plus sign", filter: equals("b+c"), found: ["b+c"] },
    { name: "API-17: a percent sign", filter: equals("100%"), found: ["100%"] },
    { name: "API-17: what looks like an escape", filter: equals("x%20y"), found: ["x%20y"] },
    { name: "API-17: text that is encoded once more", filter: encodeURIComponent(equals("x y")), found: ["x y"] },
    {
      name: "API-17: the same with + for blanks",
      filter: encodeURIComponent(equals("x y")).replaceAll("%20", "+"),
      found: ["x y"],
    },
    { name: "API-17: a substring with a percent sign", filter: holds("0%"), found: ["100%"] },
    { name: "API-17: a substring with an underscore", filter: holds("1_0"), found: [] },
    { name: "a substring in other case", filter: holds("PERCENT"), found: ["100 percent"] },
    { name: "EQUALS in other case", filter: equals("X Y"), found: [] },
    {
      name: "several predicates, which all hold",
      filter: JSON.stringify({
        predicates: [
          { operation: "IN", key: "name", string_values: { values: ["a", "A", "x y"] } },
          { operation: "NOT_EQUALS", key: "display_name", string_value: "x y" },
          { operation: "LESS_THAN", key: "name", string_value: "a" },
        ],
      }),
      found: ["A"],
    },
    {
      name: "a list without values",
      filter: '{"predicates":[{"operation":"IN","key":"name","string_values":{}}]}',
      found: [],
    },
  ])("with $name", async ({ filter, found }, { expect }) => {
    const { listed, api } = await fill();
    expect(await listed(filter)).toEqual(found);
    expect(api.internal).toEqual([]);
  });

  test.for<{ name: string; predicate: JsonObject }>([
    { name: "an int", predicate: { operation: "LESS_THAN", key: "created_at", int_value: 2_000 } },
    { name: "a long", predicate: { operation: "LESS_THAN", key: "created_at", long_value: "9223372036854775807" } },
    { name: "a time", predicate: { operation: "LESS_THAN", key: "created_at", timestamp_value: "1970-01-01T00:33:20Z" } },
    { name: "ints", predicate: { operation: "IN", key: "created_at", int_values: { values: [1_000, 7] } } },
    {
      name: "longs",
      predicate: { operation: "IN", key: "created_at", long_values: { values: ["1000", "-9223372036854775808"] } },
    },
    { name: "strings", predicate: { operation: "IN", key: "name", string_values: { values: names } } },
  ])("API-15: a token goes with $name that is repeated", async ({ predicate }, { expect }) => {
    const { api } = await fill();
    const runs = LIST_CASES[0] as ListCase;
    const filter = JSON.stringify({ predicates: [predicate] });
    const request = { filter, sort_by: "name desc", page_size: 3 };
    const first = await idsOf(api, runs, request);
    const second = await idsOf(api, runs, { ...request, page_token: first.token });
    const third = await idsOf(api, runs, { page_token: second.token });
    expect([first.total, second.total, third.total]).toEqual([7, 7, 7]);
    expect(new Set([...first.ids, ...second.ids, ...third.ids]).size).toBe(7);
    expect(third.token).toBe("");
  });
});

// docs/spec/api-server.md#getrun-and-listruns, #page-size
describe.for(WAYS)("the page cap of ListRuns in FULL view over $name", (by) => {
  test.for([
    { cap: 2, rows: 2 },
    { cap: 0, rows: 100 },
    { cap: -5, rows: 100 },
    { cap: undefined, rows: 100 },
  ])("S37 set to $cap gives pages of $rows", async ({ cap, rows }, { expect }) => {
    const api = await startWay(by, cap === undefined ? {} : { fullViewMaxPageSize: cap });
    for (let index = 0; index < 103; index += 1) {
      api.server.runs.createRun({ displayName: "r", pipelineSource: { case: "pipelineSpec", value: SMALL_SPEC } });
    }
    const runs = LIST_CASES[0] as ListCase;
    expect((await idsOf(api, runs, { view: "FULL", page_size: 150 })).ids).toHaveLength(rows);
    expect((await idsOf(api, runs, { view: "DEFAULT", page_size: 150 })).ids).toHaveLength(103);
  });
});
