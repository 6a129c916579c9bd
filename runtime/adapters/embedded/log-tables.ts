/**
 * The tables of `log.db`, and the one place that changes them. Runs in the writer's thread; the
 * read-only view of a node that is not running uses the reading half.
 *
 * Promises: `apply` is one transaction, on stable storage when it returns (WAL, synchronous=FULL);
 * a block that breaks its chain is left out and said so, while the others are stored. What may fail
 * beneath: any statement (disk full, damaged file); the transaction is rolled back and the error
 * thrown.
 */
import { hash, randomUUID } from "node:crypto"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { fileLockMillisMax } from "../../../protocols/limits.ts"
import type { StoredLog } from "../../core/log-index.ts"
import type { OpenedLog, Operation, Result, StoredState, WriterOptions } from "./wire.ts"

const schema = `
create table if not exists log(id text not null) strict;
create table if not exists lanes(
  id integer primary key, tenant text not null, partition integer not null,
  last_sequence integer not null, unique(tenant, partition)) strict;
create table if not exists chains(
  id integer primary key, lane integer not null, sender text not null, epoch integer not null,
  start integer not null, sender_sequence integer not null, hash blob not null,
  receipts text not null, used integer not null) strict;
create index if not exists chains_used on chains(used);
create table if not exists blocks(
  id integer primary key, lane integer not null, sequence integer not null,
  chain integer not null, sender_sequence integer not null, previous_hash blob not null,
  hash blob not null, size_bytes integer not null, block blob not null,
  unique(lane, sequence)) strict;
create table if not exists readers(shard integer primary key, epoch integer not null) strict;
create table if not exists epochs(shard integer primary key, epoch integer not null) strict;
create table if not exists state(
  shard integer not null, key blob not null, value blob not null,
  primary key(shard, key)) strict, without rowid;
`
/** Blocks are large: with pages of 4 KiB one of 130 kB took 1.4 ms, with these 1.0 ms. */
export const logPageBytes = 16_384
/** Of SQLite's documented result codes; this one is also given for checks of our own. */
export const sqliteCorrupt = 11

/** Bytes are not what was stored. */
export class Damaged extends Error {
  readonly partition: string
  readonly sequence: number

  constructor(partition: string, sequence: number, message: string) {
    super(message)
    this.partition = partition
    this.sequence = sequence
  }
}

export interface LogTables {
  readonly opened: OpenedLog
  readonly apply: (operations: readonly Operation[]) => readonly Result[]
  readonly close: () => void
}

/** Opens or makes `log.db` for writing. */
export function openLogTables({ path, pagesMax }: WriterOptions): LogTables {
  const db = new DatabaseSync(path, { timeout: fileLockMillisMax })
  try {
    db.exec(`pragma page_size=${logPageBytes}; pragma journal_mode=wal; pragma synchronous=full`)
    db.exec("pragma trusted_schema=off")
    db.exec(`pragma max_page_count=${pagesMax}`)
    db.exec("begin immediate")
    db.exec(schema)
    if (db.prepare("select id from log").get() === undefined) {
      db.prepare("insert into log(id) values (?)").run(randomUUID())
    }
    db.exec("commit")
    const opened = readLog(db)
    const writer = prepareWriter(db)
    return {
      opened,
      apply: (operations) => applyAll(db, writer, operations),
      close: () => db.close(),
    }
  } catch (error) {
    db.close()
    throw error
  }
}

function applyAll(db: DatabaseSync, writer: Writer, operations: readonly Operation[]) {
  if (!operations.some(writes)) return operations.map(writer)
  db.exec("begin immediate")
  try {
    const results = operations.map(writer)
    db.exec("commit")
    return results
  } catch (error) {
    if (db.isTransaction) db.exec("rollback")
    throw error
  }
}

const writes = ({ kind }: Operation): boolean =>
  kind !== "load" && kind !== "get" && kind !== "list"

type Writer = (operation: Operation) => Result
type AppendOperation = Extract<Operation, { kind: "append" }>
type RepeatOperation = Extract<Operation, { kind: "repeat" }>

const done: Result = { kind: "done" }

