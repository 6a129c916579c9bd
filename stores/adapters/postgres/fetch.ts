/**
 * Fetches rows of one tenant into a working set: a statement for each kind of question, however
 * many rows are asked for. Each is a loop over what is asked for with a look at an index, written
 * so (`LATERAL … OFFSET 0`) that the planner cannot turn it round where it takes a table for small:
 * turned round, a block took seconds instead of milliseconds.
 */
import type { AliasColumns, EdgeColumns, NodeColumns } from "../../graph/write/fetched-rows.ts"
import type { AliasName, Ends, Fetching, KeyOf, Question } from "../../graph/write/fetching.ts"
import {
  nameOfEnds,
  nameOfKey,
  type Sayer,
  type WorkingSet,
} from "../../graph/write/working-set.ts"
import type { Sql, Value } from "./connection.ts"

type SayerColumns = readonly [
  record: number,
  source: number,
  key: string,
  version: number | null,
  name: string,
  priority: number,
]

const sayer = "r.id, r.source, r.key, r.version, r.name, r.priority"

/** Who says what is in a row of `said`. */
const joinSayer = (said: string): string =>
  `CROSS JOIN LATERAL (
     SELECT r.id, r.source, r.key, r.version, s.name, s.priority
     FROM record r JOIN source s ON s.id = r.source WHERE r.id = ${said}.record OFFSET 0) r`

export class Fetch implements Fetching {
  readonly #sql: Sql
  readonly #set: WorkingSet
  readonly #tenant: number

  constructor(sql: Sql, set: WorkingSet, tenant: number) {
    this.#sql = sql
    this.#set = set
    this.#tenant = tenant
  }

  readonly aheadMax = 0

  /** A connection takes one statement at a time. */
  async together(questions: readonly Question[]): Promise<void> {
    for (const ask of questions) await ask()
  }

  async records(wanted: Iterable<readonly [source: number, key: string]>): Promise<void> {
    const keys = distinct(wanted, ([source, key]) => nameOfKey(source, key))
    if (keys.length === 0) return
    type Row = [number, number, string, number, number, number, number | null, Uint8Array, string]
    const rows = await this.#sql.rows<Row>(
      `SELECT r.id, r.source, r.key, r.run_epoch, r.run_count, r.ordinal, r.version, r.hash, r.refs
       FROM unnest($2::integer[], $3::text[]) w(source, key) CROSS JOIN LATERAL (
         SELECT * FROM record r
         WHERE r.tenant = $1 AND r.source = w.source AND r.key = w.key OFFSET 0) r`,
      this.#tenant,
      ...columnsOf(keys, 2),
    )
    for (const [id, source, key, runEpoch, runCount, ordinal, version, hash, refs] of rows) {
      const row = { id, tenant: this.#tenant, source, key, runEpoch, runCount, ordinal }
      this.#set.putRecord({ ...row, version, hash, refs, state: "kept" })
    }
  }

