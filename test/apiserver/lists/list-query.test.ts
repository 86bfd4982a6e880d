import { describe, test } from "vitest";
import { pageTokenFrom, parseListRequest, type ListRequest } from "../../../src/apiserver/lists/list-query.ts";

const FIRST: ListRequest = { pageSize: 0, pageToken: "", sortBy: "", filter: "" };
const predicate = (one: object) => JSON.stringify({ predicates: [one] });
const parse = (change: Partial<ListRequest>) => parseListRequest("tasks", { ...FIRST, ...change });

// docs/spec/api-server.md#page-size
describe("page size", () => {
  test.for([
    [0, 20],
    [1, 1],
    [200, 200],
    [201, 200],
    [1_000_000_000, 200],
  ] as const)("%i becomes %i", ([given, used], { expect }) => {
    expect(parse({ pageSize: given }).pageSize).toBe(used);
  });
  test("is cut to the list's own maximum", ({ expect }) => {
    expect(parseListRequest("runs", { ...FIRST, pageSize: 150 }, 100).pageSize).toBe(100);
  });
  test("must not be negative", ({ expect }) => {
    expect(() => parse({ pageSize: -1 })).toThrow(/negative/);
  });
});

// docs/spec/api-server.md#sort
describe("sort order", () => {
  test.for([
    { text: "", sortKey: "create_time", descending: false },
    { text: "create_time", sortKey: "create_time", descending: false },
    { text: "Create_Time DESC", sortKey: "create_time", descending: true },
    { text: " name  asc ", sortKey: "name", descending: false },
    { text: "status desc", sortKey: "status", descending: true },
  ])('"$text" sorts by $sortKey', ({ text, sortKey, descending }, { expect }) => {
    expect(parse({ sortBy: text })).toMatchObject({ sortKey, descending });
  });
  test.for([
    { text: "foo", message: /no field "foo"/ },
    { text: "constructor", message: /no field "constructor"/ },
    { text: "name up", message: /Cannot parse sort order/ },
    { text: "name desc x", message: /Cannot parse sort order/ },
    { text: "pods", message: /cannot be sorted or filtered by "pods"/ },
    { text: "name; drop table tasks", message: /Cannot parse sort order/ },
  ])('refuses "$text"', ({ text, message }, { expect }) => {
    expect(() => parse({ sortBy: text })).toThrow(message);
  });
  test("takes two words for one column as one", ({ expect }) => {
    expect(parseListRequest("runs", { ...FIRST, sortBy: "id" }).sortKey).toBe("run_id");
  });
});

// docs/spec/api-server.md#filter
describe("filter", () => {
  test.for([
    { name: "number for the operation, camel case", text: '{"predicates":[{"operation":1,"key":"name","stringValue":"a"}]}' },
    {
      name: "name for the operation, snake case",
      text: '{"predicates":[{"operation":"EQUALS","key":"name","string_value":"a"}]}',
    },
    {
      name: "percent-encoded text",
      text: encodeURIComponent('{"predicates":[{"operation":"EQUALS","key":"name","string_value":"a"}]}'),
    },
  ])("API-17: reads $name", ({ text }, { expect }) => {
    expect(parse({ filter: text }).predicates).toEqual([{ key: "name", operation: "=", values: ["a"] }]);
  });

  test.for([
    { operation: "NOT_EQUALS", int_value: 1, expected: "!=" },
    { operation: "GREATER_THAN", int_value: 1, expected: ">" },
    { operation: "GREATER_THAN_EQUALS", int_value: 1, expected: ">=" },
    { operation: "LESS_THAN", int_value: 1, expected: "<" },
    { operation: "LESS_THAN_EQUALS", int_value: 1, expected: "<=" },
  ])("understands $operation", ({ expected, ...one }, { expect }) => {
    expect(parse({ filter: predicate({ key: "status", ...one }) }).predicates).toMatchObject([{ operation: expected }]);
  });

  test.for([
    {
      name: "timestamps as seconds",
      one: { operation: 1, key: "create_time", timestamp_value: "1970-01-01T00:01:00Z" },
      values: [60],
    },
    {
      name: "64-bit integers",
      one: { operation: 1, key: "create_time", long_value: "9007199254740993" },
      values: [{ int64: "9007199254740993" }],
    },
    { name: "lists of integers", one: { operation: "IN", key: "status", int_values: { values: [1, 2] } }, values: [1, 2] },
    { name: "lists of texts", one: { operation: "IN", key: "name", string_values: { values: ["a"] } }, values: ["a"] },
    { name: "lists of 64-bit integers", one: { operation: "IN", key: "status", long_values: { values: ["7"] } }, values: [7] },
    {
      name: "API-17: substrings with signs of their own",
      one: { operation: "IS_SUBSTRING", key: "name", string_value: "50%_+" },
      values: ["50%_+"],
    },
  ])("carries $name", ({ one, values }, { expect }) => {
    expect(parse({ filter: predicate(one) }).predicates).toMatchObject([{ values }]);
  });

  test.for(["", "  ", "{}", '{"predicates":[]}'])("%j means everything", (filter, { expect }) => {
    expect(parse({ filter }).predicates).toEqual([]);
  });

  test.for([
    { name: "text that is not JSON", filter: "not json" },
    { name: "a stray percent sign", filter: "%" },
    { name: "an unknown member", filter: '{"predicate":[]}' },
    { name: "an unknown member of a predicate", filter: predicate({ operation: 1, key: "name", text: "a" }) },
    { name: "an unknown key", filter: predicate({ operation: 1, key: "nope", string_value: "a" }) },
    { name: "a message column", filter: predicate({ operation: 1, key: "inputs", string_value: "a" }) },
    { name: "no operation", filter: predicate({ key: "name", string_value: "a" }) },
    { name: "operation 4", filter: predicate({ operation: 4, key: "name", string_value: "a" }) },
    { name: "an unknown operation", filter: predicate({ operation: "LIKE", key: "name", string_value: "a" }) },
    { name: "no value", filter: predicate({ operation: 1, key: "name" }) },
    { name: "two values", filter: predicate({ operation: 1, key: "name", string_value: "a", int_value: 1 }) },
    {
      name: "a list with a scalar operation",
      filter: predicate({ operation: 1, key: "name", string_values: { values: ["a"] } }),
    },
    { name: "a scalar with IN", filter: predicate({ operation: "IN", key: "name", string_value: "a" }) },
    { name: "a number with IS_SUBSTRING", filter: predicate({ operation: "IS_SUBSTRING", key: "name", int_value: 1 }) },
  ])("refuses $name", ({ filter }, { expect }) => {
    expect(() => parse({ filter })).toThrow(/Invalid input error/);
  });
});

