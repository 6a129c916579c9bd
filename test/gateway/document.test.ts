import { buildSchema } from "graphql"
import { describe, expect, it } from "vitest"
import { Documents } from "../../gateway/document.ts"
import {
  documentCachedLengthMax,
  documentCacheMax,
  documentsCachedLengthMax,
} from "../../protocols/limits.ts"

const schema = buildSchema("type Query { a: Int }")
const documentOf = (n: number, length = 10) => `{ a } #${n}`.padEnd(length, " ")

describe("documents that were made ready", () => {
  it("are kept up to their number, the longest unused forgotten first", () => {
    const documents = new Documents(schema)
    for (let n = 0; n <= documentCacheMax; n++) {
      documents.prepare(documentOf(n))
      documents.prepare(documentOf(0))
    }
    expect(documents.misses).toBe(documentCacheMax + 1)
    documents.prepare(documentOf(2))
    expect(documents.misses).toBe(documentCacheMax + 1)
    documents.prepare(documentOf(1))
    expect(documents.misses).toBe(documentCacheMax + 2)
  })

  it("are kept up to a length of all together, and none that is longer than its bound", () => {
    const documents = new Documents(schema)
    const most = documentsCachedLengthMax / documentCachedLengthMax
    for (let n = 0; n <= most; n++) documents.prepare(documentOf(n, documentCachedLengthMax))
    for (let n = 1; n <= most; n++) documents.prepare(documentOf(n, documentCachedLengthMax))
    expect([documents.hits, documents.misses]).toEqual([most, most + 1])
    documents.prepare(documentOf(0, documentCachedLengthMax))
    expect(documents.misses).toBe(most + 2)
    for (let i = 0; i < 2; i++) documents.prepare(documentOf(0, documentCachedLengthMax + 1))
    expect(documents.misses).toBe(most + 4)
  })
})
