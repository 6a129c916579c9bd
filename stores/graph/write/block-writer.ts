/**
 * Decides what blocks come to: fences, orders, dedupes and applies them, many in one transaction,
 * whatever holds the rows.
 *
 * Promises: what it does is one transaction of the adapter, begun before a call and ended after
 * `finish`; nothing here waits or fails but by an invariant. After a roll-back the adapter calls
 * `forget`, or makes another one.
 */
import { noSourceCounters, type SourceCounters } from "../../../protocols/counters.ts"
import {
  changesKeptMax,
  changesKeptMillisMax,
  deadLetterBytesPerTenantMax,
  deadLettersPerTenantMax,
} from "../../../protocols/limits.ts"
import { judge } from "../../../protocols/sameness.ts"
import type { BlockOutcome, Guard } from "../port.ts"
import type { Retention } from "./feed-writer.ts"
import { replaceLinks, touchEdge } from "./links.ts"
import { assertEntity, dropAssertion, nothingHeld, touchNode } from "./nodes.ts"
import type { RecordRow, Rows } from "./rows.ts"
import { settle } from "./settle.ts"
import { Transaction } from "./transaction.ts"
import type { GuardAnswer, WireBlock, WireDeadLetter, WireRecord } from "./wire.ts"

type Counting = { -readonly [name in keyof SourceCounters]: number }

/** A block whose turn it is. */
interface Frame {
  readonly tenant: number
  readonly source: number
  readonly run: { readonly epoch: number; readonly count: number }
  readonly file: string
  readonly counted: Counting
}

const logIdName = "log"

/** The partition of changes that no block brings. */
const configuredPartition = 0

const asAgreed: Retention = {
  changesMax: changesKeptMax,
  millisMax: changesKeptMillisMax,
  nowMillis: Date.now,
}

export class BlockWriter {
  readonly #rows: Rows
  readonly #tx: Transaction

  constructor(rows: Rows, retention: Partial<Retention> = {}) {
    this.#rows = rows
    this.#tx = new Transaction(rows, { ...asAgreed, ...retention })
  }

  guard(logId: string, guards: readonly Guard[]): GuardAnswer {
    const { metaOf, insertMeta, guardOf, raiseGuard } = this.#rows
    const known = metaOf.get(logIdName)?.[0]
    if (known !== undefined && known !== logId) return { kind: "other-log", logId: known }
    for (const { shard, epoch } of guards) {
      const current = guardOf.get(shard)?.[0] ?? epoch
      if (current > epoch) return { kind: "fenced", shard, epoch, current }
    }
    if (known === undefined) insertMeta(logIdName, logId)
    for (const { shard, epoch } of guards) raiseGuard(shard, epoch)
    return { kind: "guarded" }
  }

  configureSource(tenantName: string, sourceName: string, priority: number): void {
    const { sourceByName, setPriority, mergedNodesOf, mergedEdgesOf, nodeById, edgeById } =
      this.#rows
    const tx = this.#tx
    const tenant = tx.tenant(tenantName)
    tx.feed.begin(tenant, tenantName, configuredPartition)
    const source = tx.source(tenant, sourceName)
    if (sourceByName.get(tenant, sourceName)?.[1] === priority) return
    setPriority(priority, tenant, source)
    for (const [id] of mergedNodesOf.all(tenant, source)) {
      const node = nodeById.get(id, tenant)
      if (node !== undefined) touchNode(tx, tenant, node)
    }
    for (const [id] of mergedEdgesOf.all(tenant, source)) {
      const edge = edgeById.get(id, tenant)
      if (edge !== undefined) touchEdge(tx, tenant, edge)
    }
    settle(tx)
  }

  commit(blocks: readonly WireBlock[]): readonly BlockOutcome[] {
    const outcomes = blocks.map((block) => this.block(block))
    this.settle()
    return outcomes
  }

  settle(): void {
    settle(this.#tx)
  }

  /** Writes what was counted and what changed; tenants whose feeds went on. */
  finish(): readonly string[] {
    return this.#tx.write()
  }

  /** After a roll-back: what is known may never have been written. */
  forget(): void {
    this.#tx.forget()
  }

  /** One of a commit's blocks: whoever hands them in one by one settles after the last. */
  block(block: WireBlock): BlockOutcome {
    const [tenantName, partition, shard, epoch, sequence, sourceName, ...rest] = block
    const [runEpoch, runCount, file, records] = rest
    const { guardOf, raiseGuard, moveCursor, countRun } = this.#rows
    if (raiseGuard(shard, epoch) === 0) {
      return { kind: "fenced", current: guardOf.get(shard)?.[0] ?? epoch }
    }
    const tenant = this.#tx.tenant(tenantName)
    if (moveCursor(tenant, partition, sequence, epoch) === 0) return { kind: "already-applied" }
    this.#tx.feed.begin(tenant, tenantName, partition)
    const source = this.#tx.source(tenant, sourceName)
    const counted: Counting = { ...noSourceCounters }
    const run = { epoch: runEpoch, count: runCount }
    const frame: Frame = { tenant, source, run, file, counted }
    for (const record of records) this.#record(frame, record)
    const { read, accepted, duplicates, stale, replayed, refused, deadLettered } = counted
    const counts = [read, accepted, duplicates, stale, replayed, refused, deadLettered] as const
    countRun(tenant, source, runEpoch, runCount, ...counts)
    return { kind: "applied", counted }
  }

  #record(frame: Frame, record: WireRecord): void {
    const { tenant, source, run, counted } = frame
    const [ordinal, key, version, hash, , , deadLetter, retracts] = record
    const row = this.#rows.recordByKey.get(tenant, source, key)
    const incoming = { run, ordinal, version: version ?? undefined, hash, retracts }
    const verdict = judge(dedupeRowOf(row), incoming)
    if (verdict === "replayed") {
      counted.replayed++
      return
    }
    counted.read++
    if (deadLetter !== null) {
      counted.deadLettered++
      this.#keepDeadLetter(frame, ordinal, key, deadLetter)
      this.#remember(frame, row, record)
    } else if (verdict === "accepted") {
      counted.accepted++
      this.#accept(frame, row, record)
    } else {
      counted.duplicates++
      if (verdict === "stale") counted.stale++
      this.#remember(frame, row, record)
    }
  }

