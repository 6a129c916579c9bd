/** Numbers of tenants, sources and types, and the names that their rows have in the database. */
import { neo4jTypesNamedMax } from "../../../protocols/limits.ts"
import type { Cypher } from "./connection.ts"

/** Of relationships and labels whose type is beyond those that are named. */
const otherName = "_Other"

type Owner = Readonly<Record<string, string | number>>

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
     SET c.${label} = last + size($fresh)
     WITH last UNWIND range(0, size($fresh) - 1) AS i
     CREATE (n:${label} {${owned}, name: $fresh[i], id: last + 1 + i}) RETURN n.name, n.id`,
    { ...owner, fresh },
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
