import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { localAccess } from "../../gateway/access/access.ts"
import { QueryContext } from "../../gateway/context.ts"
import { receiptWaitMillisMax, writeRecordsMax } from "../../protocols/limits.ts"
import { mapping } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { thing, things } from "../support/writes.ts"
import { ask, query } from "./support.ts"
import {
  ingested,
  linesOf,
  receiptBy,
  retracted,
  retraction,
  type Served,
  uploaded,
  withEdge,
} from "./written.ts"

const said = (id: string, of = "p") => ({ id, of, said: `of ${id}` })

const errorOf = async (answer: ReturnType<typeof ingested>) => {
  const { data, errors } = (await answer).json()
  expect(data ?? null).toBeNull()
  return { ...errors?.[0]?.extensions, message: errors?.[0]?.message }
}

const entity = async ({ gateway }: Served, type: string, key: string) => {
  const document = `query ($type: String!, $key: String!) {
    entity(type: $type, key: $key) { properties stub sources { source recordKey } } }`
  return (await query(gateway.url, document, { type, key })).json().data?.entity
}

describe("the mutation ingest", () => {
  it("answers what became of each record, and the query receipt answers the same", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const records = [said("a"), said("b"), said("a"), { none: true }, "text"]
      const answer = await ingested(served, { key: "k", records, mapping })
      expect(answer.json().errors).toBeUndefined()
      const receipt = answer.json().data?.ingest
      expect(receipt).toMatchObject({
        idempotencyKey: "k",
        source: "api",
        state: "COMMITTED",
        given: 5,
        read: 5,
        accepted: 2,
        duplicates: 1,
        deadLettered: 2,
        pending: 0,
        error: null,
        problems: [
          { ordinal: 3, reason: "missing-key" },
          { ordinal: 4, reason: "missing-key" },
        ],
      })
      expect(await receiptBy(served, "k")).toEqual(receipt)
      expect(await receiptBy(served, "never")).toBeNull()
      expect(await entity(served, "thing", "a")).toMatchObject({ properties: { said: "of a" } })
      expect(await entity(served, "product", "p")).toMatchObject({ stub: true })
    })
  })

  it("takes STIX objects, and without a mapping any object", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const id = "malware--11111111-1111-4111-8111-111111111111"
      const object = { type: "malware", id, name: "Bad", modified: "2024-01-01T00:00:00Z" }
      const stix = await ingested(served, { key: "1", records: [object], format: "STIX" })
      expect(stix.json().data?.ingest).toMatchObject({ state: "COMMITTED", accepted: 1 })
      expect(await entity(served, "malware", id)).toMatchObject({ properties: { name: "Bad" } })
      const older = { ...object, modified: "2023-01-01T00:00:00Z" }
      const again = await ingested(served, { key: "2", records: [older], format: "STIX" })
      expect(again.json().data?.ingest).toMatchObject({ duplicates: 1, stale: 1 })
      const plain = await ingested(served, { key: "3", records: [{ n: 1 }, [2]], source: "x" })
      expect(plain.json().data?.ingest).toMatchObject({ accepted: 1, deadLettered: 1 })
    })
  })

  it("says PENDING where it does not wait for the commit, and the commit comes", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const records = things(1000)
      const answer = await ingested(served, { key: "k", records, mapping, wait: 0 })
      const receipt = answer.json().data?.ingest as { [name: string]: number | string }
      expect(receipt).toMatchObject({ state: "PENDING", given: 1000 })
      expect(Number(receipt.read) + Number(receipt.pending)).toBe(1000)
      const joined = await ingested(served, { key: "k", records, mapping })
      expect(joined.json().data?.ingest).toMatchObject({ state: "COMMITTED", accepted: 1000 })
    })
  })

  it("is refused under a key that was used for something else", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      await ingested(served, { key: "k", records: [said("a")], mapping })
      const error = await errorOf(ingested(served, { key: "k", records: [said("b")], mapping }))
      expect(error).toMatchObject({ code: "CONFLICT", next: "Use another idempotency key." })
      expect(await entity(served, "thing", "b")).toBeNull()
    })
  })

  it("refuses what is wrong with the request before anything is kept", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const fails = (given: object) =>
        errorOf(ingested(served, { key: "k", records: [said("a")], ...given }))
      expect(await fails({ mapping: "version: 1\nentitles: []\n" })).toMatchObject({
        code: "INVALID",
        message: expect.stringMatching(/line 2, column 1/),
      })
      expect(await fails({ mapping, format: "STIX" })).toMatchObject({ code: "INVALID" })
      expect(await fails({ records: [] })).toMatchObject({ code: "INVALID" })
      expect(await fails({ key: "" })).toMatchObject({ code: "INVALID" })
      expect(await fails({ key: "é" })).toMatchObject({ code: "INVALID" })
      expect(await fails({ key: "x".repeat(129) })).toMatchObject({ code: "INVALID" })
      expect(await fails({ source: "" })).toMatchObject({ code: "INVALID" })
      expect(await fails({ source: "a\nb" })).toMatchObject({ code: "INVALID" })
      expect(await fails({ wait: -1 })).toMatchObject({ code: "INVALID" })
      expect(await fails({ wait: 20_001 })).toMatchObject({ limit: "receiptWaitMillisMax" })
      const many = Array(writeRecordsMax + 1).fill(0)
      expect(await fails({ records: many })).toMatchObject({ limit: "writeRecordsMax" })
      expect(await receiptBy(served, "k")).toBeNull()
    })
  })

  it("may be asked again where nobody tells of a write that was taken", async () => {
    let looks = 0
    // Each look at the wall clock is days behind the one before: no receipt is as young as that.
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      host: { ...ports.host, wallMicros: () => ports.host.wallMicros() + ++looks * 30 * 86_400e6 },
    })
    await withEdge(
      temporaryFolder(),
      async (served) => {
        const error = await errorOf(ingested(served, { key: "k", records: [said("a")], mapping }))
        expect(error).toMatchObject({ code: "UNAVAILABLE", family: "Retryable" })
        const told = await uploaded(served, { body: `${JSON.stringify(said("b"))}\n` })
        expect(told.status).toBe(503)
        const headers = { accept: "application/x-ndjson" }
        const lines = await uploaded(served, { body: `${JSON.stringify(said("c"))}\n`, headers })
        expect(linesOf(lines.text).at(-1)).toMatchObject({ error: { code: "UNAVAILABLE" } })
      },
      { tenants: ["demo"], wrap },
    )
  })

  it("is no GET", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const document =
        'mutation { retract(source: "a", recordKeys: ["b"], idempotencyKey: "k") { state } }'
      const url = `${served.gateway.url}?query=${encodeURIComponent(document)}`
      const answer = await ask(url)
      expect([answer.status, answer.headers.allow]).toEqual([405, "POST"])
      expect(await receiptBy(served, "k")).toBeNull()
    })
  })

  it("waits no longer for several in one request than for one", async () => {
    await withEdge(temporaryFolder(), async ({ ports }) => {
      const now = vi.spyOn(performance, "now").mockReturnValue(1000)
      onTestFinished(() => now.mockRestore())
      const context = new QueryContext({ reads: ports.reads }, localAccess("demo"))
      expect(context.waitMillisLeft).toBe(receiptWaitMillisMax)
      now.mockReturnValue(1000 + receiptWaitMillisMax - 1)
      expect(context.waitMillisLeft).toBe(1)
      now.mockReturnValue(1000 + 2 * receiptWaitMillisMax)
      expect(context.waitMillisLeft).toBe(0)
    })
  })
})

