/**
 * Writes what a transaction has decided: for each table at most one statement that deletes, one
 * that updates and one that inserts, in this order, so that a name that is free again may be taken.
 */
import type { Cell, Cells } from "../../graph/write/cells.ts"
import type { WorkingSet } from "../../graph/write/working-set.ts"
import type { Sql, Value } from "./connection.ts"
import { columnsOf } from "./fetch.ts"
import { indexedWords } from "./words.ts"

type Row = readonly Value[]

/** Name and type of a column. */
type Column = readonly [name: string, type: string]

interface Table<C extends Cell> {
  readonly name: string
  /** What finds a row; never updated. */
  readonly keys: readonly Column[]
  /** Set when the row is made and never again. */
  readonly fixed: readonly Column[]
  readonly changing: readonly Column[]
  readonly row: (cell: C) => readonly [keys: Row, fixed: Row, changing: Row]
}

export async function flush(sql: Sql, set: WorkingSet): Promise<void> {
  await flushFences(sql, set)
  await flushRecords(sql, set)
  await flushNodes(sql, set)
  await flushEdges(sql, set)
  await flushFeed(sql, set)
}

async function flushFences(sql: Sql, set: WorkingSet): Promise<void> {
  const meta = [...set.newMeta]
  await insert(sql, "meta", ["name text", "value text"], meta)
  const raised = [...set.raised].map((shard) => [shard, set.guards.get(shard) ?? 0])
  if (raised.length > 0) {
    await sql.rows(
      `UPDATE guard SET epoch = w.epoch FROM unnest($1::integer[], $2::bigint[]) w(shard, epoch)
       WHERE guard.shard = w.shard`,
      ...columnsOf(raised, 2),
    )
  }
  const moved = [...set.moved].map(([name, [tenant, partition]]) => {
    const { sequence, epoch } = set.cursors.get(name) ?? { sequence: 0, epoch: 0 }
    return [tenant, partition, sequence, epoch]
  })
  await insert(
    sql,
    "cursor",
    ["tenant integer", "partition integer", "sequence bigint", "epoch bigint"],
    moved,
    `ON CONFLICT (tenant, partition)
     DO UPDATE SET sequence = excluded.sequence, epoch = excluded.epoch`,
  )
  await insert(sql, "run", runColumns, addedUp(set.runs, 4), addRun)
  const tallies = [...set.tallies.values()].filter((row) => row[3] !== 0)
  await insert(
    sql,
    "tally",
    ["tenant integer", "what text", "of bigint", "count bigint"],
    tallies,
    "ON CONFLICT (tenant, what, of) DO UPDATE SET count = tally.count + excluded.count",
  )
}

const counts = [
  "read",
  "accepted",
  "duplicates",
  "stale",
  "replayed",
  "refused",
  "dead_lettered",
] as const

const runColumns = [
  ...["tenant integer", "source integer", "epoch bigint", "count bigint"],
  ...counts.map((name) => `${name} bigint`),
]

const addRun = `ON CONFLICT (tenant, source, epoch, count) DO UPDATE SET ${counts
  .map((name) => `${name} = run.${name} + excluded.${name}`)
  .join(", ")}`

/** One row for those whose first `keys` columns are equal, the other columns added up. */
function addedUp(rows: readonly (readonly number[])[], keys: number): readonly number[][] {
  const byKey = new Map<string, number[]>()
  for (const row of rows) {
    const name = row.slice(0, keys).join("/")
    const known = byKey.get(name)
    if (known === undefined) byKey.set(name, [...row])
    else for (let i = keys; i < row.length; i++) known[i] = (known[i] ?? 0) + (row[i] ?? 0)
  }
  return [...byKey.values()]
}

async function flushRecords(sql: Sql, set: WorkingSet): Promise<void> {
  await write(sql, set.sources, {
    name: "source",
    keys: [["id", "integer"]],
    fixed: [],
    changing: [["priority", "double precision"]],
    row: ({ id, priority }) => [[id], [], [priority]],
  })
  await write(sql, set.records, {
    name: "record",
    keys: [["id", "bigint"]],
    fixed: [
      ["tenant", "integer"],
      ["source", "integer"],
      ["key", "text"],
    ],
    changing: [
      ["run_epoch", "bigint"],
      ["run_count", "bigint"],
      ["ordinal", "bigint"],
      ["version", "bigint"],
      ["hash", "bytea"],
      ["refs", "text"],
    ],
    row: ({ id, tenant, source, key, runEpoch, runCount, ordinal, version, hash, refs }) => [
      [id],
      [tenant, source, key],
      [runEpoch, runCount, ordinal, version, hash, refs],
    ],
  })
  await insert(sql, "dead_letter", deadLetterColumns, set.deadLetters)
}

