import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { applyDefault, applyMapping } from "../../actors/mapping/apply.ts"
import type { Assertions } from "../../actors/mapping/assertions.ts"
import { readMapping } from "../../actors/mapping/document.ts"
import { readExactly } from "../../actors/mapping/json.ts"
import { BadPath, parsePath, parseText, readMany, readOne } from "../../actors/mapping/path.ts"
import { planOf } from "../../actors/mapping/plan.ts"
import { Rejection } from "../../actors/mapping/values.ts"
import type { Json } from "../../protocols/canonical.ts"
import { Invalid } from "../../protocols/errors.ts"
import { assertionsPerRecordMax, keyBytesMax, propertiesMax } from "../../protocols/limits.ts"
import type { Mapping } from "../../protocols/mapping.ts"

const apply = (mapping: Mapping, json: string): Assertions =>
  readExactly(json, (record) => applyMapping(planOf(mapping), record, json.length))

const thing = (properties: Mapping["entities"] = []): Mapping => ({
  version: 1,
  entities: properties,
})

const oneProperty = (
  source: string | { path: string; as: "number" | "date" | "boolean" | "string" },
) => thing([{ type: "thing", key: "k", properties: { p: source } }])

const propertiesOf = (mapping: Mapping, json: string) =>
  apply(mapping, json).entities[0]?.properties

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (thrown) {
    if (thrown instanceof Rejection) return thrown.fault.reason
    throw thrown
  }
}

describe("docs/mapping.md", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/mapping.md"), "utf8")
  const blockOf = (language: string): string =>
    new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ""

  it("shows a mapping that makes of the record what the page says", () => {
    const made = apply(readMapping(blockOf("yaml")), blockOf("json"))
    const advisory = {
      type: "advisory",
      key: "A-1",
      aliases: [{ scheme: "vendor-id", value: "ACME-9" }],
      properties: {
        name: "Overflow",
        severity: "high",
        score: 7.5,
        published: "2025-02-28T09:00:00.000000Z",
        link: "https://example.org/advisories/A-1",
      },
    }
    const product = (key: string) => ({ type: "product", key, aliases: [], properties: {} })
    expect(made.entities).toEqual([advisory, product("router"), product("switch")])
    expect(made.relationships.map(({ type, to }) => [type, to])).toEqual([
      ["affects", { type: "product", key: "router" }],
      ["affects", { type: "product", key: "switch" }],
    ])
  })
})

describe("a path", () => {
  const record: Json = { a: { "b c": [{ d: 1 }, { d: 2 }, 3] }, "x.y": [[1], [2]], __proto__x: 1 }

  it.each([
    ["$.a.b c[1].d", 2],
    ['$["x.y"][1][0]', 2],
    ["$.a.b c[2]", 3],
    ["$.a.missing.d", undefined],
    ["$.a[0]", undefined],
    ["$.constructor", undefined],
    ["$.__proto__", undefined],
  ])("%s reads one value", (text, value) => {
    expect(readOne(parsePath(text).steps, record)).toEqual(value)
  })

  it("with [*] reads all values that are there", () => {
    expect(readMany(parsePath("$.a.b c[*].d").steps, record)).toEqual([1, 2])
    expect(readMany(parsePath('$["x.y"][*][*]').steps, record)).toEqual([1, 2])
    expect(readMany(parsePath("$.a[*]").steps, record)).toEqual([])
  })

  it.each(["$.", "$.a..b", "$[", "$[x]", '$["a]', "$.a]", "$a", "$.a[-1]"])(
    "%s is refused",
    (text) => {
      expect(() => parsePath(text)).toThrow(BadPath)
    },
  )

  it("stands in braces in a template, where other braces are themselves", () => {
    expect(parseText("{a}/{$.b}").pieces).toHaveLength(2)
    expect(parseText("plain {text}").constant).toBe("plain {text}")
    expect(() => parseText("{$.a[*]}/{$.b[*]}")).toThrow(BadPath)
  })
})

