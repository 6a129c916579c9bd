/**
 * Fetches rows of one tenant into a working set: a statement for each kind of question, however
 * many rows are asked for.
 */
import type { AliasName, Ends, Fetching, KeyOf } from "../../graph/write/fetching.ts"
import { nameOfEnds, nameOfKey, type WorkingSet } from "../../graph/write/working-set.ts"
import type { Cypher, Value } from "./connection.ts"

type SayerColumns = readonly [
  record: number,
  source: number,
  key: string,
  version: number | null,
  name: string,
  priority: number,
]

const sayer = "r.id, r.source, r.key, r.version, s.name, s.priority"

export class Fetch implements Fetching {
  readonly #cypher: Cypher
  readonly #set: WorkingSet
  readonly #tenant: number

  constructor(cypher: Cypher, set: WorkingSet, tenant: number) {
    this.#cypher = cypher
    this.#set = set
    this.#tenant = tenant
  }

  async records(wanted: Iterable<readonly [source: number, key: string]>): Promise<void> {
    const keys = distinct(wanted, ([source, key]) => nameOfKey(source, key))
    type Row = [number, number, string, number, number, number, number | null, Uint8Array, string]
    const rows = await this.#each<Row>(
      `MATCH (n:_Record {source: r[0], key: r[1]}) WHERE n.tenant = $tenant
       RETURN n.id, n.source, n.key, n.epoch, n.count, n.ordinal, n.version, n.hash, n.refs`,
      keys,
    )
    for (const [id, source, key, runEpoch, runCount, ordinal, version, hash, refs] of rows) {
      const row = { id, tenant: this.#tenant, source, key, runEpoch, runCount, ordinal }
      this.#set.putRecord({ ...row, version, hash, refs, state: "kept" })
    }
  }

