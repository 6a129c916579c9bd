/**
 * The rows that a transaction may look at, in memory, for a store that is reached over a network:
 * fetched beforehand (`gather.ts`), decided on by the shared writer, written afterwards.
 *
 * Promises: answers as the tables would, for whatever was fetched; of what was not fetched it knows
 * that it was not, and says so (`InvariantBroken`) instead of taking it for absent, but for keys,
 * where the tables' own unique indexes refuse a second row.
 */
import { invariant } from "../../../protocols/errors.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
import { isRevoked } from "../text.ts"
import { type Cell, Cells, Groups, Keyed } from "./cells.ts"
import type {
  DeadLetterColumns,
  EdgeRow,
  LinkRow,
  NodeRow,
  RankedRow,
  RecordRow,
  Rows,
  RunCounts,
} from "./rows.ts"

export interface RecordCell extends Cell {
  readonly id: number
  readonly tenant: number
  readonly source: number
  readonly key: string
  runEpoch: number
  runCount: number
  ordinal: number
  version: number | null
  hash: Uint8Array
  refs: string
}

/** What ranks the assertions and links of a record. */
export interface Sayer {
  readonly source: number
  readonly key: string
  readonly version: number | null
}

export interface AssertionCell extends Cell {
  readonly node: number
  readonly record: number
  readonly tenant: number
  properties: string | null
  aliases: string | null
}

export interface NodeCell extends Cell {
  readonly id: number
  readonly tenant: number
  readonly type: number
  readonly key: string
  asserted: number
  properties: string
  aliases: string
  revision: number
}

export interface AliasCell extends Cell {
  readonly id: number
  readonly tenant: number
  readonly type: number
  readonly scheme: string
  readonly value: string
  node: number | null
  claims: number
}

export interface ClaimCell extends Cell {
  readonly alias: number
  readonly node: number
  readonly tenant: number
}

export interface EdgeCell extends Cell {
  readonly id: number
  readonly tenant: number
  readonly type: number
  readonly from: number
  readonly to: number
  readonly discriminator: string
  derived: number
  links: number
  properties: string
}

export interface LinkCell extends Cell {
  readonly id: number
  readonly tenant: number
  readonly record: number
  readonly type: number
  readonly fromNode: number | null
  readonly fromAlias: number | null
  readonly toNode: number | null
  readonly toAlias: number | null
  readonly discriminator: string
  readonly derived: number
  edge: number | null
  properties: string | null
}

export interface SourceCell extends Cell {
  readonly id: number
  readonly name: string
  priority: number
}

export interface FeedCell extends Cell {
  readonly tenant: number
  revision: number
  node: number
  changes: number
  sequences: string
}

type OldChanges = [last: number, revision: number, at: number]
type ChangesColumns = Parameters<Rows["insertChanges"]>
type GoneColumns = Parameters<Rows["keepGone"]>

/** Numbers of rows that a transaction has used: the last one of each kind. */
export interface Numbers {
  record: number
  alias: number
  edge: number
  link: number
}

export const nameOfKey = (of: number, text: string, value?: string): string =>
  value === undefined
    ? `${of}/${text.toWellFormed()}`
    : `${of}/${JSON.stringify([text.toWellFormed(), value.toWellFormed()])}`

export const nameOfEnds = (from: number, type: number, to: number, discriminator: string): string =>
  `${from}/${type}/${to}/${discriminator.toWellFormed()}`

const pairOf = (a: number, b: number): string => `${a}/${b}`

