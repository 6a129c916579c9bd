/** What statements return of each kind of row, and those that more than one place knows. */
import type { EdgeColumns } from "../../graph/write/fetched-rows.ts"

export const node = "RETURN n.id, n.type, n.key, n.asserted, n.properties, n.aliases, n.revision"
export const alias = "a.id, a.type, a.scheme, a.value, a.node, a.claims"
export const edge = `e.id, e.type, a.id, b.id, coalesce(e.discriminator, ''),
  coalesce(e.derived, 0), coalesce(e.links, 1), e.properties, e.by`
export const record = "d.source, d.key, d.said"

export const nodeById = `MATCH (n:_Entity {id: r}) WHERE n.tenant = $tenant ${node}`
export const aliasByName = `MATCH (a:_Alias {type: r[0], scheme: r[1], value: r[2]})
  WHERE a.tenant = $tenant RETURN ${alias}`
export const claimsOfAlias = `MATCH (a:_Alias {id: r})-[:_CLAIMED_BY]->(n:_Entity)
  WHERE a.tenant = $tenant RETURN a.id, n.id`
export const recordsAtAlias = `MATCH (a:_Alias {id: r})<-[:_POINTS]-(d:_Record)
  WHERE a.tenant = $tenant RETURN DISTINCT ${record}`

export type RecordColumns = readonly [source: number, key: string, said: string]

/** With the records that speak of the relationship. */
export type OwnEdgeColumns = [...of: EdgeColumns, by: string]
