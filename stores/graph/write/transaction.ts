/**
 * What one transaction knows beside its rows: names already looked up, the next ids, counts to be
 * added at its end, and per tenant what has been touched and must be settled (`settle.ts`).
 *
 * Names and ids outlive a transaction; after a roll-back all of it is forgotten and read again.
 */
import { invariant } from "../../../protocols/errors.ts"
import { internedNamesMax, nodesPerTenantMax, tenantsMax } from "../../../protocols/limits.ts"
import { FeedWriter, type Retention } from "./feed-writer.ts"
import type { Rows } from "./rows.ts"

/** Per tenant: what a count is of, and the id that it is for (0 where there is none). */
export type Tally =
  | "entity"
  | "stub"
  | "relationship"
  | "derived"
  | "relationshipOfType"
  | "assertion"
  | "ambiguous"
  | "deadLetter"
  | "deadLetterBytes"
  | "entityOfSource"
  | "relationshipOfSource"
  | "derivedOfSource"

/** How a node was before this transaction touched it. */
export interface NodeBefore {
  readonly asserted: boolean
  readonly sources: ReadonlySet<number>
}

/**
 * How an edge was, and for each source that asserts it whether it does so by derived links alone.
 */
export interface EdgeBefore {
  readonly derived: boolean
  readonly sources: ReadonlyMap<number, boolean>
}

/** What a transaction has touched of one tenant and not settled yet. */
export interface Touched {
  readonly nodes: Map<number, NodeBefore>
  readonly aliases: Set<number>
  readonly links: Set<number>
  readonly edges: Map<number, EdgeBefore>
  /** Nodes that may be nobody's any more. */
  readonly orphans: Set<number>
}

/** First id of a tenant's nodes; the ids of a tenant are below the next one's. */
export const firstNodeOf = (tenant: number): number => tenant * nodesPerTenantMax

export class Transaction {
  readonly rows: Rows
  readonly feed: FeedWriter
  readonly #tenants = new Map<string, number>()
  readonly #sources = new Map<number, Map<string, number>>()
  readonly #types = new Map<number, Map<string, number>>()
  /** Names of all three together. */
  #interned = 0
  readonly #lastNodes = new Map<number, number>()
  #lastRecord = 0
  #lastAlias = 0
  #lastEdge = 0
  #lastLink = 0
  readonly #tallies = new Map<Tally, Map<number, Map<number, number>>>()
  readonly #touched = new Map<number, Touched>()

  constructor(rows: Rows, retention: Retention) {
    this.rows = rows
    this.feed = new FeedWriter(rows, retention)
    this.forget()
  }

  /** After a roll-back: what is known may never have been written. */
  forget(): void {
    this.#forgetNames()
    this.feed.forget()
    this.#lastNodes.clear()
    this.#tallies.clear()
    this.#touched.clear()
    const { lastRecord, lastAlias, lastEdge, lastLink } = this.rows
    this.#lastRecord = lastRecord.get()?.[0] ?? 0
    this.#lastAlias = lastAlias.get()?.[0] ?? 0
    this.#lastEdge = lastEdge.get()?.[0] ?? 0
    this.#lastLink = lastLink.get()?.[0] ?? 0
  }