const deadLetterColumns = [
  ...["tenant integer", "source integer", "run_epoch bigint", "run_count bigint"],
  ...["ordinal bigint", "record_key text", "file text", '"offset" bigint', "length bigint"],
  ...["reason text", "detail text", "fingerprint text", "bytes bytea"],
]

async function flushNodes(sql: Sql, set: WorkingSet): Promise<void> {
  await write(sql, set.nodes, {
    name: "node",
    keys: [["id", "bigint"]],
    fixed: [
      ["tenant", "integer"],
      ["type", "integer"],
      ["key", "text"],
    ],
    changing: [
      ["asserted", "integer"],
      ["properties", "text"],
      ["aliases", "text"],
      ["revision", "bigint"],
    ],
    row: ({ id, tenant, type, key, asserted, properties, aliases, revision }) => [
      [id],
      [tenant, type, key],
      [asserted, properties, aliases, revision],
    ],
  })
  await write(sql, set.assertions, {
    name: "assertion",
    keys: [
      ["node", "bigint"],
      ["record", "bigint"],
    ],
    fixed: [["tenant", "integer"]],
    changing: [
      ["properties", "text"],
      ["aliases", "text"],
    ],
    row: ({ node, record, tenant, properties, aliases }) => [
      [node, record],
      [tenant],
      [properties, aliases],
    ],
  })
  await flushTexts(sql, set)
  await write(sql, set.aliases, {
    name: "alias",
    keys: [["id", "bigint"]],
    fixed: [
      ["tenant", "integer"],
      ["type", "integer"],
      ["scheme", "text"],
      ["value", "text"],
    ],
    changing: [
      ["node", "bigint"],
      ["claims", "integer"],
    ],
    row: ({ id, tenant, type, scheme, value, node, claims }) => [
      [id],
      [tenant, type, scheme, value],
      [node, claims],
    ],
  })
  await write(sql, set.claims, {
    name: "claim",
    keys: [
      ["alias", "bigint"],
      ["node", "bigint"],
    ],
    fixed: [["tenant", "integer"]],
    changing: [],
    row: ({ alias, node, tenant }) => [[alias, node], [tenant], []],
  })
}

async function flushTexts(sql: Sql, set: WorkingSet): Promise<void> {
  const texts = [...set.texts]
  const gone = texts.filter(([, { text }]) => text === undefined).map(([node]) => node)
  if (gone.length > 0) await sql.rows("DELETE FROM search WHERE node = ANY ($1::bigint[])", gone)
  const words = texts.flatMap(([node, { tenant, text }]) =>
    text === undefined ? [] : [[node, tenant, indexedWords(tenant, text)]],
  )
  if (words.length === 0) return
  await sql.rows(
    `INSERT INTO search (node, tenant, words)
     SELECT node, tenant, array_to_tsvector(string_to_array(words, ' '))
     FROM unnest($1::bigint[], $2::integer[], $3::text[]) w(node, tenant, words)
     ON CONFLICT (node) DO UPDATE SET words = excluded.words`,
    ...columnsOf(words, 3),
  )
}

