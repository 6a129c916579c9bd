/**
 * Writes what a transaction has decided. First goes what is gone, so that a name that is free again
 * may be taken; then nodes; then what joins them, in the order of the nodes that they begin at.
 * Labels and types are parameters: planning a statement for each costs a server that has just begun
 * far more than the rows do.
 *
 * Nobody else writes for these tenants meanwhile, so no statement waits for another writer.
 */
import { neo4jRowsPerStatement } from "../../../protocols/limits.ts"
import type { Cell, Cells } from "../../graph/write/cells.ts"
import type { EdgeCell, NodeCell, RecordCell, WorkingSet } from "../../graph/write/working-set.ts"
import type { Outgoing } from "./connection.ts"
import { flushFeed, flushFences } from "./flush-fences.ts"
import {
  byOf,
  flushPoints,
  nameOfRecord,
  type RecordsToWrite,
  recordsToWrite,
} from "./flush-said.ts"
import { tokenOf } from "./names.ts"
import type { Value } from "./packed-rows.ts"
import type { Shelf } from "./said.ts"
import { indexedWords } from "./words.ts"

/** Names of types by their numbers. */
export type TypeNames = (type: number) => string | undefined

interface Flushing {
  readonly store: string
  readonly sender: string
  /** Of the tenants' turn. */
  readonly mark: string
  readonly types: TypeNames
  readonly shelf: Shelf
}

/** Each for itself, so that whoever has other things to do can do them in between. */
export function* flushSteps(
  cypher: Outgoing,
  set: WorkingSet,
  { store, sender, mark, types, shelf }: Flushing,
): Generator<() => void, void> {
  const records = recordsToWrite(set, shelf)
  yield () => flushFences(cypher, set, store)
  yield () => flushGone(cypher, set)
  let paired: ReadonlySet<RecordCell> = new Set()
  yield () => {
    paired = flushPairs(cypher, set, { types, records })
  }
  yield () => flushEntities(cypher, set, types)
  yield () => flushBooks(cypher, set, records, paired)
  yield () => flushJoins(cypher, set)
  yield () => flushPoints(cypher, set, shelf, records)
  yield () => flushEdges(cypher, set, types)
  yield () => flushFeed(cypher, set, { sender, mark })
}

const rowsOf = <C extends Cell>(cells: readonly C[], row: (cell: C) => Value): Value[] =>
  cells.map(row)

function flushGone(cypher: Outgoing, set: WorkingSet): void {
  cypher.send(
    `${assertionOf} DELETE a`,
    rowsOf(set.assertions.gone, ({ node, record }) => [node, ...nameOfRecord(set, record)]),
  )
  cypher.send(
    `MATCH (a:_Alias {id: r[0]}) USING INDEX SEEK a:_Alias(id)
     MATCH (n:_Entity {id: r[1]}) USING INDEX SEEK n:_Entity(id)
     WITH a, n MATCH (a)-[c:_CLAIMED_BY]->(n) DELETE c`,
    rowsOf(set.claims.gone, ({ alias, node }) => [alias, node]),
  )
  cypher.send(`${edgeOf} DELETE e`, rowsOf(set.edges.gone, edgeKey))
  for (const [label, cells] of [
    ["_Alias", set.aliases],
    ["_Entity", set.nodes],
  ] as const) {
    const ids = (cells as Cells<number, Cell & { readonly id: number }>).gone.map(({ id }) => id)
    cypher.send(`MATCH (n:${label} {id: r}) DETACH DELETE n`, ids)
  }
}

/**
 * New entities together with the new records that are the only ones to describe them, which is how
 * nearly all come: nothing has to be looked up to join the two.
 */
function flushPairs(
  cypher: Outgoing,
  set: WorkingSet,
  { types, records }: { readonly types: TypeNames; readonly records: RecordsToWrite },
): ReadonlySet<RecordCell> {
  const pairs = set.assertions.in("new").flatMap((assertion): readonly Pair[] => {
    const node = set.nodes.get(assertion.node)
    const record = set.records.get(assertion.record)
    if (node?.state !== "new" || node.asserted !== 1 || record?.state !== "new") return []
    return [{ assertion, node, record }]
  })
  const paired = new Map<RecordCell, Pair>()
  for (const pair of pairs) if (!paired.has(pair.record)) paired.set(pair.record, pair)
  cypher.send(
    `CREATE (:_Record {${recordNames(0)}})-[:_SAYS]->(:_Entity:$(r[13]) {${entityNames(4)}})`,
    [...paired.values()].map(({ node, record }) => [
      ...recordColumns(record, records),
      ...entityColumns(set, node),
      tokenOf(node.type, types(node.type)),
    ]),
  )
  for (const { assertion, node } of paired.values()) assertion.state = node.state = "kept"
  return new Set(paired.keys())
}

