/**
 * The rows that decide what a transaction writes, as the writing half of every adapter sees them.
 * Each call names the tenant, also where an id alone would find the row: an id that strays from one
 * tenant to another then finds nothing.
 *
 * Promises of whoever implements it: calls answer at once and see all that the transaction has
 * written so far; nothing of it is seen by others before the transaction ends. How they come about
 * (statements of a database in this process, or rows fetched beforehand and written afterwards) is
 * the adapter's.
 */

interface One<P extends readonly unknown[], A> {
  readonly get: (...parameters: P) => A | undefined
}
interface Many<P extends readonly unknown[], A> {
  readonly all: (...parameters: P) => readonly A[]
}
type Change<P extends readonly unknown[]> = (...parameters: P) => void
/** Answers the number of rows. */
type Counted<P extends readonly unknown[]> = (...parameters: P) => number

type Id = [id: number]
type OfTenant = [id: number, tenant: number]
type Named = [tenant: number, name: string]

export interface Rows extends FenceRows, NameRows, RecordRows, NodeRows, GraphRows, FeedRows {}

interface FenceRows {
  readonly metaOf: One<[name: string], [value: string]>
  readonly insertMeta: Change<[name: string, value: string]>
  readonly guardOf: One<[shard: number], [epoch: number]>
  /** 0 where the guard is higher. */
  readonly raiseGuard: Counted<[shard: number, epoch: number]>
  /** 0 where the cursor is as high or higher. */
  readonly moveCursor: Counted<[tenant: number, partition: number, sequence: number, epoch: number]>
  readonly countRun: Change<[tenant: number, source: number, ...run: RunCounts]>
  readonly addTally: Change<[tenant: number, what: string, of: number, count: number]>
  readonly tallyOf: One<[tenant: number, what: string, of: number], [count: number]>
}

export type RunCounts = [
  epoch: number,
  count: number,
  read: number,
  accepted: number,
  duplicates: number,
  stale: number,
  replayed: number,
  refused: number,
  deadLettered: number,
]

interface NameRows {
  readonly tenantByName: One<[name: string], Id>
  readonly insertTenant: One<[name: string], Id>
  readonly sourceByName: One<Named, [id: number, priority: number]>
  readonly insertSource: One<Named, Id>
  readonly setPriority: Change<[priority: number, tenant: number, source: number]>
  readonly typeByName: One<Named, Id>
  readonly insertType: One<Named, Id>
}

export type RecordRow = readonly [
  id: number,
  runEpoch: number,
  runCount: number,
  ordinal: number,
  version: number | null,
  hash: Uint8Array,
  refs: string,
]

type RecordState = [
  runEpoch: number,
  runCount: number,
  ordinal: number,
  version: number | null,
  hash: Uint8Array,
  refs: string,
]

export type DeadLetterColumns = [
  tenant: number,
  source: number,
  runEpoch: number,
  runCount: number,
  ordinal: number,
  recordKey: string,
  file: string,
  offset: number,
  length: number,
  reason: string,
  detail: string,
  fingerprint: string,
  bytes: Uint8Array,
]

interface RecordRows {
  readonly recordByKey: One<[tenant: number, source: number, key: string], RecordRow>
  readonly lastRecord: One<[], Id>
  readonly insertRecord: Change<
    [id: number, tenant: number, source: number, key: string, ...state: RecordState]
  >
  readonly updateRecord: Change<[...state: RecordState, ...of: OfTenant]>
  readonly moveRecord: Change<
    [runEpoch: number, runCount: number, ordinal: number, ...of: OfTenant]
  >
  /** 0 where it is there already. */
  readonly insertDeadLetter: Counted<DeadLetterColumns>
}

export type NodeRow = readonly [
  id: number,
  type: number,
  asserted: number,
  properties: string,
  aliases: string,
  revision: number,
]

/** An assertion or link with what ranks it. */
export type RankedRow = readonly [
  source: string,
  priority: number,
  recordKey: string,
  version: number | null,
  properties: string | null,
  aliasesOrDerived: string | number | null,
  sourceId: number,
  id: number,
]

type KeyOfNode = [tenant: number, type: number, key: string]
type NewNode = [
  id: number,
  ...key: KeyOfNode,
  asserted: number,
  properties: string,
  aliases: string,
  revision: number,
]
type AssertionOf = [node: number, record: number, tenant: number]