export class WorkingSet {
  readonly numbers: Numbers
  readonly meta = new Map<string, string>()
  readonly newMeta = new Map<string, string>()
  readonly guards = new Map<number, number>()
  readonly raised = new Set<number>()
  readonly cursors = new Map<string, { sequence: number; epoch: number }>()
  readonly moved = new Map<string, readonly [tenant: number, partition: number]>()
  readonly runs: [tenant: number, source: number, ...RunCounts][] = []
  readonly tallies = new Map<string, [tenant: number, what: string, of: number, count: number]>()
  readonly knownTallies = new Map<string, number>()
  readonly tenants = new Map<string, number>()
  readonly sources = new Cells<number, SourceCell>()
  readonly sourcesByName = new Map<string, number>()
  readonly types = new Map<string, number>()
  readonly records = new Cells<number, RecordCell>()
  readonly recordsByKey = new Keyed<number>()
  readonly sayers = new Map<number, Sayer>()
  readonly deadLettersKnown = new Set<string>()
  readonly deadLetters: DeadLetterColumns[] = []
  readonly nodes = new Cells<number, NodeCell>()
  readonly nodesByKey = new Keyed<number>()
  readonly assertions = new Cells<string, AssertionCell>()
  readonly assertionsOf = new Groups<number, AssertionCell>()
  /** Nodes whose assertions are all here. */
  readonly described = new Set<number>()
  /** By node; `undefined` is to be taken out of the index. */
  readonly texts = new Map<number, { readonly tenant: number; readonly text: string | undefined }>()
  readonly aliases = new Cells<number, AliasCell>()
  readonly aliasesByName = new Map<string, number>()
  readonly claims = new Cells<string, ClaimCell>()
  readonly claimsOf = new Groups<number, number>()
  /** Aliases whose claims are all here. */
  readonly claimed = new Set<number>()
  readonly edges = new Cells<number, EdgeCell>()
  readonly edgesByEnds = new Map<string, number>()
  readonly edgesAt = new Groups<number, number>()
  /** Whether the node has edges that are not here. */
  readonly otherEdges = new Map<number, boolean>()
  readonly links = new Cells<number, LinkCell>()
  readonly linksOfEdge = new Groups<number, number>()
  /** Edges whose links are all here. */
  readonly attached = new Set<number>()
  readonly linksOfAlias = new Groups<number, number>()
  /** Whether the alias has links that are not here. */
  readonly otherLinks = new Map<number, boolean>()
  readonly feeds = new Cells<number, FeedCell>()
  readonly newChanges: ChangesColumns[] = []
  readonly oldChanges = new Map<number, OldChanges[]>()
  readonly dropped: (readonly [tenant: number, last: number])[] = []
  readonly newGone: GoneColumns[] = []
  readonly droppedGone = new Map<number, number>()
  merged: { readonly nodes: readonly number[]; readonly edges: readonly number[] } = {
    nodes: [],
    edges: [],
  }

  constructor(numbers: Numbers) {
    this.numbers = { ...numbers }
  }

  putRecord(cell: RecordCell): void {
    this.records.fetched(cell.id, cell)
    this.recordsByKey.set(cell.source, cell.key, cell.id)
    this.sayers.set(cell.id, cell)
  }

  putNode(cell: NodeCell): void {
    this.nodes.fetched(cell.id, cell)
    this.nodesByKey.set(cell.type, cell.key, cell.id)
  }

  putAssertion(cell: AssertionCell): void {
    const kept = this.assertions.fetched(pairOf(cell.node, cell.record), cell)
    this.assertionsOf.add(cell.node, kept)
  }

  putAlias(cell: AliasCell): void {
    this.aliases.fetched(cell.id, cell)
    this.aliasesByName.set(nameOfKey(cell.type, cell.scheme, cell.value), cell.id)
  }

  putClaim(cell: ClaimCell): void {
    this.claims.fetched(pairOf(cell.alias, cell.node), cell)
    this.claimsOf.add(cell.alias, cell.node)
  }

  putEdge(cell: EdgeCell): void {
    this.edges.fetched(cell.id, cell)
    this.edgesByEnds.set(nameOfEnds(cell.from, cell.type, cell.to, cell.discriminator), cell.id)
    this.edgesAt.add(cell.from, cell.id)
    this.edgesAt.add(cell.to, cell.id)
  }

  putLink(cell: LinkCell): void {
    const kept = this.links.fetched(cell.id, cell)
    if (kept.edge !== null) this.linksOfEdge.add(kept.edge, kept.id)
    if (kept.fromAlias !== null) this.linksOfAlias.add(kept.fromAlias, kept.id)
    if (kept.toAlias !== null) this.linksOfAlias.add(kept.toAlias, kept.id)
  }

