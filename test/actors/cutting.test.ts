import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Cut, SourceEnd } from "../../actors/cutting/cut.ts"
import { type Layout, layOut, makeCutter } from "../../actors/cutting/layout.ts"
import type { Recipe, SourceFormat, SourcePlace } from "../../actors/source.ts"
import { deadLetterBytesMax, recordBytesMax, sourceHeadBytes } from "../../protocols/limits.ts"
import type { Mapping } from "../../protocols/mapping.ts"

const beginning: SourcePlace = { offset: 0, ordinal: 0 }

const recipeOf = (format: SourceFormat, mapping?: Mapping): Recipe => ({
  format,
  mapping,
  columns: undefined,
})

const atRecords = (records: string): Mapping => ({
  version: 1,
  records,
  entities: [{ type: "thing", key: "$.id" }],
})

interface CutOptions {
  readonly chunks?: readonly number[]
  readonly from?: SourcePlace
  readonly end?: SourceEnd
}

/** All cuts of `bytes`, read in chunks of the given lengths, the last repeated. */
function cutAll(bytes: Buffer, layout: Layout, options: CutOptions = {}): readonly Cut[] {
  const { chunks = [bytes.length], from = beginning, end = "whole" } = options
  if (from.offset > bytes.length) return []
  const cutter = makeCutter(layout, from)
  const cuts: Cut[] = []
  let at = from.offset
  for (let i = 0; at < bytes.length; i++) {
    const length = Math.max(1, chunks[Math.min(i, chunks.length - 1)] ?? bytes.length)
    cuts.push(...cutter.push(bytes.subarray(at, at + length)))
    at += length
  }
  return [...cuts, ...cutter.finish(end)]
}

function cut(text: string | Buffer, recipe: Recipe, options: CutOptions = {}): readonly Cut[] {
  const bytes = Buffer.from(text as string)
  return cutAll(bytes, layOut(recipe, bytes.subarray(0, sourceHeadBytes)).layout, options)
}

const texts = (cuts: readonly Cut[]): readonly string[] =>
  cuts.map((one) => one.fault?.reason ?? Buffer.from(one.bytes).toString("utf8"))

const plain = (cuts: readonly Cut[]) =>
  cuts.map((one) => ({ ...one, bytes: Buffer.from(one.bytes).toString("latin1") }))

describe("NDJSON", () => {
  const ndjson = recipeOf("ndjson")

  it("gives each line as it stands, without line ends and blank lines", () => {
    const cuts = cut('{"a":1}\r\n\n  {"b":2} \n{"c":3}', ndjson)
    expect(texts(cuts)).toEqual(['{"a":1}', '{"b":2}', '{"c":3}'])
    expect(cuts.map((one) => one.offset)).toEqual([0, 12, 21])
    expect(cuts.map((one) => one.ordinal)).toEqual([0, 1, 2])
  })

  it("skips a byte order mark", () => {
    const cuts = cut('\uFEFF{"a":1}\n', ndjson)
    expect(texts(cuts)).toEqual(['{"a":1}'])
    expect(cuts[0]?.offset).toBe(3)
  })

  it("sets a line that is not UTF-8 aside, with its place and bytes", () => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":1}\n{"b":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{}'),
    ])
    const cuts = cut(bytes, ndjson)
    expect(texts(cuts)).toEqual(['{"a":1}', "invalid-utf8", "{}"])
    expect(cuts[1]).toMatchObject({ offset: 8, fault: { lengthBytes: 9 } })
  })

  it("sets a last line that stops in the middle aside as truncated", () => {
    expect(texts(cut('{"a":1}\n{"b":', ndjson))).toEqual(['{"a":1}', "truncated"])
  })

  it("keeps a complete last line of a damaged source, and says that it ends there", () => {
    const cuts = cut('{"a":1}\n{"b":2}', ndjson, { end: "damaged" })
    expect(texts(cuts)).toEqual(['{"a":1}', '{"b":2}', "truncated"])
    expect(cuts[2]?.fault?.lengthBytes).toBe(0)
  })
})

