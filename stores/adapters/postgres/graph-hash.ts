/**
 * The hash of a tenant's visible graph, as `hash-lines.ts` defines it. Rows come by a cursor, some
 * at a time, so that memory does not grow with the graph.
 */
import { createHash } from "node:crypto"
import { postgresRowsFetched } from "../../../protocols/limits.ts"
import { entityLine, relationshipLine } from "../../graph/hash-lines.ts"
import type { Sql } from "./connection.ts"

export async function graphHash(sql: Sql, tenant: number): Promise<string> {
  const sha = createHash("sha256")
  await each<[string, string, number, string, string]>(
    sql,
    `SELECT t.name, n.key, n.asserted, n.properties, n.aliases
     FROM node n JOIN type t ON t.id = n.type WHERE n.tenant = ${tenant}
     ORDER BY t.name, n.key`,
    (rows) => {
      const lines = rows.map(([type, key, asserted, properties, aliases]) =>
        entityLine(type, key, asserted === 0, properties, aliases),
      )
      sha.update(lines.join(""), "utf8")
    },
  )
  await each<[string, string, string, string, string, string, number, string]>(
    sql,
    `SELECT ft.name, f.key, et.name, tt.name, t.key, e.discriminator, e.derived, e.properties
     FROM edge e JOIN node f ON f.id = e.from_node JOIN type ft ON ft.id = f.type
     JOIN type et ON et.id = e.type JOIN node t ON t.id = e.to_node JOIN type tt ON tt.id = t.type
     WHERE e.tenant = ${tenant} AND f.tenant = ${tenant}
     ORDER BY ft.name, f.key, et.name, tt.name, t.key, e.discriminator`,
    (rows) => {
      const lines = rows.map(([...names]) => {
        const [derived, properties] = names.splice(-2) as [number, string]
        return relationshipLine(names as string[], derived === 1, properties)
      })
      sha.update(lines.join(""), "utf8")
    },
  )
  return sha.digest("hex")
}

/** `query` has no parameters but a tenant's number. */
async function each<A extends readonly unknown[]>(
  sql: Sql,
  query: string,
  use: (rows: readonly A[]) => void,
): Promise<void> {
  await sql.run(`DECLARE lines NO SCROLL CURSOR FOR ${query}`)
  for (;;) {
    const rows = await sql.rows<A>(`FETCH ${postgresRowsFetched} FROM lines`)
    use(rows)
    if (rows.length < postgresRowsFetched) break
  }
  await sql.run("CLOSE lines")
}