// docs/spec/api-server.md#page-token
describe("page token", () => {
  const filter = predicate({ operation: 1, key: "name", string_value: "a" });
  const sameFilter = '{ "predicates": [ {"key":"name", "stringValue":"a", "operation":"EQUALS"} ] }';
  const query = parse({ sortBy: "name desc", filter });
  const from = { value: "a", id: "task-7" };
  const pageToken = pageTokenFrom(query, from);

  test("brings sort order, filter and position back", ({ expect }) => {
    expect(parse({ pageToken, pageSize: 7 })).toEqual({ ...query, pageSize: 7, from });
  });
  test("is standard base64 of JSON", ({ expect }) => {
    expect(JSON.parse(Buffer.from(pageToken, "base64").toString())).toMatchObject({ sortKey: "name" });
    expect(pageToken).toMatch(/^[A-Za-z0-9+/]+=*$/);
  });
  test("may be sent with the same sort order and filter, however they are spelled", ({ expect }) => {
    expect(parse({ pageToken, sortBy: "NAME desc", filter: sameFilter }).from).toEqual(from);
  });
  test("API-15: works with integer, time and list predicates repeated", ({ expect }) => {
    const filter = JSON.stringify({
      predicates: [
        { operation: "GREATER_THAN", key: "create_time", timestamp_value: "2025-01-01T00:00:00Z" },
        { operation: "IN", key: "status", int_values: { values: [1, 2] } },
        { operation: "EQUALS", key: "type", long_value: "9007199254740993" },
      ],
    });
    const first = parse({ filter });
    expect(parse({ filter, pageToken: pageTokenFrom(first, from) })).toEqual({ ...first, from });
  });
  test.for([
    { name: "another sort order", change: { sortBy: "name asc", filter } },
    { name: "another filter", change: { sortBy: "name desc", filter: filter.replace('"a"', '"b"') } },
    { name: "only the filter, when the order was not the default", change: { filter } },
    { name: "only the order, when there was a filter", change: { sortBy: "name desc" } },
  ])("refuses $name", ({ change }, { expect }) => {
    expect(() => parse({ pageToken, ...change })).toThrow(/another sort order or filter/);
  });
  test("may be sent with only the filter when the order was the default", ({ expect }) => {
    const token = pageTokenFrom(parse({ filter }), { value: 5, id: "x" });
    expect(parse({ pageToken: token, filter }).from).toEqual({ value: 5, id: "x" });
  });
  test("is refused by another kind of list", ({ expect }) => {
    expect(() => parseListRequest("runs", { ...FIRST, pageToken })).toThrow(/another kind of list/);
  });

  const forged = (change: object) =>
    Buffer.from(
      JSON.stringify({ resource: "tasks", sortKey: "name", descending: false, predicates: [], from, ...change }),
    ).toString("base64");
  test.for([
    { name: "noise", token: "!!!" },
    { name: "JSON that is no object", token: Buffer.from("[1]").toString("base64") },
    { name: "an unknown column", token: forged({ sortKey: "name) --" }) },
    { name: "an unknown predicate column", token: forged({ predicates: [{ key: "1=1", operation: "=", values: ["a"] }] }) },
    { name: "an unknown operation", token: forged({ predicates: [{ key: "name", operation: "= 1 OR", values: ["a"] }] }) },
    { name: "a value of a wrong kind", token: forged({ predicates: [{ key: "name", operation: "=", values: [{}] }] }) },
    { name: "too many values", token: forged({ predicates: [{ key: "name", operation: "=", values: ["a", "b"] }] }) },
    { name: "no position", token: forged({ from: null }) },
    { name: "a position of a wrong kind", token: forged({ from: { value: true, id: "x" } }) },
  ])("that holds $name is refused", ({ token }, { expect }) => {
    expect(() => parse({ pageToken: token })).toThrow(/Invalid input error/);
  });
});