describe("a record over the limit", () => {
  const long = `{"a":"${"x".repeat(recordBytesMax)}"}`
  const columns = `a,b\n"${"x".repeat(recordBytesMax)}\ny",1\n2,3\n`

  it.each([
    ["NDJSON", recipeOf("ndjson"), `{"b":1}\n${long}\n{"c":1}\n`, long.length],
    ["a JSON array", recipeOf("json"), `[{"b":1},${long},{"c":1}]`, long.length],
  ])("is counted to its end and not held, in %s", (_name, recipe, text, length) => {
    for (const chunks of [[text.length], [65_536], [500_000]]) {
      const cuts = cut(text, recipe, { chunks })
      expect(texts(cuts)).toEqual(['{"b":1}', "record-too-large", '{"c":1}'])
      expect(cuts[1]?.fault?.lengthBytes).toBe(length)
      expect(cuts[1]?.bytes.length).toBe(deadLetterBytesMax)
    }
  })

  it("may be exactly as long as the limit", () => {
    const text = `{"a":"${"x".repeat(recordBytesMax - 8)}"}`
    expect(text.length).toBe(recordBytesMax)
    expect(cut(`${text}\n`, recipeOf("ndjson"))[0]?.fault).toBeUndefined()
    expect(cut(`${text} \n`, recipeOf("ndjson"))[0]?.fault?.reason).toBe("record-too-large")
    expect(cut(`[${text}]`, recipeOf("json"))[0]?.fault).toBeUndefined()
  })

  it("ends a CSV row at the next line end, so that one quote does not take the file", () => {
    for (const chunks of [[columns.length], [65_536]]) {
      expect(texts(cut(columns, recipeOf("csv"), { chunks }))).toEqual([
        "record-too-large",
        'y",1',
        "2,3",
      ])
    }
  })
})

describe("JSON documents", () => {
  it("gives the members of a root array", () => {
    expect(texts(cut(' [ {"a":[1,{"b":"]}"}]} , {} ,3,"x" ]\n', recipeOf("json")))).toEqual([
      '{"a":[1,{"b":"]}"}]}',
      "{}",
      "3",
      '"x"',
    ])
  })

  it("gives a single object as one record", () => {
    expect(texts(cut('{\n "a": 1\n}\n', recipeOf("json")))).toEqual(['{\n "a": 1\n}'])
  })

  it("finds the array that the mapping names, past members that look like it", () => {
    const decoys = `"note":"\\"b\\":[", "b":[0], "x":{"a":{"b":[9]}}`
    const text = `{${decoys}, "a":{"c":[8],"\\u0062":[{"id":1},{"id":2}]},"b":[7]}`
    const cuts = cut(text, recipeOf("json", atRecords("$.a.b[*]")))
    expect(texts(cuts)).toEqual(['{"id":1}', '{"id":2}'])
  })

  it("says that the array is not there", () => {
    const { layout } = layOut(recipeOf("json", atRecords("$.a[*]")), Buffer.from('{"b":[]}'))
    const cutter = makeCutter(layout, beginning)
    expect([...cutter.push(Buffer.from('{"b":[],"a":{}}')), ...cutter.finish("whole")]).toEqual([])
    expect(cutter.unreadable()).toBe("The document has no array of records at $.a.")
  })

  it("leaves what is wrong inside a balanced record to that record", () => {
    expect(texts(cut('[{"a":1 "b":2},{"a":nul},{"c":1}]', recipeOf("json")))).toHaveLength(3)
  })

  it.each([
    [
      "a closing bracket",
      '[{"id":1},{"id":2,{"id":3},{"id":4}]',
      ["id1", "invalid-json", "id3", "id4"],
    ],
    ["a quote", '[{"id":1},{"id:2},{"id":3},{"id":4}]', ["id1", "invalid-json", "id3", "id4"]],
    ["an opening bracket", '[{"id":1},"id":2},{"id":3}]', ["id1", '"id"', "invalid-json", "id3"]],
    [
      "a quote in records of a line each",
      '[{"id":1},\n{"id:2},\n{"id":3},\n{"id":4}]',
      ["id1", "invalid-json", "id3", "id4"],
    ],
    [
      "a closing bracket too many",
      '[{"id":1}],{"id":2},{"id":3}]',
      ["id1", "invalid-json", "id2", "id3"],
    ],
  ])("goes on at the next record where %s is wrong", (_what, text, expected) => {
    const short = texts(cut(text, recipeOf("json"))).map((one) =>
      one.replace(/^\{"id":(\d)\}$/, "id$1"),
    )
    expect(short).toEqual(expected)
  })

  it("sets the rest aside as one where the source stops inside a record", () => {
    const cuts = cut('{"v":[{"id":1},{"id":2,"x":"', recipeOf("json", atRecords("$.v[*]")))
    expect(texts(cuts)).toEqual(['{"id":1}', "truncated"])
    expect(cuts[1]).toMatchObject({ offset: 15, fault: { lengthBytes: 13 } })
  })

  it("notices an end between two records, and after the array", () => {
    const recipe = recipeOf("json", atRecords("$.v[*]"))
    expect(texts(cut('{"v":[{"id":1},', recipe))).toEqual(['{"id":1}', "truncated"])
    expect(texts(cut('{"v":[{"id":1}],"n":1', recipe))).toEqual(['{"id":1}', "truncated"])
    expect(texts(cut('{"v":[{"id":1}],"n":{"m":[1]}} \n', recipe))).toEqual(['{"id":1}'])
  })
})

describe("STIX", () => {
  const id = "tool--00000000-0000-4000-8000-000000000000"
  const object = `{"type":"tool","id":"${id}"}`

  it.each([
    ["a bundle", `{"type":"bundle","id":"b","objects":[${object},${object}]}`],
    ["a list", `[${object},${object}]`],
    ["one object a line", `${object}\n${object}\n`],
  ])("is read from %s", (_what, text) => {
    expect(texts(cut(text, recipeOf("stix")))).toEqual([object, object])
  })
})

