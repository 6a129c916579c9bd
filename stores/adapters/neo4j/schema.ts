/**
 * How the graph lies in Neo4j.
 *
 * - An entity is a node `_Entity` and carries the name of its type as a label; a relationship
 *   between entities has the name of its type. Whoever looks at the database with other tools sees
 *   the visible graph in them. Names that begin with `_` are the store's own, so no type of a
 *   source is taken for one; types beyond `neo4jTypesNamedMax` have the label or type `_Other`.
 * - What records say of it stands in nodes `_Record` (`said.ts`), with
 *   `(:_Record)-[:_SAYS]->(:_Entity)` and, where a link of theirs has an end by alias,
 *   `(:_Record)-[:_POINTS]->(:_Alias)`; `(:_Alias)-[:_CLAIMED_BY]->(:_Entity)`. Texts of properties
 *   stand in the entity alone where one record says anything.
 * - Every node carries its tenant's number, which belongs to one store of the database.
 * - Of a tenant one transaction at a time writes: it holds the lock of its `_Tenant`, whose `turn`
 *   rises with each that changes anything; `mark` is of the last one, and of no other.
 *
 * The Community edition has constraints of uniqueness and indexes; they are made where they are
 * missing and looked at whenever a store is opened.
 */
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import type { Cypher } from "./connection.ts"

/**
 * Format 1 wrote every property of a relationship, also those that nearly all have in common; they
 * are read as they stand. Format 2 leaves these out, which a program of format 1 cannot read.
 */
export const neo4jFormat = 2

/** The oldest server whose statements have labels and types by parameter. */
const serverMin = [5, 26] as const

/** Label and properties that are unique together; the first of them begins each look-up. */
const unique: readonly (readonly [label: string, ...properties: string[]])[] = [
  ["_Store", "name"],
  ["_Numbers", "of"],
  ["_Guard", "store", "shard"],
  ["_Tenant", "store", "name"],
  ["_Tenant", "id"],
  ["_Source", "tenant", "name"],
  ["_Source", "id"],
  ["_Type", "tenant", "name"],
  ["_Type", "id"],
  ["_Cursor", "tenant", "partition"],
  ["_Run", "tenant", "source", "epoch", "count"],
  ["_Tally", "tenant", "what", "of"],
  ["_Record", "source", "key"],
  ["_Entity", "type", "key"],
  ["_Entity", "id"],
  ["_Alias", "type", "scheme", "value"],
  ["_Alias", "id"],
  ["_DeadLetter", "source", "epoch", "count", "ordinal"],
  ["_DeadLetter", "tenant", "id"],
  ["_Change", "tenant", "last"],
  ["_Gone", "node"],
]

const indexed: readonly (readonly [label: string, ...properties: string[]])[] = [
  ["_Gone", "tenant", "revision"],
]

export const wordsIndex = "_words"

/** Of a relationship e: what is there only where it is not as nearly always. */
export const statedOf = "coalesce(e.discriminator, ''), coalesce(e.derived, 0), e.properties"

/**
 * Words are found as they were put in; the index follows commits, and a search waits for it: a
 * writer that did would be slower by what the index costs.
 */
const searchText = `CREATE FULLTEXT INDEX ${wordsIndex} IF NOT EXISTS
  FOR (n:_Entity) ON EACH [n.words]
  OPTIONS {indexConfig: {\`fulltext.analyzer\`: 'whitespace',
    \`fulltext.eventually_consistent\`: true}}`

const nameOf = (parts: readonly string[]): string => parts.join("_")
const listOf = (properties: readonly string[]): string =>
  properties.map((property) => `n.${property}`).join(", ")

/** What makes each constraint and index, by the name of the index that is behind it. */
export const schemaTexts: ReadonlyMap<string, string> = new Map([
  ...unique.map(([label, ...properties]): [string, string] => [
    nameOf([label, ...properties]),
    `CREATE CONSTRAINT ${nameOf([label, ...properties])} IF NOT EXISTS
     FOR (n:${label}) REQUIRE (${listOf(properties)}) IS UNIQUE`,
  ]),
  ...indexed.map(([label, ...properties]): [string, string] => [
    nameOf([label, ...properties]),
    `CREATE INDEX ${nameOf([label, ...properties])} IF NOT EXISTS
     FOR (n:${label}) ON (${listOf(properties)})`,
  ]),
  [wordsIndex, searchText],
])

/** Refuses a server that is too old, by its version. */
export async function checkServer(cypher: Cypher, place: string): Promise<void> {
  const row = await cypher.row<[version: string]>(
    "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions[0]",
  )
  const version = row?.[0] ?? "of an unknown version"
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major > serverMin[0] || (major === serverMin[0] && minor >= serverMin[1])) return
  const message =
    `The graph store (${place}) cannot be used: the server is Neo4j ${version}; it takes ` +
    `${serverMin.join(".")} or newer.`
  throw new DataDirectoryRefused({ path: place, reason: "not-writable", message })
}

/** Constraints and indexes that are missing, or do not work. */
export async function missingOf(cypher: Cypher): Promise<readonly string[]> {
  const rows = await cypher.command<[name: string]>(
    "SHOW INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN name",
  )
  const online = new Set(rows.map(([name]) => name))
  return [...schemaTexts.keys()].filter((name) => !online.has(name))
}

/** Refuses a database in which something is still missing that was to be made. */
export function refuseMissing(missing: readonly string[], place: string): void {
  if (missing.length === 0) return
  const message =
    `The graph store (${place}) cannot be used: ${missing.join(", ")} ` +
    `${missing.length === 1 ? "is" : "are"} missing or not online.`
  throw new DataDirectoryRefused({ path: place, reason: "foreign", message })
}

/** Makes the store where there is none, or brings it forward; refuses one of a newer format. */
export async function migrate(cypher: Cypher, store: string, place: string): Promise<void> {
  const row = await cypher.row<[format: number]>(
    `MERGE (s:_Store {name: $store})
     ON CREATE SET s.format = $format, s.feed = replace(randomUUID(), '-', '')
     SET s._lock = true
     WITH s, s.format AS found
     SET s.format = CASE WHEN found < $format THEN $format ELSE found END
     RETURN found`,
    { store, format: neo4jFormat },
  )
  const format = row?.[0] ?? 0
  if (format <= neo4jFormat) return
  const message =
    `The graph store (${place}) has format ${format}; this program reads up to ${neo4jFormat}. ` +
    "Use the program that wrote it, or a newer one."
  throw new DataDirectoryRefused({ path: place, reason: "newer-format", message })
}
