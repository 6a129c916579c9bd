/**
 * What a writer keeps of tenants from one transaction to the next, so as not to ask for it again.
 *
 * Promises: what it says of a tenant is as the store has it, because nobody else has written for
 * the tenant since: each turn leaves a mark in the tenant's node that is made once, and what is
 * kept goes where the lock shows another one, also of a store that was put back to an older copy.
 * Of a tenant that had nothing when this writer began with it, a name that was never met is not
 * there; of any other, nothing is said of names that are not kept. What it takes is bounded: with
 * too many names all is forgotten, and asked for as ever. What may fail beneath: a transaction that
 * is learnt from. The tenant's mark is then another than the one that is expected.
 */
import { randomBytes, randomInt } from "node:crypto"
import { internedNamesMax, neo4jEndsKeptMax, neo4jNamesKeptMax } from "../../../protocols/limits.ts"
import { Keyed } from "../../graph/write/cells.ts"
import type { NodeCell, WorkingSet } from "../../graph/write/working-set.ts"
import { Fingerprints } from "./fingerprints.ts"

const kinds = { record: 1, entity: 2, alias: 3, edge: 4 } as const

export type NameKind = keyof typeof kinds

/** What is known of an entity that is the end of relationships. */
export type KeptEnd = Pick<NodeCell, "id" | "type" | "key" | "asserted" | "revision">

/** How a tenant's node stands while it is locked. */
export interface Standing {
  readonly turn: number
  readonly mark: string | null
  /** No block was ever applied, and no entity made. */
  readonly isEmpty: boolean
}

/** What a transaction has come to, and the tenants that it has left its mark in. */
export interface Written {
  readonly set: WorkingSet
  readonly mark: string
  readonly turned: ReadonlySet<number>
}

interface KeptTenant {
  turn: number
  mark: string | null
  /** All that the tenant has was written from here. */
  readonly isWhole: boolean
  readonly ends: Keyed<KeptEnd>
}

const markBytes = 12
const namesOf = () => new Fingerprints(randomInt(2 ** 32))

export class KeptRows {
  readonly #own = randomBytes(markBytes).toString("hex")
  #transactions = 0
  /** In the order in which they were last locked. */
  readonly #tenants = new Map<number, KeptTenant>()
  #names = namesOf()
  #ends = 0

  /** Of the transaction that begins: no other one ever leaves it. */
  nextMark(): string {
    return `${this.#own}/${++this.#transactions}`
  }

  /** Whoever holds the tenant's lock tells how it stands. */
  locked(tenant: number, { turn, mark, isEmpty }: Standing): void {
    const known = this.#tenants.get(tenant)
    if (known !== undefined && mark !== null && known.turn === turn && known.mark === mark) {
      // To the end of their order.
      this.#tenants.delete(tenant)
      this.#tenants.set(tenant, known)
      return
    }
    this.drop(tenant)
    this.#tenants.set(tenant, { turn, mark, isWhole: isEmpty, ends: new Keyed() })
  }

  /** What the tenant's last turn has left there, as far as is known. */
  markOf(tenant: number): string | undefined {
    return this.#tenants.get(tenant)?.mark ?? undefined
  }

  isWhole(tenant: number): boolean {
    return this.#tenants.get(tenant)?.isWhole === true
  }

  /**
   * The tenant has nothing of this name. `of` is the source of a record and the type of an entity;
   * names of aliases and relationships are whole by themselves, and of 0.
   */
  isAbsent(tenant: number, kind: NameKind, of: number, name: string): boolean {
    return this.isWhole(tenant) && !this.#names.has(kinds[kind], of, name.toWellFormed())
  }

  end(tenant: number, type: number, key: string): KeptEnd | undefined {
    return this.#tenants.get(tenant)?.ends.get(type, key)
  }

  /** Of a transaction that is on its way: where it fails, its tenants are without its mark. */
  learn({ set, mark, turned }: Written): void {
    for (const tenant of turned) {
      const known = this.#tenants.get(tenant)
      if (known === undefined) continue
      known.turn++
      known.mark = mark
    }
    set.recordsByKey.visit((source, key) => this.#names.add(kinds.record, source, key))
    set.nodesByKey.visit((type, key) => this.#names.add(kinds.entity, type, key))
    for (const name of set.aliasesByName.keys()) this.#names.add(kinds.alias, 0, name)
    for (const name of set.edgesByEnds.keys()) this.#names.add(kinds.edge, 0, name)
    this.#learnEnds(set)
  }

  #learnEnds(set: WorkingSet): void {
    for (const { id, tenant, type, key, asserted, revision } of set.nodes.values()) {
      const ends = this.#tenants.get(tenant)?.ends
      if (ends === undefined) continue
      if (!ends.has(type, key)) this.#ends++
      ends.set(type, key, { id, type, key, asserted, revision })
    }
    for (const { tenant, type, key } of set.nodes.gone) {
      if (set.nodesByKey.has(type, key)) continue
      if (this.#tenants.get(tenant)?.ends.delete(type, key)) this.#ends--
    }
  }

  drop(tenant: number): void {
    this.#ends -= this.#tenants.get(tenant)?.ends.size ?? 0
    this.#tenants.delete(tenant)
  }

  forget(): void {
    this.#tenants.clear()
    this.#names = namesOf()
    this.#ends = 0
  }

  /**
   * Between transactions: what one of them has met stays until its end. Ends of the tenants that
   * were locked longest ago go first.
   */
  bound(): void {
    if (this.#names.size > neo4jNamesKeptMax || this.#tenants.size > internedNamesMax) {
      this.forget()
    }
    for (const { ends } of this.#tenants.values()) {
      if (this.#ends <= neo4jEndsKeptMax) return
      this.#ends -= ends.size
      ends.clear()
    }
  }
}
