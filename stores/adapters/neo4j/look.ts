/** Many nodes at once, by number, for reads that go through the graph. */
import { invariant } from "../../../protocols/errors.ts"
import { edgesPerNodeScannedMax } from "../../../protocols/limits.ts"
import type { EntityName, VisibleEntity, VisibleRelationship } from "../../graph/port.ts"
import type { Around, Looking, Step } from "../../graph/reads/looking.ts"
import { propertiesOf } from "../../graph/text.ts"
import type { Cypher } from "./connection.ts"
import { type EntityRow, entityColumns, entityOfRow, typesNamed } from "./read-entities.ts"
import { statedOf } from "./schema.ts"

type StepRow = readonly [node: number, edge: number, type: number, other: number, incoming: number]

type RelationshipRow = readonly [
  id: number,
  type: string,
  fromType: string,
  fromKey: string,
  toType: string,
  toKey: string,
  discriminator: string,
  derived: number,
  properties: string,
]

export class Look implements Looking {
  readonly #cypher: Cypher
  readonly #tenant: number
  /** Of every relationship that a step went by: where it begins and ends. */
  readonly #ends = new Map<number, readonly [from: number, to: number]>()

  constructor(cypher: Cypher, tenant: number) {
    this.#cypher = cypher
    this.#tenant = tenant
  }

  async nodeAt({ type, key }: EntityName): Promise<number | undefined> {
    const row = await this.#cypher.row<[number]>(
      `MATCH (t:_Type {tenant: $tenant, name: $type}) MATCH (n:_Entity {type: t.id, key: $key})
       RETURN n.id`,
      { tenant: this.#tenant, type, key },
    )
    return row?.[0]
  }

  async entities(nodes: readonly number[]): Promise<ReadonlyMap<number, VisibleEntity>> {
    const rows = await this.#each<[id: number, ...EntityRow]>(
      `MATCH (n:_Entity {id: r}) WHERE n.tenant = $tenant MATCH (t:_Type {id: n.type})
       RETURN n.id, ${entityColumns}`,
      nodes,
    )
    return new Map(rows.map(([id, ...row]) => [id, entityOfRow(row)]))
  }

  async steps(nodes: readonly number[], scanMax: number): Promise<Around> {
    if (nodes.length === 0) return { steps: [], truncated: false }
    const rows = await this.#cypher.rows<StepRow>(
      `UNWIND $nodes AS id MATCH (n:_Entity {id: id}) WHERE n.tenant = $tenant
       CALL (n) {
         CALL (n) {
           MATCH (n)-[e]->(o:_Entity) RETURN e, o, 0 AS incoming LIMIT $side
         }
         RETURN e, o, incoming
         UNION ALL
         CALL (n) {
           MATCH (n)<-[e]-(o:_Entity) RETURN e, o, 1 AS incoming LIMIT $side
         }
         RETURN e, o, incoming
       }
       RETURN n.id, e.id, e.type, o.id, incoming LIMIT $count`,
      { nodes, tenant: this.#tenant, side: edgesPerNodeScannedMax + 1, count: scanMax + 1 },
    )
    return this.#around(rows, scanMax)
  }

  #around(rows: readonly StepRow[], scanMax: number): Around {
    const seen = new Map<string, number>()
    let truncated = rows.length > scanMax
    const steps: Step[] = []
    for (const [node, edge, type, other, incoming] of rows.slice(0, scanMax)) {
      const side = `${node}/${incoming}`
      const count = (seen.get(side) ?? 0) + 1
      seen.set(side, count)
      if (count > edgesPerNodeScannedMax) {
        truncated = true
        continue
      }
      this.#ends.set(edge, incoming === 1 ? [other, node] : [node, other])
      steps.push({ node, edge, type, other, incoming: incoming === 1 })
    }
    return { steps, truncated }
  }

  async inOrder(nodes: Iterable<number>, count?: number): Promise<readonly number[]> {
    const rows = await this.#cypher.rows<[id: number]>(
      `UNWIND $nodes AS id MATCH (n:_Entity {id: id}) WHERE n.tenant = $tenant
       MATCH (t:_Type {id: n.type})
       RETURN n.id ORDER BY t.name, n.key LIMIT $count`,
      { nodes: [...nodes], tenant: this.#tenant, count: count ?? Number.MAX_SAFE_INTEGER },
    )
    return rows.map(([id]) => id)
  }

  async relationships(edges: readonly number[]): Promise<readonly VisibleRelationship[]> {
    const rows = await this.#each<RelationshipRow>(
      `MATCH (a:_Entity {id: r[1]}) USING INDEX SEEK a:_Entity(id) WHERE a.tenant = $tenant
       MATCH (b:_Entity {id: r[2]}) USING INDEX SEEK b:_Entity(id)
       WITH r, a, b MATCH (a)-[e]->(b) WHERE e.id = r[0]
       MATCH (et:_Type {id: e.type}) MATCH (at:_Type {id: a.type}) MATCH (bt:_Type {id: b.type})
       RETURN e.id, et.name, at.name, a.key, bt.name, b.key, ${statedOf}`,
      edges.map((edge) => [edge, ...(this.#ends.get(edge) ?? [])]),
    )
    const byId = new Map(rows.map((row) => [row[0], relationshipOfRow(row)]))
    return edges.map((edge) => {
      const relationship = byId.get(edge)
      invariant(relationship !== undefined, "A relationship is there as long as its moment.")
      return relationship
    })
  }

  async typesNamed(names: readonly string[]): Promise<ReadonlySet<number>> {
    return new Set(await typesNamed(this.#cypher, this.#tenant, names))
  }

  #each<A extends readonly unknown[]>(text: string, rows: Parameters<Cypher["each"]>[1]) {
    return this.#cypher.each<A>(text, rows, { tenant: this.#tenant })
  }
}

function relationshipOfRow(row: RelationshipRow): VisibleRelationship {
  const [, type, fromType, fromKey, toType, toKey, discriminator, derived, properties] = row
  return {
    type,
    from: { type: fromType, key: fromKey },
    to: { type: toType, key: toKey },
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