  /** Nothing changes but where it was met last. */
  #remember(frame: Frame, row: RecordRow | undefined, record: WireRecord): void {
    if (row !== undefined) return this.#moveRecord(frame, row, record[0])
    const id = this.#tx.nextRecord()
    this.#insertRecord(frame, record, { id, version: null, hash: noHash, refs: noRefs })
  }

  #accept(frame: Frame, row: RecordRow | undefined, record: WireRecord): void {
    const { tenant, source, run } = frame
    const [ordinal, , version, hash, entities, links] = record
    const tx = this.#tx
    const id = row?.[0] ?? tx.nextRecord()
    const origin = { tenant, source, record: id }
    if (row === undefined) {
      const nodes = entities.map((entity) => assertEntity(tx, origin, entity, nothingHeld))
      // A link is joined to the row of its record as soon as it is attached: the row comes first.
      const refs = formatRefs(nodes, tx.comingLinks(links.length))
      this.#insertRecord(frame, record, { id, version, hash, refs })
      replaceLinks(tx, origin, [], links)
      return
    }
    const held = parseRefs(row[6])
    const heldNodes = new Set(held.nodes)
    const nodes = entities.map((entity) => assertEntity(tx, origin, entity, heldNodes))
    for (const node of nodes) heldNodes.delete(node)
    for (const node of heldNodes) dropAssertion(tx, origin, node)
    const refs = formatRefs(nodes, replaceLinks(tx, origin, held.links, links))
    const { updateRecord } = this.#rows
    updateRecord(run.epoch, run.count, ordinal, version, hash, refs, id, tenant)
  }

  #insertRecord(
    frame: Frame,
    record: WireRecord,
    row: { id: number; version: number | null; hash: Uint8Array; refs: string },
  ): void {
    const { tenant, source, run } = frame
    const [ordinal, key] = record
    const { id, version, hash, refs } = row
    const { insertRecord } = this.#rows
    insertRecord(id, tenant, source, key, run.epoch, run.count, ordinal, version, hash, refs)
  }

  #moveRecord(frame: Frame, row: RecordRow, ordinal: number): void {
    const { tenant, run } = frame
    this.#rows.moveRecord(run.epoch, run.count, ordinal, row[0], tenant)
  }

  #keepDeadLetter(frame: Frame, ordinal: number, key: string, letter: WireDeadLetter): void {
    const { tenant, source, run, file } = frame
    const [offset, length, reason, detail, fingerprint, bytes] = letter
    const tx = this.#tx
    if (tx.tallyOf(tenant, "deadLetter") >= deadLettersPerTenantMax) return
    const keptBytes = tx.tallyOf(tenant, "deadLetterBytes")
    const kept = keptBytes + bytes.length <= deadLetterBytesPerTenantMax ? bytes : noHash
    const changed = this.#rows.insertDeadLetter(
      tenant,
      source,
      run.epoch,
      run.count,
      ordinal,
      key,
      file,
      offset,
      length,
      reason,
      detail,
      fingerprint,
      kept,
    )
    tx.add(tenant, "deadLetter", 0, changed)
    tx.add(tenant, "deadLetterBytes", 0, changed * kept.length)
  }
}

/** Of a record that has only ever been set aside: equal to no other. */
const noHash = new Uint8Array(0)
const noRefs = "/"

/** What a record asserts: ids of nodes, a slash, ids of links. */
const formatRefs = (nodes: readonly number[], links: readonly number[]): string =>
  `${nodes.join(",")}/${links.join(",")}`

export function parseRefs(refs: string): { readonly nodes: number[]; readonly links: number[] } {
  const [nodes = "", links = ""] = refs.split("/")
  return { nodes: idsOf(nodes), links: idsOf(links) }
}

const idsOf = (text: string): number[] => (text === "" ? [] : text.split(",").map(Number))

export function dedupeRowOf(row: RecordRow | undefined) {
  if (row === undefined) return undefined
  const [, epoch, count, ordinal, version, hash] = row
  return { run: { epoch, count }, ordinal, version: version ?? undefined, hash }
}
