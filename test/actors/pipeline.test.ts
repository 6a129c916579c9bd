import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { identifierOf } from "../../actors/cutting/identify.ts"
import { digestOfRecipe } from "../../actors/pipeline/digest-of-recipe.ts"
import { deadLetterOf, effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import type { Recipe } from "../../actors/source.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import { deadLetterBytesMax } from "../../protocols/limits.ts"
import type { Mapping } from "../../protocols/mapping.ts"
import { parseInstant } from "../../protocols/units.ts"

const mapping: Mapping = {
  version: 1,
  record: { key: "$.id", version: "$.at" },
  entities: [
    { type: "thing", key: "$.id", properties: { size: { path: "$.size", as: "number" } } },
  ],
}
const ndjson: Recipe = { format: "ndjson", mapping, columns: undefined }
const plain: Recipe = { format: "ndjson", mapping: undefined, columns: undefined }
const csv: Recipe = { format: "csv", mapping, columns: ["id", "size"] }

const eventOf = (text: string | Buffer, recipe: Recipe = ndjson, ordinal = 7): SourceEvent => {
  const bytes = Buffer.from(text as string)
  return identifierOf(recipe)({ ordinal, offset: 100, bytes, fault: undefined })
}
const effectOf = (text: string | Buffer, recipe: Recipe = ndjson) =>
  effectOfEvent(eventOf(text, recipe), recipe, digestOfRecipe(recipe))

describe("the identity of a record", () => {
  it("is the mapping's key and version", () => {
    const event = eventOf('{"id":5,"at":"2025-01-01"}')
    expect(event).toMatchObject({
      recordKey: "5",
      version: parseInstant("2025-01-01"),
      op: "assert",
    })
    expect(eventOf('{"id":"x"}').version).toBeUndefined()
  })

  it("is the SHA-256 of its bytes where nothing is named", () => {
    const sha = createHash("sha256").update('{"a":1}').digest("hex")
    expect(eventOf('{"a":1}', plain).recordKey).toBe(sha)
  })

  it("is its place where equal records are different events", () => {
    const ordinal: Recipe = { ...ndjson, mapping: { ...mapping, record: { key: "ordinal" } } }
    expect(eventOf('{"id":1}', ordinal).recordKey).not.toBe(
      eventOf('{"id":1}', ordinal, 8).recordKey,
    )
  })

  it.each([
    ["has no key", "{}", "missing-key"],
    ["has a version that is no date", '{"id":1,"at":"soon"}', "failed-coercion"],
    ["is no JSON", '{"id":1', "invalid-json"],
    ["has a key longer than allowed", `{"id":"${"k".repeat(1025)}"}`, "invalid-id"],
  ])("is rejected, under its place, where the record %s", (_what, text, reason) => {
    expect(eventOf(text)).toMatchObject({
      op: "reject",
      recordKey: "!7",
      fault: { reason, lengthBytes: text.length },
    })
  })
})

describe("the effect of an event", () => {
  it("is what the mapping makes of it", () => {
    const effect = effectOf('{"id":"a","size":"3"}')
    expect(effect).toMatchObject({
      ordinal: 7,
      recordKey: "a",
      op: "assert",
      deadLetter: undefined,
    })
    expect(effect.entities).toEqual([
      { type: "thing", key: "a", aliases: [], properties: { size: 3 } },
    ])
  })

  it("without a mapping is one entity of type record, under the record's key", () => {
    const effect = effectOf('{"a":1,"b":{"c":[2]}}', plain)
    const properties = { a: 1, raw: '{"b":{"c":[2]}}' }
    expect(effect.entities).toEqual([
      { type: "record", key: effect.recordKey, aliases: [], properties },
    ])
  })

  it("reads CSV rows by the columns of the recipe", () => {
    expect(effectOf('"a ""b""",4', csv).entities[0]).toMatchObject({
      key: 'a "b"',
      properties: { size: 4 },
    })
    expect(effectOf("a,", csv).entities[0]?.properties).toEqual({})
    expect(effectOf("a,1,2", csv).deadLetter?.reason).toBe("invalid-csv")
    expect(effectOf('"a"x,1', csv).deadLetter?.reason).toBe("invalid-csv")
    expect(effectOf("a\0,1", csv).deadLetter?.reason).toBe("invalid-text")
  })

  it("is a dead letter with place, bytes and reason where the record cannot be read", () => {
    const text = '{"id":"a","size":"many"}'
    const effect = effectOf(text)
    expect(effect).toMatchObject({ op: "reject", entities: [], relationships: [] })
    expect(effect.deadLetter).toMatchObject({
      reason: "failed-coercion",
      offset: 100,
      lengthBytes: text.length,
      fingerprint: createHash("sha256").update(`failed-coercion\0${text}`).digest("hex"),
    })
    expect(Buffer.from(effect.deadLetter?.bytes ?? []).toString()).toBe(text)
  })

  it("of wrong UTF-8 is a dead letter, also where the cutter let it pass", () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x7d])
    const event: SourceEvent = { ...eventOf('{"id":1}'), bytes }
    expect(effectOfEvent(event, ndjson, digestOfRecipe(ndjson)).deadLetter?.reason).toBe(
      "invalid-utf8",
    )
  })

  it("keeps the first bytes and the true length of what is too long for a dead letter", () => {
    const event = eventOf(`{"id":"${"k".repeat(2 * deadLetterBytesMax)}"}`)
    expect(event.bytes.length).toBe(deadLetterBytesMax)
    const effect = effectOfEvent(event, ndjson, digestOfRecipe(ndjson))
    expect(effect.deadLetter?.lengthBytes).toBe(2 * deadLetterBytesMax + 9)
  })

  it("of a retraction asserts nothing", () => {
    const event: SourceEvent = { ...eventOf('{"id":1}'), op: "retract" }
    expect(effectOfEvent(event, ndjson, digestOfRecipe(ndjson))).toMatchObject({
      op: "retract",
      entities: [],
      deadLetter: undefined,
    })
  })

  it("can be set aside by hand", () => {
    const fault = { reason: "poison", detail: "It failed three times." } as const
    const effect = deadLetterOf(eventOf('{"id":1}'), fault, digestOfRecipe(ndjson))
    expect(effect.deadLetter).toMatchObject(fault)
  })
})