function prepareWriter(db: DatabaseSync): Writer {
  const append = prepareAppend(db)
  const repeat = prepareRepeat(db)
  const load = prepareLoad(db)
  const state = prepareState(db)
  const remove = db.prepare("delete from blocks where lane = ? and sequence = ?")
  const epochOf = (table: "readers" | "epochs") =>
    db.prepare(
      `insert into ${table}(shard, epoch) values (?, ?)
       on conflict(shard) do update set epoch = excluded.epoch`,
    )
  const [reader, claim] = [epochOf("readers"), epochOf("epochs")]
  return (operation) => {
    switch (operation.kind) {
      case "append":
        return append(operation)
      case "repeat":
        return repeat(operation)
      case "remove":
        for (const sequence of operation.sequences) remove.run(operation.lane, sequence)
        return done
      case "reader":
        reader.run(operation.owner.shard, operation.owner.epoch)
        return done
      case "claim":
        for (const { shard, epoch } of operation.owners) claim.run(shard, epoch)
        return done
      case "load":
        return load(operation.lane, operation.sequence)
      default:
        return state(operation)
    }
  }
}

function prepareAppend(db: DatabaseSync): (operation: AppendOperation) => Result {
  const lane = db.prepare(
    `insert into lanes(id, tenant, partition, last_sequence) values (?, ?, ?, ?)
     on conflict(id) do update set last_sequence = excluded.last_sequence`,
  )
  const before = db.prepare("select sender_sequence, hash from chains where id = ?")
  const chain = db.prepare(
    `insert into chains(id, lane, sender, epoch, start, sender_sequence, hash, receipts, used)
     values (?, ?, ?, ?, ?, ?, ?, ?, (select coalesce(max(used), 0) + 1 from chains))
     on conflict(id) do update set sender_sequence = excluded.sender_sequence,
       hash = excluded.hash, receipts = excluded.receipts, used = excluded.used`,
  )
  const forget = db.prepare("delete from chains where id = ?")
  const block = db.prepare(
    `insert into blocks(
       lane, sequence, chain, sender_sequence, previous_hash, hash, size_bytes, block)
     values (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  return (operation) => {
    const { sequence, senderSequence, previousHash } = operation
    const known = before.get(operation.chain.id)
    const expected = known === undefined ? new Uint8Array(32) : bytesOf(known.hash)
    const last = known === undefined ? 0 : Number(known.sender_sequence)
    for (const id of operation.forgotten) forget.run(id)
    if (senderSequence !== last + 1 || !sameBytes(expected, previousHash)) {
      return {
        kind: "damaged",
        message: `Block ${senderSequence} of ${operation.chain.sender} does not follow its chain.`,
      }
    }
    const { id, tenant, partition } = operation.lane
    const { sender, epoch, start, receipts } = operation.chain
    const own = hash("sha256", operation.block, "buffer")
    lane.run(id, tenant, partition, sequence)
    chain.run(
      operation.chain.id,
      id,
      sender,
      epoch,
      start,
      senderSequence,
      own,
      JSON.stringify(receipts),
    )
    const size = operation.block.byteLength
    block.run(
      id,
      sequence,
      operation.chain.id,
      senderSequence,
      previousHash,
      own,
      size,
      operation.block,
    )
    return done
  }
}

/** A repeat must be the same bytes; what is known of the older ones is only that they came. */
function prepareRepeat(db: DatabaseSync): (operation: RepeatOperation) => Result {
  const stored = db.prepare("select hash from blocks where lane = ? and sequence = ?")
  const last = db.prepare("select sender_sequence, hash from chains where id = ?")
  return ({ lane, sequence, chain, senderSequence, block }) => {
    const row = last.get(chain)
    const newest = row === undefined ? 0 : Number(row.sender_sequence)
    const isNewest = senderSequence === newest
    const known = stored.get(lane, sequence)?.hash ?? (isNewest ? row?.hash : undefined)
    const unchanged =
      known === undefined || sameBytes(bytesOf(known), hash("sha256", block, "buffer"))
    if (senderSequence <= newest && unchanged) return done
    return {
      kind: "damaged",
      message: `Block ${senderSequence} came before under the same id with other bytes.`,
    }
  }
}

function prepareLoad(db: DatabaseSync): (lane: number, sequence: number) => Result {
  const statement = db.prepare("select hash, block from blocks where lane = ? and sequence = ?")
  return (lane, sequence) => {
    const row = statement.get(lane, sequence)
    if (row === undefined) return { kind: "damaged", message: `Block ${sequence} is gone.` }
    const block = bytesOf(row.block)
    return sameBytes(bytesOf(row.hash), hash("sha256", block, "buffer"))
      ? { kind: "block", block }
      : { kind: "damaged", message: `Block ${sequence} is not what was stored.` }
  }
}

type StateOperation = Extract<Operation, { kind: "write" | "get" | "list" }>

function prepareState(db: DatabaseSync): (operation: StateOperation) => Result {
  const put = db.prepare(
    `insert into state(shard, key, value) values (?, ?, ?)
     on conflict(shard, key) do update set value = excluded.value`,
  )
  const drop = db.prepare("delete from state where shard = ? and key = ?")
  const reads = prepareStateReads(db)
  return (operation) => {
    if (operation.kind === "get") {
      const value = reads.get(operation.shard, operation.key)
      return { kind: "entries", entries: [{ key: operation.key, value }] }
    }
    if (operation.kind === "list") {
      const { shard, from, end, limit } = operation
      return { kind: "entries", entries: reads.list(shard, from, end, limit) }
    }
    for (const { key, value } of operation.entries) {
      if (value === undefined) drop.run(operation.shard, key)
      else put.run(operation.shard, key, value)
    }
    return done
  }
}

export interface StateReads {
  readonly get: (shard: number, key: Uint8Array) => Uint8Array | undefined
  readonly list: (
    shard: number,
    from: Uint8Array,
    end: Uint8Array,
    limit: number,
  ) => readonly StoredState[]
}

export function prepareStateReads(db: DatabaseSync): StateReads {
  const get = db.prepare("select value from state where shard = ? and key = ?")
  const list = db.prepare(
    "select key, value from state where shard = ? and key >= ? and key < ? order by key limit ?",
  )
  return {
    get: (shard, key) => {
      const row = get.get(shard, key)
      return row === undefined ? undefined : bytesOf(row.value)
    },
    list: (shard, from, end, limit) =>
      list
        .all(shard, from, end, limit)
        .map((row) => ({ key: bytesOf(row.key), value: bytesOf(row.value) })),
  }
}

/** Everything that an index needs, checked: places within bounds, chains without a gap. */
export function readLog(db: DatabaseSync): OpenedLog {
  const row = db.prepare("select id from log").get()
  if (row === undefined) throw new Damaged("log.db", 0, "The log has no id.")
  checkChains(db.prepare(checkStatement))
  const owners = (table: "readers" | "epochs") =>
    db
      .prepare(`select shard, epoch from ${table}`)
      .all()
      .map((r) => ({ shard: Number(r.shard), epoch: Number(r.epoch) }))
  return {
    id: String(row.id),
    stored: { ...readPlaces(db), readers: owners("readers") },
    epochs: owners("epochs"),
  }
}

function readPlaces(db: DatabaseSync): Omit<StoredLog, "readers"> {
  return {
    lanes: db
      .prepare("select id, tenant, partition, last_sequence from lanes order by id")
      .all()
      .map((r) => ({
        id: Number(r.id),
        tenant: String(r.tenant),
        partition: Number(r.partition),
        lastSequence: Number(r.last_sequence),
      })),
    chains: db
      .prepare(
        `select id, lane, sender, epoch, start, sender_sequence, receipts
         from chains order by used`,
      )
      .all()
      .map((r) => ({
        id: Number(r.id),
        lane: Number(r.lane),
        sender: String(r.sender),
        epoch: Number(r.epoch),
        start: Number(r.start),
        senderSequence: Number(r.sender_sequence),
        receipts: JSON.parse(String(r.receipts)) as readonly number[],
      })),
    blocks: db
      .prepare("select lane, sequence, size_bytes from blocks order by lane, sequence")
      .all()
      .map((r) => ({
        lane: Number(r.lane),
        sequence: Number(r.sequence),
        sizeBytes: Number(r.size_bytes),
      })),
  }
}

/** Blocks that do not follow their neighbour of the same chain, or stand above what was counted. */
const checkStatement = `
select lanes.tenant || '/' || lanes.partition as partition, b.sequence
from blocks b
left join lanes on lanes.id = b.lane
left join chains c on c.id = b.chain
left join blocks p on p.chain = b.chain and p.lane = b.lane
  and p.sender_sequence = b.sender_sequence - 1
where lanes.id is null or b.sequence > lanes.last_sequence
  or b.size_bytes <> length(b.block)
  or (c.id is not null and b.sender_sequence > c.sender_sequence)
  or (c.id is not null and b.sender_sequence = c.sender_sequence and b.hash <> c.hash)
  or (p.id is not null and (p.hash <> b.previous_hash or p.sequence >= b.sequence))
limit 1`

function checkChains(statement: StatementSync): void {
  const broken = statement.get()
  if (broken === undefined) return
  const [partition, sequence] = [String(broken.partition), Number(broken.sequence)]
  throw new Damaged(
    partition,
    sequence,
    `Block ${sequence} of ${partition} does not follow its chain.`,
  )
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new Damaged("log.db", 0, "The log holds a value of another type.")
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
