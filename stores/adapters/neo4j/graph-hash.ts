/**
 * The hash of a tenant's visible graph, as `hash-lines.ts` defines it. Entities come some at a time
 * in the order of an index, and only the relationships of those are sorted at a time.
 */
import { createHash } from "node:crypto"
import { hashRowsPerTurn } from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
import { entityLine, relationshipLine } from "../../graph/hash-lines.ts"
import type { Cypher } from "./connection.ts"
import { statedOf } from "./schema.ts"

export async function graphHash(cypher: Cypher, tenant: number): Promise<string> {
  const sha = createHash("sha256")
  const types = await cypher.rows<[id: number, name: string]>(
    `MATCH (t:_Type) WHERE t.tenant = $tenant AND t.name >= ''
     RETURN t.id, t.name ORDER BY t.name`,
    { tenant },
  )
  for (const [id, type] of types) {
    await eachPage<EntityRow>(
      cypher,
      { tenant, type: id },
      "n.asserted, n.properties, n.aliases",
      (rows) => {
        const lines = rows.map(([, key, asserted, properties, aliases]) =>
          entityLine(type, key, asserted === 0, properties, aliases),
        )
        sha.update(lines.join(""), "utf8")
      },
    )
  }
  for (const [id, type] of types) {
    await eachPage<[number, string]>(cypher, { tenant, type: id }, undefined, async (rows) => {
      sha.update(await relationshipLines(cypher, type, rows), "utf8")
    })
  }
  return sha.digest("hex")
}

type EntityRow = [id: number, key: string, asserted: number, properties: string, aliases: string]

async function eachPage<A extends readonly [id: number, key: string, ...rest: unknown[]]>(
  cypher: Cypher,
  of: { readonly tenant: number; readonly type: number },
  columns: string | undefined,
  use: (rows: readonly A[]) => void | Promise<void>,
): Promise<void> {
  const returned = columns === undefined ? "n.id, n.key" : `n.id, n.key, ${columns}`
  let after: string | undefined
  for (;;) {
    const rows = await cypher.rows<A>(
      `MATCH (n:_Entity) WHERE n.type = $type AND n.key ${after === undefined ? ">=" : ">"} $after
         AND n.tenant = $tenant RETURN ${returned} ORDER BY n.type, n.key LIMIT $count`,
      { ...of, after: after ?? "", count: hashRowsPerTurn },
    )
    await use(rows)
    after = rows.at(-1)?.[1]
    if (rows.length < hashRowsPerTurn) return
  }
}

type RelationshipRow = readonly [
  from: number,
  type: string,
  toType: string,
  toKey: string,
  discriminator: string,
  derived: number,
  properties: string,
]

async function relationshipLines(
  cypher: Cypher,
  fromType: string,
  nodes: readonly (readonly [id: number, key: string])[],
): Promise<string> {
  const rows = await cypher.each<RelationshipRow>(
    `MATCH (n:_Entity {id: r})-[e]->(o:_Entity)
     MATCH (et:_Type {id: e.type}) MATCH (ot:_Type {id: o.type})
     RETURN n.id, et.name, ot.name, o.key, ${statedOf}`,
    nodes.map(([id]) => id),
  )
  const byNode = new Map<number, RelationshipRow[]>()
  for (const row of rows) {
    const known = byNode.get(row[0])
    if (known === undefined) byNode.set(row[0], [row])
    else known.push(row)
  }
  return nodes
    .flatMap(([id, key]) =>
      (byNode.get(id) ?? []).sort(byName).map(([, type, toType, toKey, discriminator, ...rest]) => {
        const [derived, properties] = rest
        const names = [fromType, key, type, toType, toKey, discriminator]
        return relationshipLine(names, derived === 1, properties)
      }),
    )
    .join("")
}

const byName = (a: RelationshipRow, b: RelationshipRow): number =>
  compareUtf8(a[1], b[1]) ||
  compareUtf8(a[2], b[2]) ||
  compareUtf8(a[3], b[3]) ||
  compareUtf8(a[4], b[4])
