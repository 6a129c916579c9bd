/**
 * Writes what a transaction has decided. First goes what is gone, so that a name that is free again
 * may be taken; then nodes, in batches by label; then what joins them, in batches by type, in the
 * order of the nodes that they begin at.
 *
 * Nobody else writes for these tenants meanwhile, so no statement waits for another writer.
 */
import type { Cell, Cells } from "../../graph/write/cells.ts"
import type { EdgeCell, LinkCell, NodeCell, WorkingSet } from "../../graph/write/working-set.ts"
import type { Cypher, Value } from "./connection.ts"
import { flushFeed, flushFences } from "./flush-fences.ts"
import { tokenOf } from "./names.ts"
import { indexedWords } from "./words.ts"

/** Names of types by their numbers. */
export type TypeNames = ReadonlyMap<number, string>

interface Flushing {
  readonly store: string
  readonly sender: string
  readonly types: TypeNames
}

export async function flush(
  cypher: Cypher,
  set: WorkingSet,
  { store, sender, types }: Flushing,
): Promise<void> {
  await flushFences(cypher, set, store)
  await flushGone(cypher, set, types)
  await flushPairs(cypher, set, types)
  await flushEntities(cypher, set, types)
  await flushBooks(cypher, set)
  await flushJoins(cypher, set)
  await flushEdges(cypher, set, types)
  await flushFeed(cypher, set, sender)
}

const rowsOf = <C extends Cell>(cells: readonly C[], row: (cell: C) => Value): Value[] =>
  cells.map(row)

async function flushGone(cypher: Cypher, set: WorkingSet, types: TypeNames): Promise<void> {
  await cypher.each(
    `${assertionOf} DELETE a`,
    rowsOf(set.assertions.gone, ({ node, record }) => [node, record]),
  )
  await cypher.each(
    `MATCH (a:_Alias {id: r[0]}) USING INDEX a:_Alias(id)
     MATCH (n:_Entity {id: r[1]}) USING INDEX n:_Entity(id)
     MATCH (a)-[c:_CLAIMED_BY]->(n) DELETE c`,
    rowsOf(set.claims.gone, ({ alias, node }) => [alias, node]),
  )
  for (const [token, cells] of byToken(set.edges.gone, types)) {
    await cypher.each(`${edgeOf(token)} DELETE e`, rowsOf(cells, edgeKey))
  }
  for (const [label, cells] of [
    ["_Link", set.links],
    ["_Alias", set.aliases],
    ["_Entity", set.nodes],
  ] as const) {
    const ids = (cells as Cells<number, Cell & { readonly id: number }>).gone.map(({ id }) => id)
    await cypher.each(`MATCH (n:${label} {id: r}) DETACH DELETE n`, ids)
  }
}

/**
 * New entities together with the new records that are the only ones to describe them, which is how
 * nearly all come: nothing has to be looked up to join the two.
 */