interface NodeRows {
  readonly nodeIdByKey: One<KeyOfNode, Id>
  readonly nodeByKey: One<KeyOfNode, NodeRow>
  readonly nodeById: One<OfTenant, NodeRow>
  readonly lastNode: One<[first: number, last: number, tenant: number], Id>
  readonly insertNode: Change<NewNode>
  /** Looks for the key and inserts in one step: 0 where the key is taken. */
  readonly insertNewNode: Counted<NewNode>
  readonly updateNode: Change<
    [asserted: number, properties: string, aliases: string, revision: number, ...of: OfTenant]
  >
  readonly countNode: Change<[more: number, ...of: OfTenant]>
  readonly deleteNode: Change<OfTenant>
  readonly insertAssertion: Change<
    [...of: AssertionOf, properties: string | null, aliases: string | null]
  >
  readonly updateAssertion: Change<
    [properties: string | null, aliases: string | null, ...of: AssertionOf]
  >
  readonly deleteAssertion: Change<AssertionOf>
  /** Of the assertions of the node that have no text of their own. */
  readonly spellOutAssertion: Change<
    [properties: string, aliases: string, node: number, tenant: number]
  >
  readonly assertionsOf: Many<OfTenant, RankedRow>
  readonly sourcesOfNode: Many<OfTenant, [source: number]>
  /** Nodes that several records describe, this source's among them. */
  readonly mergedNodesOf: Many<[tenant: number, source: number], Id>
  readonly index: Change<[node: number, text: string]>
  readonly reindex: Change<[node: number, text: string]>
  readonly unindex: Change<[node: number]>
}

export type AliasRow = readonly [
  type: number,
  scheme: string,
  value: string,
  node: number | null,
  claims: number,
]

export type EdgeRow = readonly [
  id: number,
  type: number,
  from: number,
  to: number,
  derived: number,
  links: number,
  properties: string,
]

export type LinkRow = readonly [
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
  source: number,
]

type NameOfAlias = [tenant: number, type: number, scheme: string, value: string]
type ClaimOf = [alias: number, node: number, tenant: number]
type EndsOfEdge = [from: number, type: number, to: number, discriminator: string, tenant: number]

interface GraphRows {
  readonly aliasByName: One<NameOfAlias, Id>
  readonly lastAlias: One<[], Id>
  readonly insertAlias: Change<[id: number, ...name: NameOfAlias]>
  readonly aliasById: One<OfTenant, AliasRow>
  readonly decideAlias: Change<[node: number | null, claims: number, ...of: OfTenant]>
  readonly deleteAlias: Change<OfTenant>
  readonly insertClaim: Change<ClaimOf>
  readonly deleteClaim: Change<ClaimOf>
  readonly claimsOf: One<OfTenant, [count: number]>
  /** The claimer that is not revoked, then the one whose key is first. */
  readonly winnerOf: One<OfTenant, [node: number]>
  readonly linksOfAlias: One<OfTenant, Id> & Many<OfTenant, Id>

  readonly edgeByEnds: One<EndsOfEdge, EdgeRow>
  readonly edgeById: One<OfTenant, EdgeRow>
  readonly lastEdge: One<[], Id>
  readonly insertEdge: Change<
    [
      id: number,
      tenant: number,
      type: number,
      from: number,
      to: number,
      discriminator: string,
      derived: number,
      properties: string,
    ]
  >
  readonly updateEdge: Change<[derived: number, properties: string, ...of: OfTenant]>
  readonly countEdge: Change<[more: number, ...of: OfTenant]>
  readonly deleteEdge: Change<OfTenant>
  /** Whether any begins or ends at the node. */
  readonly edgeAt: One<[node: number, tenant: number], [one: number]>
  /** Edges that several links stand for, some of this source among them. */
  readonly mergedEdgesOf: Many<[tenant: number, source: number], Id>

  readonly linkById: One<OfTenant, LinkRow>
  readonly lastLink: One<[], Id>
  readonly insertLink: Change<
    [
      id: number,
      tenant: number,
      record: number,
      type: number,
      fromNode: number | null,
      fromAlias: number | null,
      toNode: number | null,
      toAlias: number | null,
      discriminator: string,
      derived: number,
      edge: number | null,
      properties: string | null,
    ]
  >
  readonly attachLink: Change<[edge: number, properties: string | null, ...of: OfTenant]>
  readonly setLinkText: Change<[properties: string | null, ...of: OfTenant]>
  /** Of the links of the edge that have no text of their own. */
  readonly spellOutLink: Change<[properties: string, edge: number, tenant: number]>
  readonly deleteLink: Change<OfTenant>
  readonly linksOf: Many<OfTenant, RankedRow>
  /** With whether all of the source's links are derived. */
  readonly sourcesOfEdge: Many<OfTenant, [source: number, derived: number]>
}

interface FeedRows {
  readonly feedOf: One<
    [tenant: number],
    [revision: number, node: number, changes: number, sequences: string]
  >
  readonly moveFeed: Change<
    [tenant: number, revision: number, node: number, changes: number, sequences: string]
  >
  readonly insertChanges: Change<
    [
      tenant: number,
      last: number,
      first: number,
      revision: number,
      at: number,
      sequences: string,
      entries: string,
    ]
  >
  readonly oldestChanges: One<[tenant: number], [last: number, revision: number, at: number]>
  readonly deleteChanges: Change<[tenant: number, last: number]>
  readonly keyOf: One<OfTenant, [key: string]>
  readonly keepGone: Change<[node: number, tenant: number, revision: number, key: string]>
  readonly deleteGone: Change<[tenant: number, revision: number]>
}
