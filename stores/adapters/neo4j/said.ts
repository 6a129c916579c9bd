/**
 * What a record says, as one text in its node: a line for the record itself, then one for each of
 * its links. A node for each link would be three of the four writes that a relationship costs.
 *
 * Records and links have numbers within a transaction only; in the database a record is known by
 * its source and key, and a relationship names the records that speak of it (`by`).
 */
import type { LinkCell, RecordCell } from "../../graph/write/working-set.ts"

/** Where a relationship begins and ends. */
export type Ends = readonly [from: number, to: number]

export type RecordName = readonly [source: number, key: string]

type StateOfRecord = Pick<RecordCell, "runEpoch" | "runCount" | "ordinal" | "version" | "hash">
type StatedLink = Omit<LinkCell, "id" | "tenant" | "record" | "state">

export interface Said extends StateOfRecord {
  /** Entities that the record speaks of. */
  readonly nodes: string
  readonly links: readonly (readonly [link: StatedLink, ends: Ends | undefined])[]
}

const lineOfRecord = (record: StateOfRecord, nodes: string): string => {
  const { runEpoch, runCount, ordinal, version, hash } = record
  const hashText = Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString("base64url")
  return `${runEpoch}/${runCount}/${ordinal}/${version ?? ""}/${hashText}/${nodes}`
}

/** Whole numbers first, so that a statement can take a line apart; no text holds a line's end. */
const lineOfLink = (link: StatedLink, ends: Ends | undefined): string => {
  const { edge, type, fromNode, fromAlias, toNode, toAlias, derived } = link
  const [begin, end] = ends ?? []
  const from = `${fromNode ?? ""}|${fromAlias ?? ""}`
  const line =
    `${edge ?? ""}|${begin ?? ""}|${end ?? ""}|${type}|${from}|` +
    `${toNode ?? ""}|${toAlias ?? ""}|${derived}`
  if (link.discriminator === "" && link.properties === null) return line
  return `${line}|${JSON.stringify([link.discriminator, link.properties])}`
}

export const textOfSaid = (
  record: StateOfRecord,
  nodes: string,
  links: readonly (readonly [StatedLink, Ends | undefined])[],
): string =>
  links.length === 0
    ? lineOfRecord(record, nodes)
    : `${lineOfRecord(record, nodes)}\n${links.map((one) => lineOfLink(...one)).join("\n")}`

export function saidOf(text: string): Said {
  const [first = "", ...lines] = text.split("\n")
  return { ...stateOf(first), links: lines.map(linkOf) }
}

export function stateOf(line: string): Omit<Said, "links"> {
  const [runEpoch, runCount, ordinal, version = "", hash = "", nodes = ""] = line.split("/")
  return {
    runEpoch: Number(runEpoch),
    runCount: Number(runCount),
    ordinal: Number(ordinal),
    version: numberOf(version),
    hash: Buffer.from(hash, "base64url"),
    nodes,
  }
}

/** How many numbers a link's line begins with. */
const linkNumbers = 9

function linkOf(line: string): Said["links"][number] {
  const parts = line.split("|")
  const [edge = null, begin = null, end = null, type = null, ...rest] = parts
    .slice(0, linkNumbers)
    .map(numberOf)
  const [fromNode = null, fromAlias = null, toNode = null, toAlias = null, derived = null] = rest
  const texts = parts.slice(linkNumbers).join("|")
  const [discriminator, properties] =
    texts === "" ? (["", null] as const) : (JSON.parse(texts) as [string, string | null])
  const named = { type: type ?? -1, fromNode, fromAlias, toNode, toAlias }
  const ends = begin === null || end === null ? undefined : ([begin, end] as const)
  return [{ ...named, discriminator, derived: derived ?? 0, edge, properties }, ends]
}

const numberOf = (text: string): number | null => (text === "" ? null : Number(text))

/** The records that speak of a relationship, each once. */
export function textOfNames(names: readonly RecordName[]): string {
  const texts = names.map((name) => JSON.stringify(name))
  return `[${(texts.length === 1 ? texts : [...new Set(texts)]).join(",")}]`
}

export const namesOf = (text: string): readonly RecordName[] => JSON.parse(text) as RecordName[]

/** What a transaction knows of its rows beside their cells. */
export class Shelf {
  /** Of relationships. */
  readonly ends = new Map<number, Ends>()
  /** Records that speak of a relationship, as the store has it. */
  readonly by = new Map<number, string>()
  /** Entities of which is known that they are there, and not what they show. */
  readonly ofEnds = new Set<number>()
  /** Aliases at ends of a record's links, as the store has it. */
  readonly pointed = new Map<number, ReadonlySet<number>>()
}

export const aliasesAt = (
  links: readonly Pick<LinkCell, "fromAlias" | "toAlias">[],
): ReadonlySet<number> =>
  new Set(links.flatMap(({ fromAlias, toAlias }) => [fromAlias ?? [], toAlias ?? []].flat()))