async function flushEdges(sql: Sql, set: WorkingSet): Promise<void> {
  await write(sql, set.edges, {
    name: "edge",
    keys: [["id", "bigint"]],
    fixed: [
      ["tenant", "integer"],
      ["type", "integer"],
      ["from_node", "bigint"],
      ["to_node", "bigint"],
      ["discriminator", "text"],
    ],
    changing: [
      ["derived", "integer"],
      ["links", "integer"],
      ["properties", "text"],
    ],
    row: ({ id, tenant, type, from, to, discriminator, derived, links, properties }) => [
      [id],
      [tenant, type, from, to, discriminator],
      [derived, links, properties],
    ],
  })
  await write(sql, set.links, {
    name: "link",
    keys: [["id", "bigint"]],
    fixed: [
      ["tenant", "integer"],
      ["record", "bigint"],
      ["type", "integer"],
      ["from_node", "bigint"],
      ["from_alias", "bigint"],
      ["to_node", "bigint"],
      ["to_alias", "bigint"],
      ["discriminator", "text"],
      ["derived", "integer"],
    ],
    changing: [
      ["edge", "bigint"],
      ["properties", "text"],
    ],
    row: ({ id, tenant, record, type, edge, properties, ...ends }) => {
      const { fromNode, fromAlias, toNode, toAlias, discriminator, derived } = ends
      const fixed = [tenant, record, type, fromNode, fromAlias, toNode, toAlias]
      return [[id], [...fixed, discriminator, derived], [edge, properties]]
    },
  })
}

async function flushFeed(sql: Sql, set: WorkingSet): Promise<void> {
  await write(sql, set.feeds, {
    name: "feed",
    keys: [["tenant", "integer"]],
    fixed: [],
    changing: [
      ["revision", "bigint"],
      ["node", "bigint"],
      ["changes", "bigint"],
      ["sequences", "text"],
    ],
    row: ({ tenant, revision, node, changes, sequences }) => [
      [tenant],
      [],
      [revision, node, changes, sequences],
    ],
  })
  if (set.dropped.length > 0) {
    await sql.rows(
      `DELETE FROM change USING unnest($1::integer[], $2::bigint[]) w(tenant, last)
       WHERE change.tenant = w.tenant AND change.last = w.last`,
      ...columnsOf(set.dropped, 2),
    )
  }
  for (const [tenant, revision] of set.droppedGone) {
    await sql.rows("DELETE FROM gone WHERE tenant = $1 AND revision <= $2", tenant, revision)
  }
  const changeColumns = ["tenant integer", "last bigint", "first bigint", "revision bigint"]
  const texts = ["at bigint", "sequences text", "entries text"]
  await insert(sql, "change", [...changeColumns, ...texts], set.newChanges)
  const goneColumns = ["node bigint", "tenant integer", "revision bigint", "key text"]
  await insert(sql, "gone", goneColumns, set.newGone)
}

async function write<C extends Cell>(
  sql: Sql,
  cells: Cells<unknown, C>,
  table: Table<C>,
): Promise<void> {
  const { name, keys, fixed, changing, row } = table
  const found = keys.map(([key]) => `${name}.${key} = w.${key}`).join(" AND ")
  const gone = cells.gone.map((cell) => row(cell)[0])
  if (gone.length > 0) {
    const columns = columnsOf(gone, keys.length)
    await sql.rows(`DELETE FROM ${name} USING ${unnest(keys)} WHERE ${found}`, ...columns)
  }
  const changed = cells.in("changed").map((cell) => {
    const [key, , values] = row(cell)
    return [...key, ...values]
  })
  if (changed.length > 0) {
    const all = [...keys, ...changing]
    const sets = changing.map(([column]) => `${column} = w.${column}`).join(", ")
    const text = `UPDATE ${name} SET ${sets} FROM ${unnest(all)} WHERE ${found}`
    await sql.rows(text, ...columnsOf(changed, all.length))
  }
  const all = [...keys, ...fixed, ...changing].map(([column, type]) => `${column} ${type}`)
  await insert(
    sql,
    name,
    all,
    cells.in("new").map((cell) => row(cell).flat()),
  )
}

const unnest = (columns: readonly Column[]): string => {
  const parameters = columns.map(([, type], i) => `$${i + 1}::${type}[]`)
  return `unnest(${parameters.join(", ")}) w(${columns.map(([name]) => name).join(", ")})`
}

async function insert(
  sql: Sql,
  table: string,
  columns: readonly string[],
  rows: readonly Row[],
  onConflict = "",
): Promise<void> {
  if (rows.length === 0) return
  const named = columns.map((column): Column => {
    const [name = "", ...type] = column.split(" ")
    return [name, type.join(" ")]
  })
  const names = named.map(([name]) => name).join(", ")
  const text = `INSERT INTO ${table} (${names}) SELECT * FROM ${unnest(named)} ${onConflict}`
  await sql.rows(text, ...columnsOf(rows, columns.length))
}
