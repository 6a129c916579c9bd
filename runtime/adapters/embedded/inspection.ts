/** `log.db` as it lies, read beside its writer or without one. */
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LogDamaged } from "../../../protocols/errors.ts"
import { fileLockMillisMax, inspectedBlocksMax } from "../../../protocols/limits.ts"
import type { LogBroken, Tail } from "../../core/log.ts"
import type {
  BlockPage,
  BlockQuery,
  ChainName,
  KnownChain,
  LogInspectionShape,
  LogPlace,
  StoredBlock,
} from "../../core/log-inspection.ts"
import type { DataDirectory } from "./data-directory.ts"
import { logBrokenOf, wireErrorOf } from "./sqlite-errors.ts"

/** Makes nothing, and checks nothing beforehand: what is damaged is shown as well. */
export const openEmbeddedInspection = ({
  files,
}: Pick<DataDirectory, "files">): Effect.Effect<LogInspectionShape, LogBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const file = files.log
    if (!existsSync(file)) return yield* Effect.fail(gone(`There is no log at ${file}.`))
    const tried = <A>(work: () => A): Effect.Effect<A, LogBroken> =>
      Effect.try({ try: work, catch: (error) => logBrokenOf(file, wireErrorOf(error)) })
    const db = yield* Effect.acquireRelease(
      tried(() => new DatabaseSync(file, { readOnly: true, timeout: fileLockMillisMax })),
      (opened) => Effect.sync(() => opened.close()),
    )
    const reads = yield* tried(() => readsOf(db))
    const id = yield* tried(reads.id)
    if (id === undefined) return yield* Effect.fail(gone(`The log at ${file} has no id.`))
    return {
      id,
      tails: tried(reads.tails),
      blocks: (query, after) => tried(() => reads.blocks(query, after)),
      chain: (of) => tried(() => reads.chain(of)),
    }
  })

function readsOf(db: DatabaseSync) {
  const id = db.prepare("select id from log")
  const lanes = db.prepare(
    `select l.id, l.tenant, l.partition, l.last_sequence, count(b.id) as pending
     from lanes l left join blocks b on b.lane = l.id
     where (?1 is null or l.tenant = ?1) and (?2 is null or l.partition = ?2)
     group by l.id order by l.tenant, l.partition`,
  )
  const blocks = db.prepare(
    `select sequence, hash, block from blocks where lane = ? and sequence > ?
     order by sequence limit ?`,
  )
  const chain = db.prepare(
    `select c.sender_sequence, c.hash from chains c join lanes l on l.id = c.lane
     where l.tenant = ? and l.partition = ? and c.sender = ? and c.epoch = ? and c.start = ?`,
  )
  const partitionsOf = ({ tenant, partition }: BlockQuery) =>
    lanes.all(tenant ?? null, partition ?? null).map((row) => ({
      id: Number(row.id),
      tenant: String(row.tenant),
      partition: Number(row.partition),
      lastSequence: Number(row.last_sequence),
      pending: Number(row.pending),
    }))
  return {
    id: (): string | undefined => {
      const row = id.get()
      return row === undefined ? undefined : String(row.id)
    },
    tails: (): readonly Tail[] => partitionsOf({}).map(({ id: _, ...tail }) => tail),
    blocks: (query: BlockQuery, after: LogPlace): BlockPage => {
      const place = new Map(after)
      const found: StoredBlock[] = []
      for (const { id: lane, tenant, partition } of partitionsOf(query)) {
        const key = `${tenant}/${partition}`
        const left = inspectedBlocksMax - found.length
        if (left === 0) break
        for (const row of blocks.all(lane, place.get(key) ?? 0, left)) {
          const sequence = Number(row.sequence)
          place.set(key, sequence)
          found.push({
            tenant,
            partition,
            sequence,
            block: bytesOf(row.block),
            hash: bytesOf(row.hash),
          })
        }
      }
      return { blocks: found, place }
    },
    chain: ({ tenant, partition, sender, incarnation }: ChainName): KnownChain | undefined => {
      const row = chain.get(tenant, partition, sender, incarnation.epoch, incarnation.start)
      if (row === undefined) return undefined
      const senderSequence = Number(row.sender_sequence)
      return { newest: senderSequence, links: [{ senderSequence, hash: bytesOf(row.hash) }] }
    },
  }
}

/** Of a value of another type nothing: whoever looks at it finds no block. */
const bytesOf = (value: unknown): Uint8Array =>
  value instanceof Uint8Array ? value : new Uint8Array()

const gone = (message: string): LogDamaged =>
  new LogDamaged({ partition: "", sequence: 0, message })