async function flushPairs(cypher: Cypher, set: WorkingSet, types: TypeNames): Promise<void> {
  const pairs = set.assertions.in("new").flatMap((assertion): readonly Pair[] => {
    const node = set.nodes.get(assertion.node)
    const record = set.recordsById.get(assertion.record)
    if (node?.state !== "new" || node.asserted !== 1 || record?.state !== "new") return []
    return [{ assertion, node, record }]
  })
  const seen = new Set<number>()
  const groups = new Map<string, Pair[]>()
  for (const pair of pairs) {
    if (seen.has(pair.record.id)) continue
    seen.add(pair.record.id)
    const token = tokenOf(pair.node.type, types.get(pair.node.type))
    const group = groups.get(token)
    if (group === undefined) groups.set(token, [pair])
    else group.push(pair)
  }
  for (const [token, group] of groups) {
    await cypher.each(
      `CREATE (:_Record {${recordNames(0)}})-[:_SAYS]->(:_Entity:${token} {${entityNames(10)}})`,
      group.map(({ node, record }) => [...recordColumns(record), ...entityColumns(set, node)]),
    )
    for (const { assertion, node, record } of group) {
      assertion.state = node.state = record.state = "kept"
    }
  }
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

async function flushEntities(cypher: Cypher, set: WorkingSet, types: TypeNames): Promise<void> {
  for (const [token, cells] of byToken(set.nodes.in("new"), types)) {
    await cypher.each(
      `CREATE (n:_Entity:${token} {${entityNames(0)}}) ${markStub}`,
      rowsOf(cells, (cell) => entityColumns(set, cell)),
    )
  }
  await cypher.each(
    `MATCH (n:_Entity {id: r[0]})
     SET n.asserted = r[1], n.properties = r[2], n.aliases = r[3], n.revision = r[4]
     ${markStub}`,
    rowsOf(set.nodes.in("changed"), ({ id, asserted, properties, aliases, revision }) => [
      id,
      asserted,
      properties,
      aliases,
      revision,
    ]),
  )
  const rewritten = set.nodes.in("changed").filter(({ id }) => set.texts.has(id))
  await cypher.each(
    "MATCH (n:_Entity {id: r[0]}) SET n.words = r[1]",
    rowsOf(rewritten, (cell) => [cell.id, wordsOf(set, cell)]),
  )
}

/** A label of its own for the few that nobody describes, since there are no partial indexes. */
const markStub = `
  FOREACH (_ IN CASE WHEN n.asserted = 0 THEN [1] ELSE [] END | SET n:_Stub)
  FOREACH (_ IN CASE WHEN n.asserted > 0 THEN [1] ELSE [] END | REMOVE n:_Stub)`

/** What is not shown: records, aliases, links, and what is set aside. */
async function flushBooks(cypher: Cypher, set: WorkingSet): Promise<void> {
  await cypher.each(
    "MATCH (n:_Source {id: r[0]}) SET n.priority = r[1]",
    rowsOf(set.sources.in("changed"), ({ id, priority }) => [id, priority]),
  )
  await cypher.each(
    `CREATE (:_Record {${recordNames(0)}})`,
    rowsOf(set.records.in("new"), recordColumns),
  )
  await cypher.each(
    `MATCH (n:_Record {id: r[0]}) SET n.epoch = r[1], n.count = r[2], n.ordinal = r[3],
       n.version = r[4], n.hash = r[5], n.refs = r[6]`,
    rowsOf(set.records.in("changed"), recordState),
  )
  await cypher.each(
    `CREATE (:_Alias {id: r[0], tenant: r[1], type: r[2], scheme: r[3], value: r[4], node: r[5],
       claims: r[6]})`,
    rowsOf(set.aliases.in("new"), ({ id, tenant, type, scheme, value, node, claims }) => [
      id,
      tenant,
      type,
      scheme,
      value,
      node,
      claims,
    ]),
  )
  await cypher.each(
    "MATCH (n:_Alias {id: r[0]}) SET n.node = r[1], n.claims = r[2]",
    rowsOf(set.aliases.in("changed"), ({ id, node, claims }) => [id, node, claims]),
  )
  await flushLinks(cypher, set)
}

type RecordCell = Parameters<WorkingSet["putRecord"]>[0]

const recordState = (cell: RecordCell): readonly Value[] => {
  const { id, runEpoch, runCount, ordinal, version, hash, refs } = cell
  return [id, runEpoch, runCount, ordinal, version, hash, refs]
}

const recordNames = (at: number): string =>
  namesFrom(
    [
      ...["id", "epoch", "count", "ordinal", "version", "hash", "refs"],
      ...["tenant", "source", "key"],
    ],
    at,
  )

const recordColumns = (cell: RecordCell): readonly Value[] => [
  ...recordState(cell),
  cell.tenant,
  cell.source,
  cell.key,
]

async function flushLinks(cypher: Cypher, set: WorkingSet): Promise<void> {
  /** Where it is attached: what finds its relationship again. */
  const place = ({ edge }: LinkCell): readonly Value[] => {
    const cell = edge === null ? undefined : set.edges.get(edge)
    return [edge, cell?.from ?? null, cell?.to ?? null]
  }
  await cypher.each(
    `CREATE (:_Link {id: r[0], edge: r[1], begin: r[2], end: r[3], properties: r[4], tenant: r[5],
       record: r[6], type: r[7], fromNode: r[8], fromAlias: r[9], toNode: r[10], toAlias: r[11],
       discriminator: r[12], derived: r[13]})`,
    rowsOf(set.links.in("new"), (cell) => {
      const { id, tenant, record, type, fromNode, fromAlias, toNode, toAlias, ...rest } = cell
      const ends = [fromNode, fromAlias, toNode, toAlias]
      const said = [tenant, record, type, ...ends, rest.discriminator, rest.derived]
      return [id, ...place(cell), rest.properties, ...said]
    }),
  )
  await cypher.each(
    `MATCH (n:_Link {id: r[0]}) SET n.edge = r[1], n.begin = r[2], n.end = r[3],
       n.properties = r[4]`,
    rowsOf(set.links.in("changed"), (cell) => [cell.id, ...place(cell), cell.properties]),
  )
}

async function flushJoins(cypher: Cypher, set: WorkingSet): Promise<void> {
  const said = ({ node, record, properties, aliases }: AssertionCell): Value => [
    node,
    record,
    properties,
    aliases,
  ]
  await cypher.each(
    `MATCH (n:_Entity {id: r[0]}) MATCH (d:_Record {id: r[1]})
     CREATE (d)-[:_SAYS {properties: r[2], aliases: r[3]}]->(n)`,
    rowsOf(set.assertions.in("new"), said),
  )
  await cypher.each(
    `${assertionOf} SET a.properties = r[2], a.aliases = r[3]`,
    rowsOf(set.assertions.in("changed"), said),
  )
  await cypher.each(
    "MATCH (a:_Alias {id: r[0]}) MATCH (n:_Entity {id: r[1]}) CREATE (a)-[:_CLAIMED_BY]->(n)",
    rowsOf(set.claims.in("new"), ({ alias, node }) => [alias, node]),
  )
}

type AssertionCell = Parameters<WorkingSet["putAssertion"]>[0]

async function flushEdges(cypher: Cypher, set: WorkingSet, types: TypeNames): Promise<void> {
  for (const [token, cells] of byToken(set.edges.in("changed"), types)) {
    await cypher.each(
      `${edgeOf(token)} SET e.derived = r[3], e.links = r[4], e.properties = r[5]`,
      rowsOf(cells, (cell) => [...edgeKey(cell), cell.derived, cell.links, cell.properties]),
    )
  }
  for (const [token, cells] of byToken(set.edges.in("new"), types)) {
    const sorted = [...cells].sort((a, b) => a.from - b.from || a.to - b.to)
    await cypher.each(
      `MATCH (a:_Entity {id: r[1]}) MATCH (b:_Entity {id: r[2]})
       CREATE (a)-[:${token} {id: r[0], derived: r[3], links: r[4], properties: r[5], type: r[6],
         discriminator: r[7]}]->(b)`,
      rowsOf(sorted, (cell) => {
        const { type, discriminator, derived, links, properties } = cell
        return [...edgeKey(cell), derived, links, properties, type, discriminator]
      }),
    )
  }
}

// Both ends are found first: the way from one of them to all others may be long.
const assertionOf = `
  MATCH (n:_Entity {id: r[0]}) USING INDEX n:_Entity(id)
  MATCH (d:_Record {id: r[1]}) USING INDEX d:_Record(id)
  MATCH (d)-[a:_SAYS]->(n)`

const edgeOf = (token: string): string => `
  MATCH (a:_Entity {id: r[1]}) USING INDEX a:_Entity(id)
  MATCH (b:_Entity {id: r[2]}) USING INDEX b:_Entity(id)
  MATCH (a)-[e:${token}]->(b) WHERE e.id = r[0]`

const edgeKey = ({ id, from, to }: EdgeCell): readonly Value[] => [id, from, to]

function byToken<C extends NodeCell | EdgeCell>(cells: readonly C[], types: TypeNames) {
  const groups = new Map<string, C[]>()
  for (const cell of cells) {
    const token = tokenOf(cell.type, types.get(cell.type))
    const group = groups.get(token)
    if (group === undefined) groups.set(token, [cell])
    else group.push(cell)
  }
  return groups
}
