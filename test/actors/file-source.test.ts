import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterAll, describe, expect, it } from "vitest"
import { fileSource, inferFileMapping } from "../../actors/index.ts"
import { readMapping } from "../../actors/mapping/document.ts"
import type { SourceChunk, SourceFormat, SourcePlace } from "../../actors/source.ts"
import type { SourceUnreadable } from "../../protocols/errors.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import { inflateRatioFreeBytes, sourceChunkBytes } from "../../protocols/limits.ts"
import type { Mapping } from "../../protocols/mapping.ts"
import { run, runExit } from "../support/run.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-file-source-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function fileOf(bytes: string | Uint8Array, ending = "x"): string {
  const file = join(folder, `${++files}.${ending}`)
  writeFileSync(file, bytes)
  return file
}

function pipe(): string {
  const file = join(folder, `${++files}.pipe`)
  execFileSync("mkfifo", [file])
  return file
}

interface ReadOptions {
  readonly format?: SourceFormat
  readonly mapping?: Mapping
  readonly from?: SourcePlace
  /** Called after each chunk. */
  readonly after?: (chunk: SourceChunk) => void
}

const read = (file: string, options: ReadOptions = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { format = "ndjson", mapping, from = { offset: 0, ordinal: 0 } } = options
      const spec = { tenant: "t", source: "s", format, mapping, file }
      const source = yield* fileSource.open(spec, () => from)
      const events: SourceEvent[] = []
      for (;;) {
        const chunk = yield* source.next
        if (chunk === undefined) return { events, source }
        events.push(...chunk.events)
        options.after?.(chunk)
      }
    }),
  )

const failureOf = async (effect: Effect.Effect<unknown, unknown>): Promise<SourceUnreadable> => {
  const exit = await runExit(effect)
  if (Exit.isSuccess(exit)) throw new Error("It did not fail.")
  return exit.cause.reasons.map((r) => ("error" in r ? r.error : r))[0] as SourceUnreadable
}

const texts = (events: readonly SourceEvent[]) =>
  events.map((event) => event.fault?.reason ?? Buffer.from(event.bytes).toString("utf8"))

const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `{"id":${i},"text":"${"x".repeat(i % 500)}"}`)

describe("a file that cannot be read", () => {
  it.each([
    ["is missing", () => join(folder, "nowhere"), /There is no such file\.$/],
    ["is a folder", () => folder, /It is a folder, not a file\.$/],
    ["is a device", () => "/dev/null", /It is no regular file\.$/],
    ["is a pipe that nobody writes", pipe, /It is no regular file\.$/],
    ["is empty", () => fileOf(""), /It is empty\.$/],
    ["is gzip of nothing", () => fileOf(gzipSync("")), /It holds nothing\.$/],
    ["lies below a file", () => join(fileOf("x"), "y"), /There is no such file\.$/],
  ])("because it %s is refused with one sentence", async (_what, make, sentence) => {
    const file = make()
    const error = await failureOf(read(file))
    expect(error).toMatchObject({ _tag: "SourceUnreadable", file })
    expect(error.message).toMatch(sentence)
    expect(error.message.startsWith(`Cannot read ${file}: `)).toBe(true)
  })

  it("because the array of records is not there is refused", async () => {
    const mapping = readMapping("version: 1\nrecords: $.a[*]\nentities: [{type: t, key: $.k}]")
    const error = await failureOf(read(fileOf('{"b":[]}'), { format: "json", mapping }))
    expect(error.message).toMatch(/no array of records at \$\.a\.$/)
  })

  it("by this mapping is refused before anything is read", async () => {
    const mapping: Mapping = { version: 1, entities: [{ type: "t", key: "$.k" }] }
    expect(await failureOf(read(fileOf("{}"), { format: "stix", mapping }))).toMatchObject({
      _tag: "Invalid",
      message: "STIX is built in: it takes no mapping.",
    })
  })
})