describe("the hash of a record", () => {
  const hashOf = (text: string, recipe: Recipe, op: SourceEvent["op"] = "assert") =>
    Buffer.from(
      effectOfEvent({ ...eventOf(text, recipe), op }, recipe, digestOfRecipe(recipe)).hash,
    ).toString("hex")

  it("is SHA-256 over op, the recipe's digest and the bytes", () => {
    const expected = createHash("sha256")
      .update(Buffer.from([0]))
      .update(digestOfRecipe(ndjson))
      .update('{"id":1}')
      .digest("hex")
    expect(hashOf('{"id":1}', ndjson)).toBe(expected)
  })

  it("changes with each of them", () => {
    const mended: Recipe = {
      ...ndjson,
      mapping: { ...mapping, entities: [{ type: "t", key: "$.id" }] },
    }
    const hashes = [
      hashOf('{"id":1}', ndjson),
      hashOf('{"id":1} ', ndjson),
      hashOf('{"id":1}', mended),
      hashOf('{"id":1}', ndjson, "retract"),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

it("the digest of a recipe does not depend on the order in which it was written", () => {
  const turned: Mapping = {
    entities: mapping.entities ?? [],
    record: mapping.record ?? {},
    version: 1,
  }
  expect(digestOfRecipe({ ...ndjson, mapping: turned })).toEqual(digestOfRecipe(ndjson))
  expect(digestOfRecipe(csv)).not.toEqual(digestOfRecipe({ ...csv, columns: ["size", "id"] }))
})