describe("a node that ends", () => {
  it("answers who waits for a receipt as it stands, and goes on at its next start", async () => {
    const folder = temporaryFolder()
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      sink: { ...ports.sink, commit: () => Effect.never },
    })
    const pending = { state: "PENDING", given: 1, pending: 1 }
    await withEdge(
      folder,
      async (served) => {
        const mutation = ingested(served, { key: "mutation", records: [said("a")], mapping })
        const body = '{"a": 1}\n'
        const upload = uploaded(served, { key: "upload", body })
        const headers = { accept: "application/x-ndjson" }
        const lines = uploaded(served, { key: "lines", body: `${body}{"a": 2}\n`, headers })
        for (const key of ["mutation", "upload", "lines"]) {
          await vi.waitFor(async () => expect(await receiptBy(served, key)).not.toBeNull(), 10_000)
        }
        await run(served.gateway.close)
        expect((await mutation).json().data?.ingest).toMatchObject(pending)
        expect((await upload).status).toBe(202)
        // Of an upload it is known what was given when it is read.
        expect((await upload).json()).toMatchObject({ receipt: { state: "PENDING" } })
        expect(linesOf((await lines).text).at(-1)).toMatchObject({
          receipt: { state: "PENDING" },
        })
      },
      { tenants: ["demo"], wrap },
    )
    await withEdge(folder, async (served) => {
      for (const key of ["mutation", "upload", "lines"]) {
        const receipt = () => receiptBy(served, key)
        const over = { state: "COMMITTED" }
        await vi.waitFor(async () => expect(await receipt()).toMatchObject(over), 10_000)
      }
    })
  })
})

