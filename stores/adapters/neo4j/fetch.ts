/**
 * Fetches rows of one tenant into a working set: a statement for each kind of question, however
 * many rows are asked for. What is asked together is sent at once; half of what is much goes over a
 * second connection, where there is one.
 */
import { neo4jRowsBesideMin, recordsAskedAheadMax } from "../../../protocols/limits.ts"
import { noAliases, noProperties } from "../../graph/text.ts"
import { Keyed } from "../../graph/write/cells.ts"
import type { AliasColumns, NodeColumns } from "../../graph/write/fetched-rows.ts"
import type { AliasName, Ends, Fetching, KeyOf, Question } from "../../graph/write/fetching.ts"
import { nameOfEnds, nameOfKey, type WorkingSet } from "../../graph/write/working-set.ts"
import {
  alias,
  aliasByName,
  claimsOfAlias,
  edgesByEnds,
  edgesById,
  node,
  nodeById,
  type OwnEdgeColumns,
  type RecordColumns,
  record,
  recordsAtAlias,
} from "./columns.ts"
import type { Cypher } from "./connection.ts"
import type { KeptEnd, KeptRows } from "./kept.ts"
import type { Loading } from "./load.ts"
import type { Value } from "./packed-rows.ts"
import { aliasesAt, namesOf, type RecordName, type Shelf, saidOf } from "./said.ts"

/** A connection that answers, and what is known without it. */
export interface Asking extends Pick<Loading, "set" | "shelf" | "kept"> {
  readonly cypher: Pick<Cypher, "each" | "rows">
}

export class Fetch implements Fetching {
  readonly aheadMax = recordsAskedAheadMax
  readonly #cypher: Asking["cypher"]
  readonly #set: WorkingSet
  readonly #shelf: Shelf
  readonly #kept: KeptRows
  readonly #beside: Cypher | undefined
  readonly #tenant: number
  /** What was asked for before and is not here is not there. */
  readonly #entitiesAsked = new Keyed<true>()
  readonly #aliasesAsked = new Set<string>()

  constructor({ cypher, set, shelf, kept }: Asking, tenant: number, beside?: Cypher) {
    this.#cypher = cypher
    this.#set = set
    this.#shelf = shelf
    this.#kept = kept
    this.#beside = beside
    this.#tenant = tenant
  }

  async together(questions: readonly Question[]): Promise<void> {
    await Promise.all(questions.map((ask) => ask()))
  }

