/**
 * Where the time of an ingest goes: each stage alone, on one thread, over the same records. Stages
 * run beside each other in a node, so they do not add up to its time.
 *
 *     node bench/ingest/stages.ts FILE
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { fileSource, parseMapping } from "../../actors/index.ts"
import { Outbox } from "../../actors/outbox.ts"
import { digestOfRecipe } from "../../actors/pipeline/digest-of-recipe.ts"
import { effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import { partitionOf } from "../../protocols/address.ts"
import { decodeBlock } from "../../protocols/block.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import type { BlockEffects, RecordEffect } from "../../protocols/graph.ts"
import { commitRecordsMax } from "../../protocols/limits.ts"
import { migrate, writerPragmas } from "../../stores/adapters/sqlite/schema.ts"
import { GraphWriter } from "../../stores/adapters/sqlite/writer.ts"
import { encodeBlock as pack, decodeBlock as unpack } from "../../stores/graph/write/wire.ts"
import { runMain } from "../../test/support/run-main.ts"
import { mappingYaml } from "./generate.ts"

const [file = ""] = process.argv.slice(2)
const partitions = 4
const spent = new Map<string, number>()
const noDigest = new Uint8Array(32)

function timed<A>(stage: string, use: () => A): A {
  const started = performance.now()
  const answer = use()
  spent.set(stage, (spent.get(stage) ?? 0) + performance.now() - started)
  return answer
}

runMain(
  Effect.gen(function* () {
    const folder = mkdtempSync(join(tmpdir(), "intelgraph-stages-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
    const writer = openWriter(join(folder, "graph.db"))
    const mapping = yield* parseMapping(mappingYaml)
    const spec = { tenant: "bench", source: "cve", format: "ndjson", mapping, file } as const
    const source = yield* fileSource.open(spec, () => ({ offset: 0, ordinal: 0 }))
    const digest = digestOfRecipe(source.recipe)
    const outbox = newOutbox()
    let lanes: RecordEffect[][] = Array.from({ length: partitions }, () => [])
    let [records, waiting, sequence] = [0, 0, 0]
    while (true) {
      const started = performance.now()
      const chunk = yield* source.next
      spent.set("read, cut, find keys", (spent.get("read, cut, find keys") ?? 0) + elapsed(started))
      if (chunk === undefined) break
      timed("pack, hash and unpack blocks", () => sendAndReceive(outbox, chunk.events))
      for (const event of chunk.events) {
        const effect = timed("parse, map, hash", () => effectOfEvent(event, source.recipe, digest))
        lanes[partitionOf(event.recordKey, partitions)]?.push(effect)
      }
      records += chunk.events.length
      waiting += chunk.events.length
      if (waiting < commitRecordsMax) continue
      commit(writer, lanes, ++sequence)
      lanes = Array.from({ length: partitions }, () => [])
      waiting = 0
    }
    commit(writer, lanes, ++sequence)
    for (const [stage, millis] of spent) {
      process.stdout.write(`${JSON.stringify({ stage, micros: (millis * 1000) / records })}\n`)
    }
  }),
)

function openWriter(path: string): GraphWriter {
  const db = new DatabaseSync(path)
  for (const pragma of writerPragmas) db.exec(pragma)
  migrate(db, path)
  return new GraphWriter(db)
}

function newOutbox(): Outbox {
  return new Outbox({
    sender: "bench/connector/cve",
    incarnation: { epoch: 1, start: 1 },
    mappingDigest: noDigest,
    source: "cve",
    run: { epoch: 1, count: 1 },
    file,
    partitions,
  })
}

function sendAndReceive(outbox: Outbox, events: readonly SourceEvent[]): void {
  for (const event of events) {
    if (outbox.add(event, 0)) continue
    flush(outbox)
    outbox.add(event, 0)
  }
  flush(outbox)
}

function flush(outbox: Outbox): void {
  for (const { partition, block } of outbox.seal(0, { everything: true })) {
    decodeBlock(block)
    outbox.answered(partition)
  }
}

function commit(writer: GraphWriter, lanes: readonly RecordEffect[][], sequence: number): void {
  const blocks = lanes.map((records, partition): BlockEffects => {
    const run = { epoch: 1, count: 1 }
    const place = { tenant: "bench", partition, shard: partition, epoch: 1, sequence }
    return { ...place, source: "cve", run, file, records }
  })
  const bytes = timed("pack for the writer", () => blocks.map(pack))
  const wire = timed("unpack in the writer", () => bytes.map(unpack))
  timed("decide and write", () => writer.commit(wire))
}

const elapsed = (started: number): number => performance.now() - started