  async deadLetters(
    wanted: readonly (readonly [source: number, epoch: number, count: number, ordinal: number])[],
  ): Promise<void> {
    const rows = await this.#each<[number, number, number, number]>(
      `MATCH (d:_DeadLetter {source: r[0], epoch: r[1], count: r[2], ordinal: r[3]})
       WHERE d.tenant = $tenant RETURN d.source, d.epoch, d.count, d.ordinal`,
      wanted,
    )
    for (const row of rows) this.#set.deadLettersKnown.add(row.join("/"))
  }

  async nodesByKey(wanted: Iterable<KeyOf>): Promise<void> {
    const unknown = distinct(wanted, ([type, key]) => nameOfKey(type, key)).filter(
      ([type, key]) => !this.#set.nodesByKey.has(nameOfKey(type, key)),
    )
    this.#putNodes(
      await this.#each<NodeColumns>(
        `MATCH (n:_Entity {type: r[0], key: r[1]}) WHERE n.tenant = $tenant ${node}`,
        unknown,
      ),
    )
  }

  async nodes(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.nodes.get(id) === undefined)
    this.#putNodes(
      await this.#each<NodeColumns>(
        `MATCH (n:_Entity {id: r}) WHERE n.tenant = $tenant ${node}`,
        ids,
      ),
    )
  }

  #putNodes(rows: readonly NodeColumns[]): void {
    for (const [id, type, key, asserted, properties, aliases, revision] of rows) {
      const shown = { asserted, properties, aliases, revision }
      this.#set.putNode({ id, tenant: this.#tenant, type, key, ...shown, state: "kept" })
    }
  }

  async assertionsOf(nodes: Iterable<number>): Promise<void> {
    const ids = distinct(nodes).filter((id) => !this.#set.described.has(id))
    type Row = [node: number, properties: string | null, aliases: string | null, ...SayerColumns]
    const rows = await this.#each<Row>(
      `MATCH (n:_Entity {id: r})<-[a:_SAYS]-(d:_Record) WHERE n.tenant = $tenant
       WITH n, a, d AS r MATCH (s:_Source {id: r.source})
       RETURN n.id, a.properties, a.aliases, ${sayer}`,
      ids,
    )
    for (const [id, properties, aliases, ...said] of rows) {
      const record = this.#putSayer(said)
      const cell = { node: id, record, tenant: this.#tenant, properties, aliases }
      this.#set.putAssertion({ ...cell, state: "kept" })
    }
    for (const id of ids) this.#set.described.add(id)
  }

  async aliasesByName(wanted: Iterable<AliasName>): Promise<void> {
    const names = distinct(wanted, ([type, ...name]) => nameOfKey(type, ...name)).filter(
      ([type, ...name]) => !this.#set.aliasesByName.has(nameOfKey(type, ...name)),
    )
    this.#putAliases(
      await this.#each<AliasColumns>(
        `MATCH (a:_Alias {type: r[0], scheme: r[1], value: r[2]}) WHERE a.tenant = $tenant
         RETURN ${alias}`,
        names,
      ),
    )
  }

  async aliases(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.aliases.get(id) === undefined)
    this.#putAliases(
      await this.#each<AliasColumns>(
        `MATCH (a:_Alias {id: r}) WHERE a.tenant = $tenant RETURN ${alias}`,
        ids,
      ),
    )
  }

  #putAliases(rows: readonly AliasColumns[]): void {
    for (const [id, type, scheme, value, standing, claims] of rows) {
      const name = { id, tenant: this.#tenant, type, scheme, value }
      this.#set.putAlias({ ...name, node: standing, claims, state: "kept" })
    }
  }

  async claimsOf(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases).filter((id) => !this.#set.claimed.has(id))
    const rows = await this.#each<[alias: number, node: number]>(
      `MATCH (a:_Alias {id: r})-[:_CLAIMED_BY]->(n:_Entity) WHERE a.tenant = $tenant
       RETURN a.id, n.id`,
      ids,
    )
    for (const [of, by] of rows) {
      this.#set.putClaim({ alias: of, node: by, tenant: this.#tenant, state: "kept" })
    }
    for (const id of ids) this.#set.claimed.add(id)
  }

  async links(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.links.get(id) === undefined)
    await this.#linksWhere("id", ids)
  }

  async linksOfAliases(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases)
    await this.#linksWhere("fromAlias", ids)
    await this.#linksWhere("toAlias", ids)
    for (const id of ids) this.#set.otherLinks.set(id, false)
  }

  async linksOfEdges(edges: Iterable<number>): Promise<void> {
    const ids = distinct(edges).filter((id) => !this.#set.attached.has(id))
    await this.#linksWhere("edge", ids)
    for (const id of ids) this.#set.attached.add(id)
  }

  async #linksWhere(property: string, ids: readonly number[]): Promise<void> {
    const rows = await this.#each<LinkColumns>(
      `MATCH (l:_Link {${property}: r}) WHERE l.tenant = $tenant
       MATCH (d:_Record {id: l.record}) WITH l, d AS r MATCH (s:_Source {id: r.source})
       RETURN l.id, l.type, l.fromNode, l.fromAlias, l.toNode, l.toAlias, l.discriminator,
         l.derived, l.edge, l.properties, ${sayer}`,
      ids,
    )
    for (const [id, type, fromNode, fromAlias, toNode, toAlias, ...rest] of rows) {
      const [discriminator, derived, edge, properties, ...said] = rest
      const record = this.#putSayer(said)
      const ends = { fromNode, fromAlias, toNode, toAlias }
      const stated = { discriminator, derived, edge, properties, state: "kept" as const }
      this.#set.putLink({ id, tenant: this.#tenant, record, type, ...ends, ...stated })
    }
  }

  #putSayer([record, source, key, version, name, priority]: SayerColumns): number {
    if (!this.#set.sayers.has(record)) this.#set.sayers.set(record, { source, key, version })
    this.#set.sources.fetched(source, { id: source, name, priority, state: "kept" })
    return record
  }

  async otherLinks(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases).filter((id) => !this.#set.otherLinks.has(id))
    const rows = await this.#each<[alias: number, others: boolean]>(
      `RETURN r[0], EXISTS { MATCH (l:_Link {fromAlias: r[0]}) WHERE NOT l.id IN r[1] }
         OR EXISTS { MATCH (l:_Link {toAlias: r[0]}) WHERE NOT l.id IN r[1] }`,
      ids.map((id) => [id, [...this.#set.linksOfAlias.of(id)]]),
    )
    for (const [of, others] of rows) this.#set.otherLinks.set(of, others)
  }

  /** By a link that stands for them: relationships have no index of their own. */
  async edges(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.edges.get(id) === undefined)
    this.#putEdges(
      await this.#each<EdgeColumns>(
        `CALL (r) { MATCH (l:_Link {edge: r}) WHERE l.tenant = $tenant RETURN l LIMIT 1 }
         MATCH (a:_Entity {id: l.begin}) USING INDEX a:_Entity(id)
         MATCH (b:_Entity {id: l.end}) USING INDEX b:_Entity(id)
         MATCH (a)-[e]->(b) WHERE e.id = r RETURN ${edge}`,
        ids,
      ),
    )
  }

  async edgesByEnds(wanted: Iterable<Ends>): Promise<void> {
    const ends = distinct(wanted, (one) => nameOfEnds(...one)).filter(
      (one) => !this.#set.edgesByEnds.has(nameOfEnds(...one)),
    )
    this.#putEdges(
      await this.#each<EdgeColumns>(
        `MATCH (a:_Entity {id: r[0]}) USING INDEX a:_Entity(id) WHERE a.tenant = $tenant
         MATCH (b:_Entity {id: r[2]}) USING INDEX b:_Entity(id)
         MATCH (a)-[e]->(b) WHERE e.type = r[1] AND e.discriminator = r[3] RETURN ${edge}`,
        ends,
      ),
    )
  }

  #putEdges(rows: readonly EdgeColumns[]): void {
    for (const [id, type, from, to, discriminator, derived, links, properties] of rows) {
      const name = { id, tenant: this.#tenant, type, from, to, discriminator }
      this.#set.putEdge({ ...name, derived, links, properties, state: "kept" })
    }
  }

  async otherEdges(nodes: Iterable<number>): Promise<void> {
    const ids = distinct(nodes).filter((id) => !this.#set.otherEdges.has(id))
    const rows = await this.#each<[node: number, others: boolean]>(
      `MATCH (n:_Entity {id: r[0]}) WHERE n.tenant = $tenant
       RETURN n.id, EXISTS { MATCH (n)-[e]-(:_Entity) WHERE NOT e.id IN r[1] }`,
      ids.map((id) => [id, [...this.#set.edgesAt.of(id)]]),
    )
    for (const [id, others] of rows) this.#set.otherEdges.set(id, others)
  }

  async merged(source: number) {
    const nodes = await this.#cypher.rows<[id: number]>(
      `MATCH (r:_Record)-[:_SAYS]->(n:_Entity)
       WHERE r.source = $source AND r.key >= '' AND n.tenant = $tenant AND n.asserted > 1
       RETURN DISTINCT n.id`,
      { source, tenant: this.#tenant },
    )
    const edges = await this.#cypher.rows<[id: number]>(
      `MATCH (r:_Record) WHERE r.source = $source AND r.key >= ''
       UNWIND [one IN split(split(r.refs, '/')[1], ',') WHERE one <> '' | toInteger(one)] AS id
       MATCH (l:_Link {id: id}) WHERE l.tenant = $tenant
       MATCH (a:_Entity {id: l.begin}) MATCH (b:_Entity {id: l.end})
       MATCH (a)-[e]->(b) WHERE e.id = l.edge AND e.links > 1 RETURN DISTINCT e.id`,
      { source, tenant: this.#tenant },
    )
    return { nodes: nodes.map(([id]) => id), edges: edges.map(([id]) => id) }
  }

  async #each<A extends readonly unknown[]>(text: string, rows: readonly Value[]): Promise<A[]> {
    return rows.length === 0 ? [] : this.#cypher.each<A>(text, rows, { tenant: this.#tenant })
  }
}

const node = "RETURN n.id, n.type, n.key, n.asserted, n.properties, n.aliases, n.revision"
const alias = "a.id, a.type, a.scheme, a.value, a.node, a.claims"
const edge = "e.id, e.type, a.id, b.id, e.discriminator, e.derived, e.links, e.properties"

type NodeColumns = [
  id: number,
  type: number,
  key: string,
  asserted: number,
  properties: string,
  aliases: string,
  revision: number,
]

type AliasColumns = [
  id: number,
  type: number,
  scheme: string,
  value: string,
  node: number | null,
  claims: number,
]

type LinkColumns = [
  id: number,
  type: number,
  fromNode: number | null,
  fromAlias: number | null,
  toNode: number | null,
  toAlias: number | null,
  discriminator: string,
  derived: number,
  edge: number | null,
  properties: string | null,
  ...said: SayerColumns,
]

type EdgeColumns = [
  id: number,
  type: number,
  from: number,
  to: number,
  discriminator: string,
  derived: number,
  links: number,
  properties: string,
]

function distinct<A>(wanted: Iterable<A>, nameOf: (one: A) => unknown = (one) => one): A[] {
  const byName = new Map<unknown, A>()
  for (const one of wanted) byName.set(nameOf(one), one)
  return [...byName.values()]
}