interface Pair {
  readonly assertion: AssertionCell
  readonly node: NodeCell
  readonly record: RecordCell
}

const namesFrom = (names: readonly string[], at: number): string =>
  names.map((name, i) => `${name}: r[${at + i}]`).join(", ")

const entityNames = (at: number): string => namesFrom(entityProperties, at)
const entityProperties = [
  ...["id", "tenant", "type", "key", "asserted", "properties", "aliases", "revision", "words"],
]

function entityColumns(set: WorkingSet, cell: NodeCell): readonly Value[] {
  const { id, tenant, type, key, asserted, properties, aliases, revision } = cell
  return [id, tenant, type, key, asserted, properties, aliases, revision, wordsOf(set, cell)]
}

function wordsOf(set: WorkingSet, { id, tenant, type }: NodeCell): string | null {
  const text = set.texts.get(id)?.text
  return text === undefined ? null : indexedWords(tenant, type, text)
}

function flushEntities(cypher: Outgoing, set: WorkingSet, types: TypeNames): void {
  cypher.send(
    `CREATE (:_Entity:$(r[9]) {${entityNames(0)}})`,
    set.nodes.in("new").map((cell) => {
      const token = tokenOf(cell.type, types(cell.type))
      return [...entityColumns(set, cell), cell.asserted > 0 ? [token] : [token, "_Stub"]]
    }),
  )
  const changed = set.nodes.in("changed")
  const columnsOf = ({ id, asserted, properties, aliases, revision }: NodeCell) =>
    [id, asserted, properties, aliases, revision] as const
  cypher.send(
    `${setEntity} ${markStub}`,
    rowsOf(
      changed.filter(({ id }) => !set.texts.has(id)),
      columnsOf,
    ),
  )
  cypher.send(
    `${setEntity}, n.words = r[5] ${markStub}`,
    rowsOf(
      changed.filter(({ id }) => set.texts.has(id)),
      (cell) => [...columnsOf(cell), wordsOf(set, cell)],
    ),
  )
}

const setEntity = `
  MATCH (n:_Entity {id: r[0]})
  SET n.asserted = r[1], n.properties = r[2], n.aliases = r[3], n.revision = r[4]`

/** A label of its own for the few that nobody describes, since there are no partial indexes. */
const markStub = `
  FOREACH (_ IN CASE WHEN n.asserted = 0 THEN [1] ELSE [] END | SET n:_Stub)
  FOREACH (_ IN CASE WHEN n.asserted > 0 THEN [1] ELSE [] END | REMOVE n:_Stub)`

/** What is not shown: records, aliases, links, and what is set aside. */
function flushBooks(
  cypher: Outgoing,
  set: WorkingSet,
  records: RecordsToWrite,
  paired: ReadonlySet<RecordCell>,
): void {
  cypher.send(
    "MATCH (n:_Source {id: r[0]}) SET n.priority = r[1]",
    rowsOf(set.sources.in("changed"), ({ id, priority }) => [id, priority]),
  )
  const cells = [...records.keys()].filter((cell) => !paired.has(cell))
  const fresh = cells.filter(({ state }) => state === "new")
  for (const [source, own] of Map.groupBy(fresh, (cell) => cell.source)) {
    cypher.send(
      "CREATE (:_Record {source: $source, key: r[0], said: r[1], tenant: $tenant})",
      own.map((cell) => [cell.key, records.get(cell) ?? ""]),
      { source, tenant: own[0]?.tenant ?? -1 },
    )
  }
  cypher.send(
    "MATCH (n:_Record {source: r[0], key: r[1]}) SET n.said = r[2]",
    rowsOf(
      cells.filter((cell) => cell.state !== "new"),
      (cell) => recordColumns(cell, records),
    ),
  )
  cypher.send(
    `CREATE (:_Alias {${aliasNames}})`,
    set.aliases
      .in("new")
      .map(({ id, tenant, type, scheme, value, node, claims }) => [
        id,
        tenant,
        type,
        scheme,
        value,
        node,
        claims,
      ]),
  )
  cypher.send(
    "MATCH (n:_Alias {id: r[0]}) SET n.node = r[1], n.claims = r[2]",
    rowsOf(set.aliases.in("changed"), ({ id, node, claims }) => [id, node, claims]),
  )
}

