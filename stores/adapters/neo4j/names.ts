/** Numbers of tenants, sources and types, and the names that their rows have in the database. */
import { internedNamesMax, neo4jTypesNamedMax } from "../../../protocols/limits.ts"
import { nameOfKey } from "../../graph/write/working-set.ts"
import type { Cypher } from "./connection.ts"

/** Of relationships and labels whose type is beyond those that are named. */
const otherName = "_Other"

type Owner = Readonly<Record<string, string | number>>

/**
 * Names that a writer has met, with the numbers that they keep for good. What was met in a
 * transaction that failed may never have been written: all is forgotten then, and where a tenant
 * turns out to have fewer turns than before, since its store was put back to an older copy.
 */
export class KnownNames {
  readonly #sources = new Map<string, number>()
  readonly #types = new Map<string, number>()
  readonly #namesOfTypes = new Map<number, string>()
  readonly #turns = new Map<number, number>()

  source(tenant: number, name: string): number | undefined {
    return this.#sources.get(nameOfKey(tenant, name))
  }

  type(tenant: number, name: string): number | undefined {
    return this.#types.get(nameOfKey(tenant, name))
  }

  nameOfType(id: number): string | undefined {
    return this.#namesOfTypes.get(id)
  }

  putSource(tenant: number, name: string, id: number): void {
    this.#sources.set(nameOfKey(tenant, name), id)
  }

  putType(tenant: number, name: string, id: number): void {
    this.#types.set(nameOfKey(tenant, name), id)
    this.#namesOfTypes.set(id, name)
  }

  putNameOfType(id: number, name: string): void {
    this.#namesOfTypes.set(id, name)
  }

  /**
   * How many turns writers have had of a tenant, as its node says while it is locked. This one
   * makes the next: as many again are of a copy from before it.
   */
  turn(tenant: number, turn: number): void {
    if (turn <= (this.#turns.get(tenant) ?? -1)) this.forget()
    this.#turns.set(tenant, turn)
  }

  forget(): void {
    for (const names of [this.#sources, this.#types, this.#namesOfTypes, this.#turns]) {
      names.clear()
    }
  }

  /** Between transactions: what one of them has met stays until its end. */
  bound(): void {
    const { size } = this.#sources
    if (size + this.#namesOfTypes.size + this.#turns.size >= internedNamesMax) this.forget()
  }
}

/**
 * Numbers of the names under their owner; those that are new get theirs under a lock that all
 * stores of the database share, and keep it for good.
 */
export async function numbered(
  cypher: Cypher,
  label: "_Tenant" | "_Source" | "_Type",
  owner: Owner,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const wanted = [...new Set(names)].sort()
  const properties = Object.keys(owner)
  const owned = properties.map((name) => `${name}: $${name}`).join(", ")
  const find = async (those: readonly string[]) =>
    cypher.each<[name: string, id: number]>(
      `MATCH (n:${label} {${owned}, name: r}) RETURN n.name, n.id`,
      those,
      owner,
    )
  const known = new Map(await find(wanted))
  if (known.size === wanted.length) return known
  await cypher.rows("MERGE (n:_Numbers {of: 'names'}) SET n._lock = true")
  const unknown = wanted.filter((name) => !known.has(name))
  for (const [name, id] of await find(unknown)) known.set(name, id)
  const fresh = unknown.filter((name) => !known.has(name))
  const made = await cypher.rows<[name: string, id: number]>(
    `MATCH (c:_Numbers {of: 'names'}) WITH c, coalesce(c.${label}, 0) AS last
     WITH c, last, $batch.rows AS fresh
     SET c.${label} = last + size(fresh)
     WITH last, fresh UNWIND range(0, size(fresh) - 1) AS i
     CREATE (n:${label} {${owned}, name: fresh[i], id: last + 1 + i}) RETURN n.name, n.id`,
    { ...owner, batch: { rows: fresh } },
  )
  for (const [name, id] of made) known.set(name, id)
  return known
}

/** Label of an entity, or type of a relationship. */
export function tokenOf(type: number, name: string | undefined): string {
  const isNamed = type <= neo4jTypesNamedMax && name !== undefined && plainName.test(name)
  return isNamed ? name : otherName
}

// A name cannot be empty there, nor hold U+0000, and those that begin with `_` are the store's own.
const plainName = /^[^_\0][^\0]*$/