describe("CSV", () => {
  const csv = recipeOf("csv")

  it("keeps line ends and delimiters inside quotes, and takes the header's columns", () => {
    const text = 'name,"a ""note"""\r\nx,"1,\n2"\r\n\r\n"y","z"'
    expect(texts(cut(text, csv))).toEqual(['x,"1,\n2"', '"y","z"'])
    expect(layOut(csv, Buffer.from(text)).recipe.columns).toEqual(["name", 'a "note"'])
  })

  it("takes a quote inside a cell that does not begin with one as a character", () => {
    expect(texts(cut('a,b\n5" pipe,1\n6" pipe,2\n', csv))).toEqual(['5" pipe,1', '6" pipe,2'])
  })

  it("reads rows without a header by the mapping's columns", () => {
    const settings = { header: false, columns: ["a", "b"], delimiter: ";" }
    const mapping: Mapping = { version: 1, csv: settings, entities: [{ type: "t", key: "$.a" }] }
    expect(texts(cut("1;2\n3;4\n", recipeOf("csv", mapping)))).toEqual(["1;2", "3;4"])
  })

  it("refuses a header that names a column twice", () => {
    expect(() => layOut(csv, Buffer.from("a,b,a\n"))).toThrow(/"a" is there twice/)
  })

  it("sets the rest aside where a quote is never closed", () => {
    expect(texts(cut('a,b\n1,"2\n3,4\n', csv))).toEqual(["truncated"])
  })
})

it("refuses UTF-16 by name", () => {
  expect(() => layOut(recipeOf("csv"), Buffer.from("\uFEFFa,b", "utf16le"))).toThrow(/UTF-16/)
})

describe("however the bytes are divided, and from whichever record", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"',
      ",",
      ":",
      "\\",
      "\n",
      "\r\n",
      " ",
      "a",
      "1",
      "é",
      '\\"',
    ),
    fc.constantFrom(
      '{"id":1}',
      '{"id":"x\\\\","n":[{"id":2}]}',
      ',{"id":3}',
      '"q""r"',
      "a,b\n",
      "1;2\n",
    ),
  )
  const body = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""))
  const recipes: readonly (readonly [string, Recipe, string])[] = [
    ["NDJSON", recipeOf("ndjson"), ""],
    ["CSV", recipeOf("csv"), "a,b\n"],
    ["a root array", recipeOf("json"), '[{"id":0}'],
    ["a sequence of values", recipeOf("json"), '{"id":0}'],
    [
      "an array in a document",
      recipeOf("json", atRecords("$.v[*]")),
      '{"m":[{"v":[]}],"v":[{"id":0}',
    ],
    ["STIX", recipeOf("stix"), '{"objects":['],
  ]

  it.each(recipes)("the cuts are the same: %s", (_name, recipe, prefix) => {
    const ends = fc.constantFrom<SourceEnd>("whole", "damaged")
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(body, ends, sizes, (text, end, chunks) => {
        const bytes = Buffer.from(prefix + text)
        const { layout } = layOut(recipe, bytes)
        const whole = plain(cutAll(bytes, layout, { end }))
        expect(plain(cutAll(bytes, layout, { end, chunks }))).toEqual(whole)
        whole.forEach((one, i) => {
          const from = { offset: one.offset, ordinal: one.ordinal }
          expect(plain(cutAll(bytes, layout, { end, chunks, from }))).toEqual(whole.slice(i))
        })
      }),
      { numRuns: 300 },
    )
  })

  it("goes on after what was cut so far, from the place that the cutter names", () => {
    fc.assert(
      fc.property(fc.constantFrom(...recipes), body, fc.nat(), ([, recipe, prefix], text, at) => {
        const bytes = Buffer.from(prefix + text)
        const { layout } = layOut(recipe, bytes)
        const whole = plain(cutAll(bytes, layout))
        const cutter = makeCutter(layout, beginning)
        const before = plain(cutter.push(bytes.subarray(0, at % (bytes.length + 1))))
        const after = plain(cutAll(bytes, layout, { from: cutter.place() }))
        expect([...before, ...after]).toEqual(whole)
        cutter.finish("whole")
      }),
      { numRuns: 500 },
    )
  })

  it("every byte that is no blank, comma or frame is in a record or set aside", () => {
    fc.assert(
      fc.property(body, (text) => {
        const bytes = Buffer.from(text)
        const cuts = cutAll(bytes, layOut(recipeOf("ndjson"), bytes).layout)
        const length = cuts.reduce((sum, one) => sum + one.bytes.length, 0)
        const blank = text.split("\n").reduce((sum, l) => sum + l.length - l.trim().length, 0)
        expect(length).toBe(bytes.length - blank - (text.split("\n").length - 1))
      }),
    )
  })
})