const aliasNames = namesFrom(["id", "tenant", "type", "scheme", "value", "node", "claims"], 0)
const recordNames = (at: number): string => namesFrom(["source", "key", "said", "tenant"], at)

const recordColumns = (cell: RecordCell, records: RecordsToWrite): readonly Value[] => [
  cell.source,
  cell.key,
  records.get(cell) ?? "",
  cell.tenant,
]

function flushJoins(cypher: Outgoing, set: WorkingSet): void {
  const said = ({ node, record, properties, aliases }: AssertionCell): Value => [
    node,
    ...nameOfRecord(set, record),
    properties,
    aliases,
  ]
  cypher.send(
    `MATCH (n:_Entity {id: r[0]}) MATCH (d:_Record {source: r[1], key: r[2]})
     CREATE (d)-[:_SAYS {properties: r[3], aliases: r[4]}]->(n)`,
    rowsOf(set.assertions.in("new"), said),
  )
  cypher.send(
    `${assertionOf} SET a.properties = r[3], a.aliases = r[4]`,
    rowsOf(set.assertions.in("changed"), said),
  )
  cypher.send(
    `MATCH (a:_Alias {id: r[0]}) MATCH (n:_Entity {id: r[1]})
     CREATE (a)-[:_CLAIMED_BY]->(n)`,
    set.claims.in("new").map(({ alias, node }) => [alias, node]),
  )
}

type AssertionCell = Parameters<WorkingSet["putAssertion"]>[0]

function flushEdges(cypher: Outgoing, set: WorkingSet, types: TypeNames): void {
  cypher.send(
    `${edgeOf} SET e.derived = r[3], e.links = r[4], e.properties = r[5], e.by = r[6]`,
    rowsOf(set.edges.in("changed"), (cell) => [...edgeKey(cell), ...edgeState(set, cell)]),
  )
  const cells = [...set.edges.in("new")]
  cells.sort((a, b) => a.from - b.from || a.type - b.type || a.to - b.to)
  for (let at = 0; at < cells.length; at += neo4jRowsPerStatement) {
    const rows: [from: number, type: number, token: string, own: Value[]][] = []
    for (const cell of cells.slice(at, at + neo4jRowsPerStatement)) {
      const { from, type } = cell
      const last = rows.at(-1)
      if (last?.[0] === from && last[1] === type) last[3].push(newEdge(set, cell))
      else rows.push([from, type, tokenOf(type, types(type)), [newEdge(set, cell)]])
    }
    // What is beyond the end of a list is null, and not written.
    cypher.send(
      `MATCH (a:_Entity {id: r[0]}) UNWIND r[3] AS o
       MATCH (b:_Entity {id: o[0]})
       CREATE (a)-[:$(r[2]) {id: o[1], type: r[1], properties: o[2],
         by: o[3], discriminator: o[4], derived: o[5], links: o[6]}]->(b)`,
      rows,
    )
  }
}

function newEdge(set: WorkingSet, cell: EdgeCell): readonly Value[] {
  const { id, to, discriminator, derived, links, properties } = cell
  const by = byOf(set, cell)
  const isUsual = discriminator === "" && derived === 0 && links === 1
  if (isUsual) return [to, id, properties, by]
  return [to, id, properties, by, discriminator || null, statedDerived(cell), statedLinks(cell)]
}

/** What nearly all have in common (asserted, by one link, without discriminator) is not written. */
const edgeState = (set: WorkingSet, cell: EdgeCell): readonly Value[] => [
  statedDerived(cell),
  statedLinks(cell),
  cell.properties,
  byOf(set, cell),
]

const statedDerived = ({ derived }: EdgeCell) => derived || null
const statedLinks = ({ links }: EdgeCell) => (links === 1 ? null : links)

// Both ends are found first: the way from one of them to all others may be long.
const assertionOf = `
  MATCH (n:_Entity {id: r[0]}) USING INDEX SEEK n:_Entity(id)
  MATCH (d:_Record {source: r[1], key: r[2]}) USING INDEX SEEK d:_Record(source, key)
  WITH r, d, n MATCH (d)-[a:_SAYS]->(n)`

const edgeOf = `
  MATCH (a:_Entity {id: r[1]}) USING INDEX SEEK a:_Entity(id)
  MATCH (b:_Entity {id: r[2]}) USING INDEX SEEK b:_Entity(id)
  WITH r, a, b MATCH (a)-[e]->(b) WHERE e.id = r[0]`

const edgeKey = ({ id, from, to }: EdgeCell): readonly Value[] => [id, from, to]
