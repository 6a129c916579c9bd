/** What statements return of each kind of row, and statements that more than one place knows. */
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

/**
 * Both ends are found first, and each by a seek: the way from one of them to all others may be
 * long, and a server that has not counted yet what was just written takes a whole index for empty.
 */
export const edgesById = `MATCH (a:_Entity {id: r[1]}) USING INDEX SEEK a:_Entity(id)
  WHERE a.tenant = $tenant
  MATCH (b:_Entity {id: r[2]}) USING INDEX SEEK b:_Entity(id)
  WITH r, a, b MATCH (a)-[e]->(b) WHERE e.id = r[0] RETURN ${edge}`
export const edgesByEnds = `MATCH (a:_Entity {id: r[0]}) USING INDEX SEEK a:_Entity(id)
  WHERE a.tenant = $tenant
  UNWIND r[1] AS o
  MATCH (b:_Entity {id: o[1]}) USING INDEX SEEK b:_Entity(id)
  WITH a, b, o MATCH (a)-[e]->(b)
  WHERE e.type = o[0] AND coalesce(e.discriminator, '') = o[2] RETURN ${edge}`

export type RecordColumns = readonly [source: number, key: string, said: string]

/** With the records that speak of the relationship. */
export type OwnEdgeColumns = [...of: EdgeColumns, by: string]