describe("a mapping document", () => {
  const refusal = (text: string): Invalid => {
    try {
      readMapping(text)
    } catch (thrown) {
      if (thrown instanceof Invalid) return thrown
    }
    throw new Error("The mapping was not refused.")
  }

  it.each([
    ["an unknown key", "version: 1\nentities:\n  - {type: a, key: $.b, nmae: $.c}\n", 3, 25],
    ["a wrong version", "version: 2\n", 1, 1],
    ["a path that cannot be read", "version: 1\nentities:\n  - type: a\n    key: $.b..c\n", 4, 5],
    ["a syntax error", "version: 1\nentities: [\n", 3, 1],
    ["an alias", "version: 1\nentities: &a []\nrelationships: *a\n", 3, 16],
    ["no entity at all", "version: 1\n", 1, 1],
    ["a type that cannot be one", "version: 1\nentities: [{type: 'a:b', key: $.b}]\n", 2, 13],
    [
      "[*] where one value stands",
      "version: 1\nrecord: {key: '$.a[*]'}\nentities: [{type: a, key: $.b}]\n",
      2,
      10,
    ],
    [
      "records that are no array",
      "version: 1\nrecords: $.a\nentities: [{type: a, key: $.b}]\n",
      2,
      1,
    ],
    [
      "raw as a property",
      "version: 1\nentities: [{type: a, key: $.b, properties: {raw: $.c}}]\n",
      2,
      45,
    ],
  ])("with %s is refused with its place", (_what, text, line, column) => {
    expect(refusal(text)).toMatchObject({ line, column })
  })

  it("is refused where it is too long or nested too deeply", () => {
    expect(refusal(`# ${"x".repeat(1024 ** 2)}`).message).toMatch(/longer/)
    expect(refusal(`a: ${"[".repeat(2000)}`)).toBeInstanceOf(Invalid)
  })

  it.each(["kev", "kev-attack", "cve"])("is shipped for %s and can be read", (name) => {
    const file = join(import.meta.dirname, `../../data/mappings/${name}.yaml`)
    expect(readMapping(readFileSync(file, "utf8")).version).toBe(1)
  })
})

