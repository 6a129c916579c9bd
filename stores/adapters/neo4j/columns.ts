/** What statements return of each kind of row. */
import type { EdgeColumns } from "../../graph/write/fetched-rows.ts"

export const node = "RETURN n.id, n.type, n.key, n.asserted, n.properties, n.aliases, n.revision"
export const alias = "a.id, a.type, a.scheme, a.value, a.node, a.claims"
export const edge = `e.id, e.type, a.id, b.id, coalesce(e.discriminator, ''),
  coalesce(e.derived, 0), coalesce(e.links, 1), e.properties, e.by`
export const record = "d.source, d.key, d.said"

export type RecordColumns = readonly [source: number, key: string, said: string]

/** With the records that speak of the relationship. */
export type OwnEdgeColumns = [...of: EdgeColumns, by: string]