  /** Runs, by their ordinals, of which something was set aside before. */
  async deadLetters(
    wanted: readonly (readonly [source: number, epoch: number, count: number, ordinal: number])[],
  ): Promise<void> {
    if (wanted.length === 0) return
    const rows = await this.#sql.rows<[number, number, number, number]>(
      `SELECT d.source, d.run_epoch, d.run_count, d.ordinal
       FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[])
         w(source, epoch, count, ordinal) CROSS JOIN LATERAL (
         SELECT * FROM dead_letter d WHERE d.tenant = $1 AND d.source = w.source
           AND d.run_epoch = w.epoch AND d.run_count = w.count AND d.ordinal = w.ordinal
         OFFSET 0) d`,
      this.#tenant,
      ...columnsOf(wanted, 4),
    )
    for (const row of rows) this.#set.deadLettersKnown.add(row.join("/"))
  }

  async nodesByKey(wanted: Iterable<KeyOf>): Promise<void> {
    const unknown = distinct(wanted, ([type, key]) => nameOfKey(type, key)).filter(
      ([type, key]) => !this.#set.nodesByKey.has(type, key),
    )
    if (unknown.length === 0) return
    this.#putNodes(
      await this.#sql.rows<NodeColumns>(
        `SELECT n.id, n.type, n.key, n.asserted, n.properties, n.aliases, n.revision
         FROM unnest($2::integer[], $3::text[]) w(type, key) CROSS JOIN LATERAL (
           SELECT * FROM node n
           WHERE n.tenant = $1 AND n.type = w.type AND n.key = w.key OFFSET 0) n`,
        this.#tenant,
        ...columnsOf(unknown, 2),
      ),
    )
  }

  endsByKey(wanted: Iterable<KeyOf>): Promise<void> {
    return this.nodesByKey(wanted)
  }

  async nodes(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.nodes.get(id) === undefined)
    if (ids.length === 0) return
    this.#putNodes(
      await this.#sql.rows<NodeColumns>(
        `SELECT id, type, key, asserted, properties, aliases, revision
         FROM node WHERE tenant = $1 AND id = ANY ($2::bigint[])`,
        this.#tenant,
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
    if (ids.length === 0) return
    type Row = [node: number, properties: string | null, aliases: string | null, ...SayerColumns]
    const rows = await this.#sql.rows<Row>(
      `SELECT a.node, a.properties, a.aliases, ${sayer}
       FROM assertion a ${joinSayer("a")}
       WHERE a.tenant = $1 AND a.node = ANY ($2::bigint[])`,
      this.#tenant,
      ids,
    )
    for (const [node, properties, aliases, ...said] of rows) {
      const record = this.#putSayer(said)
      const cell = { node, record, tenant: this.#tenant, properties, aliases }
      this.#set.putAssertion({ ...cell, state: "kept" })
    }
    for (const id of ids) this.#set.described.add(id)
  }

  async aliasesByName(wanted: Iterable<AliasName>): Promise<void> {
    const names = distinct(wanted, ([type, ...name]) => nameOfKey(type, ...name)).filter(
      ([type, ...name]) => !this.#set.aliasesByName.has(nameOfKey(type, ...name)),
    )
    if (names.length === 0) return
    this.#putAliases(
      await this.#sql.rows<AliasColumns>(
        `SELECT a.id, a.type, a.scheme, a.value, a.node, a.claims
         FROM unnest($2::integer[], $3::text[], $4::text[]) w(type, scheme, value)
         CROSS JOIN LATERAL (
           SELECT * FROM alias a WHERE a.tenant = $1 AND a.type = w.type
             AND a.scheme = w.scheme AND a.value = w.value OFFSET 0) a`,
        this.#tenant,
        ...columnsOf(names, 3),
      ),
    )
  }

  async aliases(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.aliases.get(id) === undefined)
    if (ids.length === 0) return
    this.#putAliases(
      await this.#sql.rows<AliasColumns>(
        `SELECT id, type, scheme, value, node, claims
         FROM alias WHERE tenant = $1 AND id = ANY ($2::bigint[])`,
        this.#tenant,
        ids,
      ),
    )
  }

  #putAliases(rows: readonly AliasColumns[]): void {
    for (const [id, type, scheme, value, node, claims] of rows) {
      const name = { id, tenant: this.#tenant, type, scheme, value }
      this.#set.putAlias({ ...name, node, claims, state: "kept" })
    }
  }

  async claimsOf(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases).filter((id) => !this.#set.claimed.has(id))
    if (ids.length === 0) return
    const rows = await this.#sql.rows<[alias: number, node: number]>(
      "SELECT alias, node FROM claim WHERE tenant = $1 AND alias = ANY ($2::bigint[])",
      this.#tenant,
      ids,
    )
    for (const [alias, node] of rows) {
      this.#set.putClaim({ alias, node, tenant: this.#tenant, state: "kept" })
    }
    for (const id of ids) this.#set.claimed.add(id)
  }

  async links(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.links.get(id) === undefined)
    if (ids.length > 0) this.#putLinks(await this.#linksWhere("l.id = ANY ($2::bigint[])", ids))
  }

  /** All that have the alias at an end. */
  async linksOfAliases(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases)
    if (ids.length === 0) return
    this.#putLinks(await this.#linksWhere("l.from_alias = ANY ($2::bigint[])", ids))
    this.#putLinks(await this.#linksWhere("l.to_alias = ANY ($2::bigint[])", ids))
    for (const id of ids) this.#set.otherLinks.set(id, false)
  }

  /** All that the relationships stand for. */
  async linksOfEdges(edges: Iterable<number>): Promise<void> {
    const ids = distinct(edges).filter((id) => !this.#set.attached.has(id))
    if (ids.length === 0) return
    this.#putLinks(await this.#linksWhere("l.edge = ANY ($2::bigint[])", ids))
    for (const id of ids) this.#set.attached.add(id)
  }

  #linksWhere(condition: string, ids: readonly number[]): Promise<LinkColumns[]> {
    return this.#sql.rows<LinkColumns>(
      `SELECT l.id, l.type, l.from_node, l.from_alias, l.to_node, l.to_alias, l.discriminator,
         l.derived, l.edge, l.properties, ${sayer}
       FROM link l ${joinSayer("l")}
       WHERE l.tenant = $1 AND ${condition}`,
      this.#tenant,
      ids,
    )
  }

  #putLinks(rows: readonly LinkColumns[]): void {
    for (const [id, type, fromNode, fromAlias, toNode, toAlias, ...rest] of rows) {
      const [discriminator, derived, edge, properties, ...said] = rest
      const record = this.#putSayer(said)
      const ends = { fromNode, fromAlias, toNode, toAlias }
      const stated = { discriminator, derived, edge, properties, state: "kept" as const }
      this.#set.putLink({ id, tenant: this.#tenant, record, type, ...ends, ...stated })
    }
  }

  #putSayer([record, source, key, version, name, priority]: SayerColumns): number {
    const said: Sayer = { source, key, version }
    if (!this.#set.sayers.has(record)) this.#set.sayers.set(record, said)
    this.#set.sources.fetched(source, { id: source, name, priority, state: "kept" })
    return record
  }

  /** Whether any other link than those fetched has the alias at an end. */
  async otherLinks(aliases: Iterable<number>): Promise<void> {
    const ids = distinct(aliases).filter((id) => !this.#set.otherLinks.has(id))
    if (ids.length === 0) return
    const known = ids.flatMap((id) => [...this.#set.linksOfAlias.of(id)])
    const rows = await this.#sql.rows<[alias: number, others: boolean]>(
      `SELECT a, EXISTS (SELECT 1 FROM link WHERE from_alias = a AND tenant = $1
                         AND id <> ALL ($3::bigint[]))
             OR EXISTS (SELECT 1 FROM link WHERE to_alias = a AND tenant = $1
                        AND id <> ALL ($3::bigint[]))
       FROM unnest($2::bigint[]) a`,
      this.#tenant,
      ids,
      known,
    )
    for (const [alias, others] of rows) this.#set.otherLinks.set(alias, others)
  }

  async edges(wanted: Iterable<number>): Promise<void> {
    const ids = distinct(wanted).filter((id) => this.#set.edges.get(id) === undefined)
    if (ids.length === 0) return
    this.#putEdges(
      await this.#sql.rows<EdgeColumns>(
        `SELECT id, type, from_node, to_node, discriminator, derived, links, properties
         FROM edge WHERE tenant = $1 AND id = ANY ($2::bigint[])`,
        this.#tenant,
        ids,
      ),
    )
  }

  async edgesByEnds(wanted: Iterable<Ends>): Promise<void> {
    const ends = distinct(wanted, (one) => nameOfEnds(...one)).filter(
      (one) => !this.#set.edgesByEnds.has(nameOfEnds(...one)),
    )
    if (ends.length === 0) return
    this.#putEdges(
      await this.#sql.rows<EdgeColumns>(
        `SELECT e.id, e.type, e.from_node, e.to_node, e.discriminator, e.derived, e.links,
           e.properties
         FROM unnest($2::bigint[], $3::integer[], $4::bigint[], $5::text[])
           w(from_node, type, to_node, discriminator) CROSS JOIN LATERAL (
           SELECT * FROM edge e WHERE e.from_node = w.from_node AND e.type = w.type
             AND e.to_node = w.to_node AND e.discriminator = w.discriminator AND e.tenant = $1
           OFFSET 0) e`,
        this.#tenant,
        ...columnsOf(ends, 4),
      ),
    )
  }

  #putEdges(rows: readonly EdgeColumns[]): void {
    for (const [id, type, from, to, discriminator, derived, links, properties] of rows) {
      const name = { id, tenant: this.#tenant, type, from, to, discriminator }
      this.#set.putEdge({ ...name, derived, links, properties, state: "kept" })
    }
  }

  /** Whether any other relationship than those fetched begins or ends at the node. */
  async otherEdges(nodes: Iterable<number>): Promise<void> {
    const ids = distinct(nodes).filter((id) => !this.#set.otherEdges.has(id))
    if (ids.length === 0) return
    const known = ids.flatMap((id) => [...this.#set.edgesAt.of(id)])
    const rows = await this.#sql.rows<[node: number, others: boolean]>(
      `SELECT n, EXISTS (SELECT 1 FROM edge WHERE from_node = n AND tenant = $1
                         AND id <> ALL ($3::bigint[]))
             OR EXISTS (SELECT 1 FROM edge WHERE to_node = n AND tenant = $1
                        AND id <> ALL ($3::bigint[]))
       FROM unnest($2::bigint[]) n`,
      this.#tenant,
      ids,
      known,
    )
    for (const [node, others] of rows) this.#set.otherEdges.set(node, others)
  }

  async merged(source: number) {
    const nodes = await this.#sql.rows<[id: number]>(
      `SELECT n.id FROM node n WHERE n.tenant = $1 AND n.asserted > 1 AND EXISTS (
         SELECT 1 FROM assertion a JOIN record r ON r.id = a.record
         WHERE a.node = n.id AND r.source = $2)`,
      this.#tenant,
      source,
    )
    const edges = await this.#sql.rows<[id: number]>(
      `SELECT e.id FROM edge e WHERE e.tenant = $1 AND e.links > 1 AND EXISTS (
         SELECT 1 FROM link l JOIN record r ON r.id = l.record
         WHERE l.edge = e.id AND r.source = $2)`,
      this.#tenant,
      source,
    )
    return { nodes: nodes.map(([id]) => id), edges: edges.map(([id]) => id) }
  }
}

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

function distinct<A>(wanted: Iterable<A>, nameOf: (one: A) => unknown = (one) => one): A[] {
  const byName = new Map<unknown, A>()
  for (const one of wanted) byName.set(nameOf(one), one)
  return [...byName.values()]
}

/** Rows as a list for each column, which is how a statement takes many of them. */
export function columnsOf(rows: readonly (readonly Value[])[], width: number): Value[][] {
  const columns: Value[][] = Array.from({ length: width }, () => [])
  for (const row of rows) for (let i = 0; i < width; i++) columns[i]?.push(row[i] ?? null)
  return columns
}