describe("properties", () => {
  it.each([
    ['{"v":"text"}', "text"],
    ['{"v":1.5}', 1.5],
    ['{"v":-0}', 0],
    ['{"v":false}', false],
    ['{"v":["a","b"]}', ["a", "b"]],
    ['{"v":9007199254740991}', 9007199254740991],
    ['{"v":9007199254740993}', "9007199254740993"],
    ['{"v":-12345678901234567890}', "-12345678901234567890"],
    ['{"v":[1,9007199254740993]}', undefined],
    ['{"v":null}', undefined],
    ['{"v":[]}', undefined],
    ['{"w":1}', undefined],
  ])("of %s are %j", (json, value) => {
    expect(propertiesOf(oneProperty("$.v"), json)?.p).toEqual(value)
  })

  it("hold nested values as canonical JSON in raw, with the digits of large integers", () => {
    const json = '{"v":{"b":[1,{"a":12345678901234567890}],"a":"\\u20ac"}}'
    expect(propertiesOf(oneProperty("$.v"), json)).toEqual({
      raw: '{"p":{"a":"€","b":[1,{"a":"12345678901234567890"}]}}',
    })
  })

  it.each([
    ["number", '"7.50"', 7.5],
    ["number", '" 3 "', 3],
    ["number", '"12345678901234567890"', "12345678901234567890"],
    ["boolean", '"Yes"', true],
    ["boolean", "0", false],
    ["string", "1.50", "1.5"],
    ["string", "12345678901234567890", "12345678901234567890"],
    ["date", '"2025-02-28T10:00:00.5+01:00"', "2025-02-28T09:00:00.500000Z"],
    ["date", '["2025-02-28",null]', undefined],
  ] as const)("as %s make of %s %j", (as, json, value) => {
    const properties = propertiesOf(oneProperty({ path: "$.v", as }), `{"v":${json}}`)
    expect(properties?.p).toEqual(value)
  })

  it.each([
    ["number", '"seven"'],
    ["number", '""'],
    ["boolean", '"maybe"'],
    ["date", '"2025-02-30"'],
    ["date", "5"],
    ["string", "{}"],
  ] as const)("as %s fail on %s", (as, json) => {
    const run = () => propertiesOf(oneProperty({ path: "$.v", as }), `{"v":${json}}`)
    expect(reasonOf(run)).toBe("failed-coercion")
  })

  it("called __proto__ and constructor are properties like any other", () => {
    const made = readExactly('{"__proto__":"a","constructor":"b"}', (r) =>
      applyDefault(r, "k", 100),
    )
    const properties = made.entities[0]?.properties ?? {}
    expect(Object.keys(properties)).toEqual(["__proto__", "constructor"])
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype)
  })

  it.each([
    ["U+0000", '{"a":"x\\u0000"}', "invalid-text"],
    ["half a surrogate pair", '{"a":["\\ud800"]}', "invalid-text"],
    ["half a surrogate pair in a name", '{"\\udc00":1}', "invalid-text"],
    ["a number that is no double", '{"a":1e999}', "invalid-property"],
    ["a name that is too long", `{"${"n".repeat(257)}":1}`, "invalid-property"],
    ["no name", '{"":1}', "invalid-property"],
    ["nesting without end", `{"a":${"[".repeat(300)}${"]".repeat(300)}}`, "invalid-json"],
    ["something that is no object", "[1]", "invalid-type"],
    ["something that is no JSON", "{a:1}", "invalid-json"],
  ])("with %s set the record aside", (_what, json, reason) => {
    expect(reasonOf(() => readExactly(json, (r) => applyDefault(r, "k", 100)))).toBe(reason)
  })

  it("are taken where an escape only looks like U+0000", () => {
    const made = readExactly('{"a":"\\\\u0000"}', (record) => applyDefault(record, "k", 100))
    expect(made.entities[0]?.properties).toEqual({ a: "\\u0000" })
  })

  it("are bounded in number", () => {
    const record = Object.fromEntries(
      Array.from({ length: propertiesMax + 1 }, (_, i) => [`p${i}`, i]),
    )
    expect(reasonOf(() => applyDefault(record, "k", 100))).toBe("invalid-property")
  })
})

describe("keys", () => {
  const mapping = thing([{ type: "thing", key: "{$.a}/{$.b}" }])

  it("are texts of scalars, whole numbers digit by digit", () => {
    expect(apply(mapping, '{"a":12345678901234567890,"b":true}').entities[0]?.key).toBe(
      "12345678901234567890/true",
    )
  })

  it("that are missing set the record aside, or leave the entity out where it is optional", () => {
    expect(reasonOf(() => apply(mapping, '{"a":1}'))).toBe("missing-key")
    expect(reasonOf(() => apply(mapping, '{"a":1,"b":""}'))).toBe("missing-key")
    expect(reasonOf(() => apply(mapping, '{"a":1,"b":[]}'))).toBe("failed-coercion")
    const optional = thing([{ type: "thing", key: "$.a", optional: true }])
    expect(apply(optional, "{}").entities).toEqual([])
  })

  it("have a bound in bytes", () => {
    const run = (length: number) => () => apply(mapping, `{"a":"${"é".repeat(length)}","b":1}`)
    expect(reasonOf(run((keyBytesMax - 2) / 2))).toBeUndefined()
    expect(reasonOf(run(keyBytesMax / 2))).toBe("invalid-id")
  })
})