  async records(wanted: Iterable<RecordName>): Promise<void> {
    const names = this.#unknownKeys(wanted, "record", (source, key) =>
      this.#set.recordsByKey.has(source, key),
    )
    const rows = await this.#each<RecordColumns>(
      `MATCH (d:_Record {source: r[0], key: r[1]}) WHERE d.tenant = $tenant RETURN ${record}`,
      names,
    )
    await this.#putRecords(rows)
  }

  /** With all links of each, and what ranks what it says. */
  async #putRecords(rows: readonly RecordColumns[]): Promise<void> {
    for (const row of rows) this.#putRecord(row)
    // Those of the blocks come by their names.
    const named = new Set(this.#set.sourcesByName.values())
    const sources = distinct(rows.map(([source]) => source)).filter(
      (source) => !named.has(source) && this.#set.sources.get(source) === undefined,
    )
    const found = await this.#each<[id: number, name: string, priority: number]>(
      `MATCH (s:_Source {id: r}) WHERE s.tenant = $tenant
       RETURN s.id, s.name, coalesce(s.priority, 0)`,
      sources,
    )
    for (const [id, name, priority] of found) {
      this.#set.sources.fetched(id, { id, name, priority, state: "kept" })
    }
  }

  #putRecord([source, key, text]: RecordColumns): number {
    const known = this.#set.recordsByKey.get(source, key)
    if (known !== undefined) return known
    const { nodes, links, ...state } = saidOf(text)
    const id = ++this.#set.numbers.record
    const tenant = this.#tenant
    const ids = links.map(([link, ends]) => {
      const number = ++this.#set.numbers.link
      if (link.edge !== null && ends !== undefined) this.#shelf.ends.set(link.edge, ends)
      this.#set.putLink({ id: number, tenant, record: id, ...link, state: "kept" })
      return number
    })
    this.#shelf.pointed.set(id, aliasesAt(links.map(([link]) => link)))
    const refs = `${nodes}/${ids.join(",")}`
    this.#set.putRecord({ id, tenant, source, key, ...state, refs, state: "kept" })
    return id
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
    const unknown = this.#unknownKeys(wanted, "entity", (type, key) => {
      const kept = this.#kept.end(this.#tenant, type, key)
      if (kept?.asserted === 0 && !this.#set.nodesByKey.has(type, key)) this.#putEnd(kept)
      const id = this.#set.nodesByKey.get(type, key)
      return id === undefined ? !this.#entitiesAsked.add(type, key, true) : this.#isWhole(id)
    })
    this.#putNodes(
      await this.#each<NodeColumns>(
        `MATCH (n:_Entity {type: r[0], key: r[1]}) WHERE n.tenant = $tenant ${node}`,
        unknown,
      ),
    )
  }

  /** A text of some thousand characters for each end of each relationship is most of the answer. */
  async endsByKey(wanted: Iterable<KeyOf>): Promise<void> {
    const unknown = this.#unknownKeys(wanted, "entity", (type, key) => {
      if (this.#set.nodesByKey.has(type, key)) return true
      const kept = this.#kept.end(this.#tenant, type, key)
      if (kept !== undefined) this.#putEnd(kept)
      return kept !== undefined || !this.#entitiesAsked.add(type, key, true)
    })
    type Row = [id: number, type: number, key: string, asserted: number, revision: number]
    const rows = await this.#each<Row>(
      `MATCH (n:_Entity {type: r[0], key: r[1]}) WHERE n.tenant = $tenant
       RETURN n.id, n.type, n.key, n.asserted, n.revision`,
      unknown,
    )
    for (const [id, type, key, asserted, revision] of rows) {
      if (this.#set.nodes.get(id) === undefined) this.#putEnd({ id, type, key, asserted, revision })
    }
  }

  #putEnd({ id, type, key, asserted, revision }: KeptEnd): void {
    // Nobody describes a stub: what it shows is known.
    const isStub = asserted === 0
    const texts = isStub ? { properties: noProperties, aliases: noAliases } : notFetched
    const shown = { asserted, ...texts, revision }
    this.#set.putNode({ id, tenant: this.#tenant, type, key, ...shown, state: "kept" })
    if (!isStub) this.#shelf.ofEnds.add(id)
  }

  async nodes(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => !this.#isWhole(id))
    this.#putNodes(await this.#each<NodeColumns>(nodeById, ids))
  }

  #isWhole(id: number): boolean {
    return this.#set.nodes.get(id) !== undefined && !this.#shelf.ofEnds.has(id)
  }

  #isAliasFirst(name: string): boolean {
    const { size } = this.#aliasesAsked
    return this.#aliasesAsked.add(name).size > size
  }

  #putNodes(rows: readonly NodeColumns[]): void {
    for (const [id, type, key, asserted, properties, aliases, revision] of rows) {
      const shown = { asserted, properties, aliases, revision }
      const known = this.#set.nodes.get(id)
      if (known !== undefined && this.#shelf.ofEnds.delete(id)) Object.assign(known, shown)
      this.#set.putNode({ id, tenant: this.#tenant, type, key, ...shown, state: "kept" })
    }
  }

  async assertionsOf(nodes: Iterable<number>): Promise<void> {
    const unknown = distinct(nodes).filter((id) => !this.#set.described.has(id))
    const ids = unknown.filter((id) => this.#set.nodes.get(id)?.asserted !== 0)
    type Row = [node: number, properties: string | null, aliases: string | null, ...RecordColumns]
    const rows = await this.#each<Row>(
      `MATCH (n:_Entity {id: r})<-[a:_SAYS]-(d:_Record) WHERE n.tenant = $tenant
       RETURN n.id, a.properties, a.aliases, ${record}`,
      ids,
    )
    await this.#putRecords(rows.map(([, , , ...said]) => said))
    for (const [node, properties, aliases, ...said] of rows) {
      const cell = { node, record: this.#putRecord(said), tenant: this.#tenant }
      this.#set.putAssertion({ ...cell, properties, aliases, state: "kept" })
    }
    for (const id of unknown) this.#set.described.add(id)
  }

  async aliasesByName(wanted: Iterable<AliasName>): Promise<void> {
    const names = this.#unknown(
      wanted,
      "alias",
      ([type, scheme, value]) => nameOfKey(type, scheme, value),
      (name) => this.#set.aliasesByName.has(name) || !this.#isAliasFirst(name),
    )
    this.#putAliases(await this.#each<AliasColumns>(aliasByName, names))
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
    const rows = await this.#each<[alias: number, node: number]>(claimsOfAlias, ids)
    for (const [of, by] of rows) {
      this.#set.putClaim({ alias: of, node: by, tenant: this.#tenant, state: "kept" })
    }
    for (const id of ids) this.#set.claimed.add(id)
  }

  /** They came with their records. */
  async links(): Promise<void> {}

  async linksOfAliases(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases)
    await this.#putRecords(await this.#each<RecordColumns>(recordsAtAlias, ids))
    for (const id of ids) this.#set.otherLinks.set(id, false)
  }

  async linksOfEdges(edges: Iterable<number>): Promise<void> {
    const ids = distinct(edges).filter((id) => !this.#set.attached.has(id))
    await this.records(ids.flatMap((id) => namesOf(this.#shelf.by.get(id) ?? "[]")))
    for (const id of ids) this.#set.attached.add(id)
  }

  async otherLinks(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases).filter((id) => !this.#set.otherLinks.has(id))
    const rows = await this.#each<[alias: number, others: boolean]>(
      `RETURN r[0], EXISTS {
         MATCH (a:_Alias {id: r[0]})<-[:_POINTS]-(d:_Record) WHERE NOT [d.source, d.key] IN r[1] }`,
      ids.map((id) => [id, this.#knownAt(id)]),
    )
    for (const [of, others] of rows) this.#set.otherLinks.set(of, others)
  }

  /** Records of the set that have the alias at an end of a link. */
  #knownAt(of: number): readonly RecordName[] {
    const records = [...this.#set.linksOfAlias.of(of)].flatMap(
      (id) => this.#set.links.get(id)?.record ?? [],
    )
    return distinct(records).flatMap((id) => {
      const cell = this.#set.records.get(id)
      return cell === undefined ? [] : [[cell.source, cell.key] as const]
    })
  }

  /** By the ends that a link told: relationships have no index of their own. */
  async edges(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.edges.get(id) === undefined)
    this.#putEdges(
      await this.#each<OwnEdgeColumns>(
        edgesById,
        ids.map((id) => [id, ...(this.#shelf.ends.get(id) ?? [])]),
      ),
    )
  }

  async edgesByEnds(wanted: Iterable<Ends>): Promise<void> {
    const ends = this.#unknown(
      wanted,
      "edge",
      ([from, type, to, discriminator]) => nameOfEnds(from, type, to, discriminator),
      (name) => this.#set.edgesByEnds.has(name),
    )
    const others = Map.groupBy(ends, ([from]) => from)
    this.#putEdges(
      await this.#each<OwnEdgeColumns>(
        edgesByEnds,
        [...others].map(([from, own]) => [from, own.map(([, ...other]) => other)]),
      ),
    )
  }

  #putEdges(rows: readonly OwnEdgeColumns[]): void {
    for (const [id, type, from, to, discriminator, derived, links, properties, by] of rows) {
      this.#shelf.by.set(id, by)
      const name = { id, tenant: this.#tenant, type, from, to, discriminator }
      this.#set.putEdge({ ...name, derived, links, properties, state: "kept" })
    }
  }

  async otherEdges(nodes: Iterable<number>): Promise<void> {
    const wanted = distinct(nodes).filter((id) => !this.#set.otherEdges.has(id))
    // A stub is there for the sake of a relationship: where none of its own is here, others are.
    const isHeld = (id: number) =>
      this.#set.nodes.get(id)?.asserted === 0 && this.#set.edgesAt.sizeOf(id) === 0
    for (const id of wanted) if (isHeld(id)) this.#set.otherEdges.set(id, true)
    const ids = wanted.filter((id) => !this.#set.otherEdges.has(id))
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
    const edges = await this.#cypher.rows<[id: number, from: number, to: number]>(
      `MATCH (r:_Record) WHERE r.source = $source AND r.key >= '' AND r.tenant = $tenant
       UNWIND split(r.said, '\n')[1..] AS line WITH split(line, '|') AS link WHERE link[0] <> ''
       MATCH (a:_Entity {id: toInteger(link[1])}) USING INDEX SEEK a:_Entity(id)
       MATCH (b:_Entity {id: toInteger(link[2])}) USING INDEX SEEK b:_Entity(id)
       WITH a, b, link
       MATCH (a)-[e]->(b) WHERE e.id = toInteger(link[0]) AND e.links > 1
       RETURN DISTINCT e.id, a.id, b.id`,
      { source, tenant: this.#tenant },
    )
    for (const [id, from, to] of edges) this.#shelf.ends.set(id, [from, to])
    return { nodes: nodes.map(([id]) => id), edges: edges.map(([id]) => id) }
  }

  /** Each once, but for what is known here and what the tenant does not have. */
  #unknownKeys(
    wanted: Iterable<KeyOf>,
    kind: "record" | "entity",
    isKnown: (of: number, key: string) => boolean,
  ): readonly KeyOf[] {
    const unknown = new Keyed<true>()
    const keys: KeyOf[] = []
    for (const one of wanted) {
      const [of, key] = one
      if (isKnown(of, key) || this.#kept.isAbsent(this.#tenant, kind, of, key)) continue
      if (unknown.add(of, key, true)) keys.push(one)
    }
    return keys
  }

  /** Likewise, by names that are put together. */
  #unknown<A>(
    wanted: Iterable<A>,
    kind: "alias" | "edge",
    nameOf: (one: A) => string,
    isKnown: (name: string) => boolean,
  ): readonly A[] {
    const unknown = new Map<string, A>()
    for (const one of wanted) {
      const name = nameOf(one)
      if (isKnown(name) || this.#kept.isAbsent(this.#tenant, kind, 0, name)) continue
      unknown.set(name, one)
    }
    return [...unknown.values()]
  }

  async #each<A extends readonly unknown[]>(text: string, rows: readonly Value[]): Promise<A[]> {
    const of = { tenant: this.#tenant }
    if (rows.length === 0) return []
    const beside = this.#beside
    if (beside === undefined || rows.length < neo4jRowsBesideMin) {
      return this.#cypher.each<A>(text, rows, of)
    }
    // Whoever could change what is looked for waits for this transaction's locks.
    const middle = rows.length >> 1
    const [first, second] = await Promise.all([
      this.#cypher.each<A>(text, rows.slice(0, middle), of),
      beside.each<A>(text, rows.slice(middle), of),
    ])
    return first.concat(second)
  }
}

/** No text of an entity: whoever takes it for one fails. */
const notFetched = { properties: "", aliases: "" }

function distinct<A>(wanted: Iterable<A>, nameOf: (one: A) => unknown = (one) => one): A[] {
  const byName = new Map<unknown, A>()
  for (const one of wanted) byName.set(nameOf(one), one)
  return [...byName.values()]
}