describe("a file", () => {
  const many = lines(3000)
  const text = many.join("\n")

  it.each([
    ["plain", text],
    ["gzip, whatever its name", gzipSync(text)],
    [
      "gzip in several members",
      Buffer.concat([gzipSync(text.slice(0, 5e5)), gzipSync(text.slice(5e5))]),
    ],
  ])("is read whole: %s", async (_what, bytes) => {
    const { events, source } = await run(read(fileOf(bytes, "json")))
    expect(texts(events)).toEqual(many)
    expect(source.fileBytes).toBe(Buffer.byteLength(bytes as string))
    expect(source.contentHash).toBe(await run(fileSource.contentHash(fileOf(bytes))))
  })

  it.each([
    ["plain", text],
    ["gzip", gzipSync(text)],
  ])("is read on from any place that it named: %s", async (_what, bytes) => {
    const file = fileOf(bytes)
    const places: SourcePlace[] = []
    const { events } = await run(read(file, { after: (chunk) => places.push(chunk.next) }))
    expect(places.length).toBeGreaterThan(1)
    const some = [
      ...places,
      ...[1, 700, 2999].map((at) => events[at]).filter((e) => e !== undefined),
    ]
    for (const { offset, ordinal } of some) {
      const rest = await run(read(file, { from: { offset, ordinal } }))
      expect(rest.events).toEqual(events.slice(ordinal))
    }
  })

  it("reports how much was read, and gives no more than one buffer's records at once", async () => {
    const file = fileOf(text)
    const seen: number[] = []
    await run(
      read(file, {
        after: (chunk) => {
          seen.push(chunk.fileBytesRead)
          const bytes = chunk.events.reduce((sum, event) => sum + event.bytes.length, 0)
          expect(bytes).toBeLessThanOrEqual(2 * sourceChunkBytes)
        },
      }),
    )
    expect(seen.at(-1)).toBe(text.length)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  it("that grows or shrinks while it is read is refused from there on", async () => {
    for (const change of [
      (f: string) => appendFileSync(f, "\n{}"),
      (f: string) => truncateSync(f, 9),
    ]) {
      const file = fileOf(text)
      let read_ = 0
      const error = await failureOf(
        read(file, {
          after: (chunk) => {
            read_ += chunk.events.length
            change(file)
          },
        }),
      )
      expect(error.message).toMatch(/It changed while it was read\.$/)
      expect(read_).toBeGreaterThan(0)
    }
  })

  it("has the columns of its CSV header in the recipe", async () => {
    const { events, source } = await run(read(fileOf("\uFEFFa,b\r\n1,2\r\n"), { format: "csv" }))
    expect(source.recipe.columns).toEqual(["a", "b"])
    expect(texts(events)).toEqual(["1,2"])
  })
})

describe("gzip", () => {
  const many = lines(3000)
  const packed = gzipSync(many.join("\n"))

  it.each([
    ["in the middle", Math.floor(packed.length / 2)],
    ["near its beginning", 300],
    ["within its trailer", packed.length - 4],
  ])("that ends %s gives its records and one dead letter for the rest", async (_where, length) => {
    const file = fileOf(packed.subarray(0, length))
    const { events } = await run(read(file))
    const good = events.filter((event) => event.fault === undefined)
    expect(texts(good)).toEqual(many.slice(0, good.length))
    expect(texts(events.slice(good.length))).toEqual(["truncated"])
    expect(events.at(-1)).toMatchObject({ op: "reject", recordKey: `!${events.length - 1}` })
    if (length === packed.length - 4) expect(good.length).toBe(many.length)
    const after = { offset: (events.at(-1)?.offset ?? 0) + 1e9, ordinal: events.length }
    expect((await run(read(file, { from: after }))).events).toEqual([])
  })

  it("that is damaged stops with a clear error", async () => {
    const damaged = Buffer.from(packed)
    damaged.fill(0xff, 4000, 4200)
    const error = await failureOf(read(fileOf(damaged)))
    expect(error.message).toMatch(/Its gzip data is damaged: .*\.$/)
  })

  it("that expands beyond measure stops with a clear error", async () => {
    const bomb = gzipSync(Buffer.alloc(16 * inflateRatioFreeBytes, 0x20))
    const error = await failureOf(read(fileOf(bomb)))
    expect(error.message).toMatch(/a gzip bomb is not read\.$/)
  })

  it("of a small file of one letter is no bomb", async () => {
    const { events } = await run(read(fileOf(gzipSync(`"${"a".repeat(500_000)}"`))))
    expect(events).toHaveLength(1)
  })
})

describe("mapping infer", () => {
  const infer = (text: string, ending: string) =>
    run(inferFileMapping(fileOf(text, ending), undefined))

  it("proposes a key, a version, a name, dates and numbers that the parser takes", async () => {
    const people = [
      {
        ref: { id: 7 },
        updated_at: "2025-01-01",
        name: "Ann",
        born: "1990-05-01",
        tags: ["x"],
        n: 1,
      },
      { ref: { id: 8 }, updated_at: "2025-01-02", name: "Ann", born: "1991-05-01", tags: [], n: 1 },
    ]
    const text = await infer(JSON.stringify({ info: { list: [1] }, people }), "json")
    expect(readMapping(text)).toEqual({
      version: 1,
      records: "$.people[*]",
      record: { key: "$.ref.id", version: "$.updated_at" },
      entities: [
        {
          type: "people",
          key: "$.ref.id",
          name: "$.name",
          properties: {
            updated_at: { path: "$.updated_at", as: "date" },
            born: { path: "$.born", as: "date" },
            tags: "$.tags",
            n: "$.n",
          },
        },
      ],
    })
  })

  it("finds the delimiter of CSV, and quotes names that YAML would misread", async () => {
    const text = await infer("host;on;x: y\na;1;p\nb;2;q\n", "csv")
    const { csv, entities } = readMapping(text)
    expect(csv).toEqual({ delimiter: ";" })
    expect(entities?.[0]).toMatchObject({ key: "$.host", properties: { "x: y": "$.x: y" } })
  })

  it("says so where no field can be a key", async () => {
    const error = await failureOf(inferFileMapping(fileOf("[[1],[2]]", "json"), undefined))
    expect(error.message).toMatch(/a mapping needs a key/)
  })

  it("asks for the format where the name does not tell it", async () => {
    mkdirSync(join(folder, "empty"), { recursive: true })
    expect((await failureOf(inferFileMapping(fileOf("{}"), undefined))).message).toMatch(/--format/)
  })
})