describe("relationships", () => {
  const each: Mapping = {
    version: 1,
    relationships: [
      {
        type: "$.kind",
        from: { type: "a", key: "$.from[*]" },
        to: { type: "b", alias: "name", value: "n:{$.to[*].id}" },
      },
    ],
  }

  it("are every pair of what both ends have, once", () => {
    const json = '{"kind":"knows","from":[1,2,1],"to":[{"id":"x"},{},{"id":"x"},{"id":"y"}]}'
    const pairs = apply(each, json).relationships.map(({ from, to }) => [from, to])
    const to = (value: string) => ({ type: "b", alias: { scheme: "name", value } })
    expect(pairs).toEqual([
      [{ type: "a", key: "1" }, to("n:x")],
      [{ type: "a", key: "1" }, to("n:y")],
      [{ type: "a", key: "2" }, to("n:x")],
      [{ type: "a", key: "2" }, to("n:y")],
    ])
  })

  it("have a bound", () => {
    const from = JSON.stringify(Array.from({ length: assertionsPerRecordMax + 1 }, (_, i) => i))
    const run = () => apply(each, `{"kind":"k","from":${from},"to":[{"id":1}]}`)
    expect(reasonOf(run)).toBe("too-many-assertions")
  })

  it("have a bound of bytes, which grows with the record", () => {
    const list = Array.from({ length: 2_000 }, (_, i) => i)
    const said = (bytes: number) => JSON.stringify({ kind: "k", list, said: "x".repeat(bytes) })
    const mapping = readMapping(`version: 1
entities: [{type: a, key: $.kind}]
relationships:
  - type: b
    from: {type: a, key: $.kind}
    to: {type: c, key: "$.list[*]"}
    properties: {said: $.said}
`)
    expect(apply(mapping, said(10)).relationships).toHaveLength(list.length)
    expect(reasonOf(() => apply(mapping, said(1_000)))).toBe("too-many-assertions")
  })

  it("of a type that comes from the data and cannot be one set the record aside", () => {
    expect(reasonOf(() => apply(each, '{"kind":"a b","from":[1],"to":[{"id":1}]}'))).toBe(
      "invalid-type",
    )
  })
})

it("an entity that a record names twice has the properties of both, the first stronger", () => {
  const twice = thing([
    { type: "t", key: "$.k", properties: { a: "$.a" }, aliases: { s: "$.a" } },
    { type: "t", key: "$.k", properties: { a: "$.b", c: "$.b" }, aliases: { s: "$.b" } },
  ])
  expect(apply(twice, '{"k":"1","a":"x","b":"y"}').entities).toEqual([
    {
      type: "t",
      key: "1",
      aliases: [
        { scheme: "s", value: "x" },
        { scheme: "s", value: "y" },
      ],
      properties: { a: "x", c: "y" },
    },
  ])
})

it("keeps many entities apart as it keeps few", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 })), (keys) => {
      const mapping = thing([{ type: "t", key: "$[*]" }])
      const made = apply(mapping, JSON.stringify(keys)).entities.map((entity) => entity.key)
      expect(made).toEqual([...new Set(keys.map(String))])
    }),
  )
})

it("any JSON at all is asserted or set aside with a reason", () => {
  const mapping = readMapping(
    "version: 1\nentities: [{type: t, key: $.k, " +
      "name: {path: $.n, as: date}, properties: {p: $.p}}]",
  )
  const value = fc.jsonValue({ maxDepth: 4 })
  const record = fc.record({ k: value, n: value, p: value }, { requiredKeys: [] })
  fc.assert(
    fc.property(fc.oneof(record, value), (any) => {
      const json = JSON.stringify(any)
      for (const run of [
        () => apply(mapping, json),
        () => readExactly(json, (parsed) => applyDefault(parsed, "k", json.length)),
      ]) {
        try {
          expect(run().entities.length).toBeLessThanOrEqual(1)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Rejection)
        }
      }
    }),
    { numRuns: 1000 },
  )
})
