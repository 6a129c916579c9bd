/** A working set as the rows that the shared writer decides by. */
import { invariant } from "../../../protocols/errors.ts"
import { change } from "./cells.ts"
import type { Rows } from "./rows.ts"
import { aliasRows, assertionRows, edgeRows, linkRows, nodeRows } from "./working-graph-rows.ts"
import { nameOfKey, type RecordCell, recordRowOf, type WorkingSet } from "./working-set.ts"

export const rowsOf = (set: WorkingSet): Rows => ({
  ...fenceRows(set),
  ...nameRows(set),
  ...recordRows(set),
  ...nodeRows(set),
  ...assertionRows(set),
  ...aliasRows(set),
  ...edgeRows(set),
  ...linkRows(set),
  ...feedRows(set),
})

type Part<K extends keyof Rows> = Pick<Rows, K>

const fenceRows = (
  set: WorkingSet,
): Part<
  | "metaOf"
  | "insertMeta"
  | "guardOf"
  | "raiseGuard"
  | "moveCursor"
  | "countRun"
  | "addTally"
  | "tallyOf"
> => ({
  metaOf: { get: (name) => maybe(set.meta.get(name)) },
  insertMeta: (name, value) => {
    set.meta.set(name, value)
    set.newMeta.set(name, value)
  },
  guardOf: { get: (shard) => maybe(set.guards.get(shard)) },
  raiseGuard: (shard, epoch) => {
    if ((set.guards.get(shard) ?? 0) > epoch) return 0
    if (set.guards.get(shard) !== epoch) set.raised.add(shard)
    set.guards.set(shard, epoch)
    return 1
  },
  moveCursor: (tenant, partition, sequence, epoch) => {
    const name = `${tenant}/${partition}`
    if ((set.cursors.get(name)?.sequence ?? -1) >= sequence) return 0
    set.cursors.set(name, { sequence, epoch })
    set.moved.set(name, [tenant, partition])
    return 1
  },
  countRun: (...columns) => void set.runs.push(columns),
  addTally: (tenant, what, of, count) => {
    const name = `${tenant}/${what}/${of}`
    const known = set.tallies.get(name)
    if (known === undefined) set.tallies.set(name, [tenant, what, of, count])
    else known[3] += count
  },
  tallyOf: { get: (tenant, what, of) => maybe(set.knownTallies.get(`${tenant}/${what}/${of}`)) },
})

const nameRows = (
  set: WorkingSet,
): Part<
  | "tenantByName"
  | "insertTenant"
  | "sourceByName"
  | "insertSource"
  | "setPriority"
  | "typeByName"
  | "insertType"
> => ({
  tenantByName: { get: (name) => maybe(set.tenants.get(name)) },
  insertTenant: { get: notMade },
  sourceByName: {
    get: (tenant, name) => {
      const id = set.sourcesByName.get(nameOfKey(tenant, name))
      const cell = id === undefined ? undefined : set.sources.get(id)
      return cell && [cell.id, cell.priority]
    },
  },
  insertSource: { get: notMade },
  setPriority: (priority, _tenant, id) => {
    const cell = set.sources.get(id)
    invariant(cell !== undefined, "A source that is configured was fetched.")
    cell.priority = priority
    change(cell)
  },
  typeByName: { get: (tenant, name) => maybe(set.types.get(nameOfKey(tenant, name))) },
  insertType: { get: notMade },
})

/** Names get their numbers before anything is decided. */
function notMade(): undefined {
  invariant(false, "The names of a transaction are there before it decides.")
}

const recordRows = (
  set: WorkingSet,
): Part<
  "recordByKey" | "lastRecord" | "insertRecord" | "updateRecord" | "moveRecord" | "insertDeadLetter"
> => ({
  recordByKey: {
    get: (_tenant, source, key) => {
      const cell = set.recordOf(source, key)
      return cell && recordRowOf(cell)
    },
  },
  lastRecord: { get: () => [set.numbers.record] },
  insertRecord: (id, tenant, source, key, ...state) => {
    const [runEpoch, runCount, ordinal, version, hash, refs] = state
    const run = { runEpoch, runCount, ordinal }
    const cell: RecordCell = { id, tenant, source, key, ...run, version, hash, refs, state: "new" }
    set.records.add(id, cell)
    set.recordsByKey.set(source, key, id)
    set.sayers.set(id, cell)
    set.numbers.record = id
  },
  updateRecord: (runEpoch, runCount, ordinal, version, hash, refs, id) => {
    const cell = recordOf(set, id)
    Object.assign(cell, { runEpoch, runCount, ordinal, version, hash, refs })
    change(cell)
  },
  moveRecord: (runEpoch, runCount, ordinal, id) => {
    const cell = recordOf(set, id)
    Object.assign(cell, { runEpoch, runCount, ordinal })
    change(cell)
  },
  insertDeadLetter: (...columns) => {
    const [, source, runEpoch, runCount, ordinal] = columns
    const name = `${source}/${runEpoch}/${runCount}/${ordinal}`
    if (set.deadLettersKnown.has(name)) return 0
    set.deadLettersKnown.add(name)
    set.deadLetters.push(columns)
    return 1
  },
})

function recordOf(set: WorkingSet, id: number): RecordCell {
  const cell = set.records.get(id)
  invariant(cell !== undefined, "A record that is written again was fetched.")
  return cell
}

const feedRows = (
  set: WorkingSet,
): Part<
  | "feedOf"
  | "moveFeed"
  | "insertChanges"
  | "oldestChanges"
  | "deleteChanges"
  | "keyOf"
  | "keepGone"
  | "deleteGone"
> => ({
  feedOf: {
    get: (tenant) => {
      const cell = set.feeds.get(tenant)
      return cell && [cell.revision, cell.node, cell.changes, cell.sequences]
    },
  },
  moveFeed: (tenant, revision, node, changes, sequences) => {
    const state = set.feeds.get(tenant) === undefined ? "new" : "changed"
    set.feeds.add(tenant, { tenant, revision, node, changes, sequences, state })
  },
  insertChanges: (...columns) => void set.newChanges.push(columns),
  oldestChanges: { get: (tenant) => set.oldChanges.get(tenant)?.[0] },
  deleteChanges: (tenant, last) => {
    set.oldChanges.get(tenant)?.shift()
    set.dropped.push([tenant, last])
  },
  keyOf: { get: (id) => maybe(set.nodes.get(id)?.key) },
  keepGone: (...columns) => void set.newGone.push(columns),
  deleteGone: (tenant, revision) => void set.droppedGone.set(tenant, revision),
})

const maybe = <A>(value: A | undefined): [A] | undefined =>
  value === undefined ? undefined : [value]
