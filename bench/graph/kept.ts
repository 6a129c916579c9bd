/**
 * The second peer of the graph bench: a bare loop that creates the very nodes and relationships
 * that our store has written, its books among them, without deciding anything.
 */
import type { Driver } from "neo4j-driver"
import { batches, type Shape, type Statement, type Written, writeAll } from "./bare.ts"

export interface Kept {
  readonly nodes: readonly { readonly labels: string; readonly row: object }[]
  readonly joins: readonly { readonly pattern: string; readonly row: object }[]
}

/** What finds an end of a relationship, by the end's label. */
const found = {
  _Entity: (end: string) => `{id: r.${end}.id}`,
  _Alias: (end: string) => `{id: r.${end}.id}`,
  _Record: (end: string) => `{source: r.${end}.source, key: r.${end}.key}`,
}

/** What stays when a tenant's rows go: its name, the names of its types, who owns what. */
export const lastingLabels = ":_Store|_Numbers|_Guard|_Tenant|_Source|_Type"

/** All that is in the database and does not outlast its tenant. */
export async function keptRows(driver: Driver): Promise<Kept> {
  const nodes = await driver.executeQuery(
    `MATCH (n) WHERE NOT n${lastingLabels} RETURN labels(n) AS labels, n {.*} AS row`,
  )
  const joins = await driver.executeQuery(
    `MATCH (a)-[e]->(b) RETURN labels(a) AS from, type(e) AS type, labels(b) AS to,
       {a: a {.id, .source, .key}, b: b {.id, .source, .key}, row: e {.*}} AS row`,
  )
  return {
    nodes: nodes.records.map((record) => ({
      labels: record.get("labels").map(quoted).sort().join(":"),
      row: record.get("row"),
    })),
    joins: joins.records.map((record) => ({
      pattern: `MATCH (a:${keyed(record.get("from"), "a")})
        MATCH (b:${keyed(record.get("to"), "b")})
        CREATE (a)-[e:${quoted(record.get("type"))}]->(b) SET e = r.row`,
      row: record.get("row"),
    })),
  }
}

export async function writeKept(driver: Driver, kept: Kept, shape: Shape): Promise<Written> {
  const started = performance.now()
  const of = ({ row }: { readonly row: object }) => row
  const creations = [...Map.groupBy(kept.nodes, ({ labels }) => labels)].flatMap(
    ([labels, own]): readonly Statement[] =>
      batches(own, shape.batch, `UNWIND $rows AS r CREATE (n:${labels}) SET n = r`, of),
  )
  const joins = [...Map.groupBy(kept.joins, ({ pattern }) => pattern)].flatMap(([pattern, own]) =>
    batches(own, shape.batch, `UNWIND $rows AS r ${pattern}`, of),
  )
  const first = await writeAll(driver, creations, shape)
  const retries = first + (await writeAll(driver, joins, shape))
  return { millis: performance.now() - started, retries }
}

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``
function keyed(labels: readonly string[], end: string): string {
  const [label, find] = Object.entries(found).find(([name]) => labels.includes(name)) ?? []
  if (find === undefined) throw new Error(`nothing finds a node with the labels ${labels}`)
  return `${label} ${find(end)}`
}