  recordOf(source: number, key: string): RecordCell | undefined {
    const id = this.recordsByKey.get(source, key)
    return id === undefined ? undefined : this.records.get(id)
  }

  rankedOf(
    record: number,
    properties: string | null,
    third: string | number | null,
    id: number,
  ): RankedRow {
    const sayer = this.sayers.get(record)
    const source = sayer && this.sources.get(sayer.source)
    invariant(sayer !== undefined && source !== undefined, "Who says it was fetched.")
    const { name, priority } = source
    return [name, priority, sayer.key, sayer.version, properties, third, sayer.source, id]
  }

  sourceOf(record: number): number {
    const sayer = this.sayers.get(record)
    invariant(sayer !== undefined, "Who says it was fetched.")
    return sayer.source
  }

  assertionsAt(node: number): Iterable<AssertionCell> {
    invariant(this.described.has(node), "What is said of a touched entity was fetched.")
    return this.assertionsOf.of(node)
  }

  linksAt(edge: number): readonly LinkCell[] {
    invariant(this.attached.has(edge), "What a touched relationship stands for was fetched.")
    const links: LinkCell[] = []
    for (const id of this.linksOfEdge.of(edge)) {
      const link = this.links.get(id)
      if (link !== undefined) links.push(link)
    }
    return links
  }

  removeNode(id: number): void {
    const cell = this.nodes.remove(id)
    if (cell !== undefined) this.nodesByKey.delete(cell.type, cell.key)
  }

  removeEdge(id: number): void {
    const cell = this.edges.remove(id)
    if (cell === undefined) return
    this.edgesByEnds.delete(nameOfEnds(cell.from, cell.type, cell.to, cell.discriminator))
    this.edgesAt.remove(cell.from, id)
    this.edgesAt.remove(cell.to, id)
  }

  removeAlias(id: number): void {
    const cell = this.aliases.remove(id)
    if (cell === undefined) return
    this.aliasesByName.delete(nameOfKey(cell.type, cell.scheme, cell.value))
  }

  removeLink(id: number): void {
    const cell = this.links.remove(id)
    if (cell === undefined) return
    if (cell.edge !== null) this.linksOfEdge.remove(cell.edge, id)
    if (cell.fromAlias !== null) this.linksOfAlias.remove(cell.fromAlias, id)
    if (cell.toAlias !== null) this.linksOfAlias.remove(cell.toAlias, id)
  }

  /** By key, then not revoked first: who stands for the alias. */
  winnerOf(alias: number): number | undefined {
    const claimers = [...this.claimsOf.of(alias)].map((id) => {
      const cell = this.nodes.get(id)
      invariant(cell !== undefined, "Who claims a touched alias was fetched.")
      return cell
    })
    const revoked = ({ properties }: NodeCell) => Number(isRevoked(properties))
    claimers.sort((a, b) => revoked(a) - revoked(b) || compareUtf8(a.key, b.key))
    return claimers[0]?.id
  }
}

export const recordRowOf = (cell: RecordCell): RecordRow => [
  cell.id,
  cell.runEpoch,
  cell.runCount,
  cell.ordinal,
  cell.version,
  cell.hash,
  cell.refs,
]

export const nodeRowOf = (cell: NodeCell): NodeRow => [
  cell.id,
  cell.type,
  cell.asserted,
  cell.properties,
  cell.aliases,
  cell.revision,
]

export const edgeRowOf = (cell: EdgeCell): EdgeRow => [
  cell.id,
  cell.type,
  cell.from,
  cell.to,
  cell.derived,
  cell.links,
  cell.properties,
]

export const linkRowOf = (cell: LinkCell, source: number): LinkRow => [
  cell.id,
  cell.type,
  cell.fromNode,
  cell.fromAlias,
  cell.toNode,
  cell.toAlias,
  cell.discriminator,
  cell.derived,
  cell.edge,
  cell.properties,
  source,
]