  tenant(name: string): number {
    const { tenantByName, insertTenant } = this.rows
    return this.#intern(this.#tenants, name, () => {
      const id = tenantByName.get(name)?.[0] ?? insertTenant.get(name)?.[0]
      invariant(id !== undefined && id < tenantsMax, `The store holds ${tenantsMax} tenants.`)
      return id
    })
  }

  source(tenant: number, name: string): number {
    const { sourceByName, insertSource } = this.rows
    return this.#intern(under(this.#sources, tenant), name, () =>
      idOf(sourceByName.get(tenant, name) ?? insertSource.get(tenant, name)),
    )
  }

  type(tenant: number, name: string): number {
    const { typeByName, insertType } = this.rows
    return this.#intern(under(this.#types, tenant), name, () =>
      idOf(typeByName.get(tenant, name) ?? insertType.get(tenant, name)),
    )
  }

  // Ids are given here and not by the database: a statement that returns what it wrote opens a
  // statement journal, and with it the text index writes out all that it holds (240 µs a row).

  nextRecord(): number {
    return ++this.#lastRecord
  }

  nextAlias(): number {
    return ++this.#lastAlias
  }

  nextEdge(): number {
    return ++this.#lastEdge
  }

  nextLink(): number {
    return ++this.#lastLink
  }

  /** The ids that the next `count` links will have. */
  comingLinks(count: number): readonly number[] {
    if (count === 0) return []
    return Array.from({ length: count }, (_, i) => this.#lastLink + 1 + i)
  }

  nextNode(tenant: number): number {
    const id = this.freeNode(tenant)
    this.#lastNodes.set(tenant, id)
    return id
  }

  /** What `nextNode` will answer. */
  freeNode(tenant: number): number {
    const last = this.#lastNodes.get(tenant) ?? this.#findLastNode(tenant)
    invariant(
      last + 1 < firstNodeOf(tenant + 1),
      `A tenant has at most ${nodesPerTenantMax} entities.`,
    )
    return last + 1
  }

  /** Remembered before anything is written: the numbers of new nodes have no gap. */
  #findLastNode(tenant: number): number {
    const [begin, end] = [firstNodeOf(tenant), firstNodeOf(tenant + 1)]
    const there = this.rows.lastNode.get(begin, end - 1, tenant)?.[0] ?? begin
    const last = Math.max(this.feed.lastNode(tenant), there)
    this.#lastNodes.set(tenant, last)
    return last
  }

  add(tenant: number, what: Tally, of: number, count: number): void {
    const counts = under(under(this.#tallies, what), tenant)
    counts.set(of, (counts.get(of) ?? 0) + count)
  }

  tallyOf(tenant: number, what: Tally): number {
    const added = this.#tallies.get(what)?.get(tenant)?.get(0) ?? 0
    return added + (this.rows.tallyOf.get(tenant, what, 0)?.[0] ?? 0)
  }

  #intern(names: Map<string, number>, name: string, find: () => number): number {
    const known = names.get(name)
    if (known !== undefined) return known
    const id = find()
    names.set(name, id)
    if (++this.#interned >= internedNamesMax) this.#forgetNames()
    return id
  }

  #forgetNames(): void {
    this.#interned = 0
    this.#tenants.clear()
    this.#sources.clear()
    this.#types.clear()
  }

  touched(tenant: number): Touched {
    let touched = this.#touched.get(tenant)
    if (touched === undefined) {
      touched = {
        nodes: new Map(),
        aliases: new Set(),
        links: new Set(),
        edges: new Map(),
        orphans: new Set(),
      }
      this.#touched.set(tenant, touched)
    }
    return touched
  }

  /** Tenants of which something is touched. */
  touchedTenants(): readonly number[] {
    return [...this.#touched.keys()]
  }

  /** All that was touched is in order again. */
  settled(): void {
    this.#touched.clear()
  }

  /** Writes what was counted and what changed; whose feeds went on. */
  write(): readonly string[] {
    this.#writeTallies()
    const changed = this.feed.write()
    if (this.feed.size > internedNamesMax) this.feed.forget()
    return changed
  }

  #writeTallies(): void {
    for (const [what, tenants] of this.#tallies) {
      for (const [tenant, counts] of tenants) {
        for (const [of, count] of counts) {
          if (count !== 0) this.rows.addTally(tenant, what, of, count)
        }
      }
    }
    this.#tallies.clear()
  }
}

// Three times a record: a name put together of the three would cost more than these look-ups.
function under<K, L, V>(outer: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = outer.get(key)
  if (known !== undefined) return known
  const inner = new Map<L, V>()
  outer.set(key, inner)
  return inner
}

function idOf(row: readonly [number, ...unknown[]] | undefined): number {
  invariant(row !== undefined, "A row that was just written has an id.")
  return row[0]
}
