/** Writes what records say: their texts, the aliases that they point at, who speaks of what. */
import { invariant } from "../../../protocols/errors.ts"
import { parseRefs } from "../../graph/write/block-writer.ts"
import type { EdgeCell, LinkCell, RecordCell, WorkingSet } from "../../graph/write/working-set.ts"
import type { Outgoing } from "./connection.ts"
import { aliasesAt, type RecordName, type Shelf, textOfNames, textOfSaid } from "./said.ts"

/** Records that are new, or of which anything has changed, with their texts. */
export type RecordsToWrite = ReadonlyMap<RecordCell, string>

export function recordsToWrite(set: WorkingSet, shelf: Shelf): RecordsToWrite {
  const links = [...set.links.gone, ...set.links.in("new"), ...set.links.in("changed")]
  const changed = new Set([...set.records.in("new"), ...set.records.in("changed")])
  for (const { record } of links) changed.add(recordOf(set, record))
  return new Map([...changed].map((cell) => [cell, textOf(set, shelf, cell)]))
}

function textOf(set: WorkingSet, shelf: Shelf, cell: RecordCell): string {
  const links = linksOf(set, cell).map((link) => {
    const edge = link.edge === null ? undefined : set.edges.get(link.edge)
    const known = link.edge === null ? undefined : shelf.ends.get(link.edge)
    return [link, edge === undefined ? known : ([edge.from, edge.to] as const)] as const
  })
  return textOfSaid(cell, cell.refs.slice(0, cell.refs.indexOf("/")), links)
}

function linksOf(set: WorkingSet, { refs }: RecordCell): readonly LinkCell[] {
  if (refs.endsWith("/")) return noLinks
  return parseRefs(refs).links.flatMap((id) => set.links.get(id) ?? [])
}

const noLinks: readonly LinkCell[] = []

/** Joins records to the aliases that their links have at an end. */
export function flushPoints(
  cypher: Outgoing,
  set: WorkingSet,
  shelf: Shelf,
  records: RecordsToWrite,
): void {
  const gone: [...RecordName, alias: number][] = []
  const made: [...RecordName, alias: number][] = []
  // Few have a link by an alias, and only these are looked at.
  const pointing = new Set<number>()
  for (const link of set.links.values()) if (isByAlias(link)) pointing.add(link.record)
  for (const cell of records.keys()) {
    const before = shelf.pointed.get(cell.id) ?? none
    if (before.size === 0 && !pointing.has(cell.id)) continue
    const after = aliasesAt(linksOf(set, cell))
    const name = [cell.source, cell.key] as const
    for (const alias of before) if (!after.has(alias)) gone.push([...name, alias])
    for (const alias of after) if (!before.has(alias)) made.push([...name, alias])
  }
  cypher.send(`${ends} MATCH (d)-[p:_POINTS]->(a) DELETE p`, gone)
  cypher.send(`${ends} CREATE (d)-[:_POINTS]->(a)`, made)
}

const none: ReadonlySet<number> = new Set()

const isByAlias = ({ fromAlias, toAlias }: LinkCell) => fromAlias !== null || toAlias !== null

const ends = `
  MATCH (d:_Record {source: r[0], key: r[1]}) USING INDEX SEEK d:_Record(source, key)
  MATCH (a:_Alias {id: r[2]}) USING INDEX SEEK a:_Alias(id)
  WITH d, a`

export const nameOfRecord = (set: WorkingSet, id: number): RecordName => {
  const { source, key } = recordOf(set, id)
  return [source, key]
}

/** The records that speak of a relationship that is new or has changed. */
export function byOf(set: WorkingSet, { id }: EdgeCell): string {
  return textOfNames(set.linksAt(id).map(({ record }) => nameOfRecord(set, record)))
}

function recordOf(set: WorkingSet, id: number): RecordCell {
  const cell = set.records.get(id)
  invariant(cell !== undefined, "A record that is spoken of was fetched.")
  return cell
}