describe("the mutation retract", () => {
  it("takes back what records said, and leaves a stub where others point to it", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const records = [{ id: "a", of: "b", said: "x" }, said("b", "c")]
      await ingested(served, { key: "1", records, mapping: pointing })
      expect(await entity(served, "thing", "b")).toMatchObject({ stub: false })
      const first = await retracted(served, "api", ["b", "unknown"], "2")
      expect(first.json().data?.retract).toMatchObject({
        state: "COMMITTED",
        given: 2,
        accepted: 1,
        duplicates: 1,
      })
      expect(await entity(served, "thing", "b")).toMatchObject({ stub: true, sources: [] })
      expect(await entity(served, "thing", "c")).toBeNull()
      await retracted(served, "api", ["a"], "3")
      expect(await entity(served, "thing", "a")).toBeNull()
      expect(await entity(served, "thing", "b")).toBeNull()
      const again = await retracted(served, "api", ["a", "b"], "4")
      expect(again.json().data?.retract).toMatchObject({ accepted: 0, duplicates: 2 })
    })
  })

  it("is undone by the same record again", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const records = [said("a")]
      await ingested(served, { key: "1", records, mapping })
      await retracted(served, "api", ["a"], "2")
      const back = await ingested(served, { key: "3", records, mapping })
      expect(back.json().data?.ingest).toMatchObject({ accepted: 1, duplicates: 0 })
      expect(await entity(served, "thing", "a")).toMatchObject({ properties: { said: "of a" } })
    })
  })

  it("takes back nothing of another source, and sets aside what is no key", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      await ingested(served, { key: "1", records: [said("a")], mapping })
      const other = await retracted(served, "other", ["a", "", "x".repeat(2000)], "2")
      expect(other.json().data?.retract).toMatchObject({
        duplicates: 1,
        deadLettered: 2,
        problems: [
          { ordinal: 1, reason: "missing-key" },
          { ordinal: 2, reason: "invalid-id" },
        ],
      })
      expect(await entity(served, "thing", "a")).not.toBeNull()
    })
  })

  it("and ingest of one key are different writes", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      await ingested(served, { key: "k", records: ["a"] })
      const error = await errorOf(
        query(served.gateway.url, retraction, { source: "api", keys: ["a"], key: "k" }),
      )
      expect(error).toMatchObject({ code: "CONFLICT" })
    })
  })
})

const pointing = `version: 1
record: {key: $.id}
entities:
  - {type: thing, key: $.id, properties: {said: $.said}}
relationships:
  - {type: of, from: {type: thing, key: $.id}, to: {type: thing, key: $.of}}
`

describe("a thing", () => {
  it("that is written many times is as it was written last", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const write = (n: number) =>
        ingested(served, { key: `${n}`, records: [thing(1, `said ${n}`)], mapping, wait: 0 })
      for (let n = 0; n < 10; n++) await write(n)
      await ingested(served, { key: "last", records: [thing(1, "at last")], mapping })
      expect(await entity(served, "thing", "thing 1")).toMatchObject({
        properties: { said: "at last" },
      })
    })
  })
})
