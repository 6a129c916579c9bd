/** The change feed of the Neo4j store, read while the tenant's writers are kept out. */
import { invariant } from "../../../protocols/errors.ts"
import type { Entry } from "../../graph/feed-entries.ts"
import { sequencesOf } from "../../graph/places.ts"
import type { ChangeFeedShape, EntityName, FeedPosition } from "../../graph/port.ts"
import { type ChangeRow, changesOf, type FeedRows, type Head } from "../../graph/reads/changes.ts"
import type { Cypher } from "./connection.ts"
import { Look } from "./look.ts"
import { entitiesPage } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

export function feedOf(store: ReadStore, watch: ChangeFeedShape["watch"]): ChangeFeedShape {
  const { name: own } = store
  return {
    position: (name) =>
      store.locked(name, async (cypher, tenant) => (await headOf(cypher, own, tenant)).position),
    oldest: (name) => store.locked(name, (cypher, tenant) => oldestOf(cypher, own, tenant)),
    snapshot: (name, query, page) =>
      store.locked(name, async (cypher, tenant) => {
        const { position, revision } = await headOf(cypher, own, tenant)
        return { ...(await entitiesPage(cypher, tenant, query, page)), position, revision }
      }),
    changes: (name, { types }, page) =>
      store.locked(name, async (cypher, tenant) => {
        const head = await headOf(cypher, own, tenant)
        return changesOf(rowsOf(cypher, tenant, head), types, page)
      }),
    watch,
  }
}

type FeedColumns = readonly [
  feed: string,
  revision: number | null,
  changes: number,
  sequences: string,
]

async function headOf(cypher: Cypher, store: string, tenant: number): Promise<Head> {
  const row = await cypher.row<FeedColumns>(
    `MATCH (s:_Store {name: $store}) OPTIONAL MATCH (t:_Tenant {id: $tenant})
     RETURN s.feed, t.revision, t.changes, t.sequences`,
    { store, tenant },
  )
  invariant(row !== undefined, "A store's feed has a name.")
  const [feed, revision, changes, sequences] = row
  if (revision === null) return { revision: 0, changes: 0, position: { feed, sequences: [] } }
  return { revision, changes, position: { feed, sequences: sequencesOf(sequences) } }
}

async function oldestOf(cypher: Cypher, store: string, tenant: number): Promise<FeedPosition> {
  const { position } = await headOf(cypher, store, tenant)
  const row = await cypher.row<[sequences: string]>(
    `MATCH (n:_Change) WHERE n.tenant = $tenant AND n.last >= 0
     RETURN n.sequences ORDER BY n.tenant, n.last LIMIT 1`,
    { tenant },
  )
  return row === undefined ? position : { feed: position.feed, sequences: sequencesOf(row[0]) }
}

function rowsOf(cypher: Cypher, tenant: number, head: Head): FeedRows {
  const look = new Look(cypher, tenant)
  return {
    head,
    rowBehind: (place) =>
      cypher.row<ChangeRow>(
        `MATCH (n:_Change) WHERE n.tenant = $tenant AND n.last > $place
         RETURN n.first, n.sequences, n.entries ORDER BY n.tenant, n.last LIMIT 1`,
        { tenant, place },
      ),
    entities: (nodes) => look.entities(nodes),
    gone: (entries) => goneOf(cypher, tenant, entries),
    typesNamed: (names) => look.typesNamed(names),
  }
}

async function goneOf(
  cypher: Cypher,
  tenant: number,
  entries: readonly Entry[],
): Promise<ReadonlyMap<number, EntityName>> {
  const rows = await cypher.each<[node: number, type: string, key: string]>(
    `MATCH (g:_Gone {node: r[0]}) WHERE g.tenant = $tenant MATCH (t:_Type {id: r[1]})
     RETURN g.node, t.name, g.key`,
    entries.map(({ node, type }) => [node, type]),
    { tenant },
  )
  return new Map(rows.map(([node, type, key]) => [node, { type, key }]))
}
