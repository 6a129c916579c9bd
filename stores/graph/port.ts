/**
 * The graph port: assertions in, a visible graph out (contracts §2, §7). Written by sinks, read by
 * the edge and the command line. Every call names its tenant and nothing crosses from one to
 * another.
 *
 * `GraphSink` promises: a block's effects, its source's counters, its dead letters, the dedupe rows
 * and the partition's cursor are one transaction, on stable storage before `commit` answers; a
 * block at or below the cursor changes nothing; a block of an epoch below the guard changes
 * nothing. Blocks of one call may share a transaction; each has its own outcome. What may fail
 * beneath: a commit may have happened although the caller saw `Unavailable`; the caller repeats it.
 */

import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SourceCounters } from "../../protocols/counters.ts"
import type {
  DiskFull,
  Fenced,
  Invalid,
  LimitExceeded,
  LogDamaged,
  StoreFailed,
  Unavailable,
} from "../../protocols/errors.ts"
import type { DeadLetterReason, Run } from "../../protocols/event.ts"
import type { Alias, BlockEffects, Properties, PropertyValue } from "../../protocols/graph.ts"
import type { Instant } from "../../protocols/units.ts"

export type StoreBroken = StoreFailed | DiskFull | Unavailable

/** `sequence` is the highest whose effect is committed; 0 before the first. */
export interface Cursor {
  readonly tenant: string
  readonly partition: number
  readonly sequence: number
  readonly epoch: number
}

export interface Guard {
  readonly shard: number
  readonly epoch: number
}

export interface PreparedBlock {
  readonly tenant: string
  readonly partition: number
  readonly sequence: number
  readonly recordCount: number
  /** Of the store that made it. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /**
   * Frees its memory, once the last call with it was answered; again, it does nothing. A commit of
   * it after that dies. Where nobody calls it the collector frees it, and goes through all of the
   * heap for each 64 MiB of such.
   */
  readonly release: () => void
}

export type BlockOutcome =
  | { readonly kind: "applied"; readonly counted: SourceCounters }
  | { readonly kind: "already-applied" }
  | { readonly kind: "fenced"; readonly current: number }

export interface GraphSinkShape {
  /**
   * Puts one's own epochs into the guard, before cursors are read. `Fenced` where the guard is
   * higher for any of them (then none is written); `LogDamaged` where the store has cursors of
   * another log.
   */
  readonly guard: (
    logId: string,
    guards: readonly Guard[],
  ) => Effect.Effect<void, Fenced | LogDamaged | StoreBroken>
  /**
   * Where blocks go to several stores: the guard and the cursors of each, for a takeover, which
   * holds all of them against the log. `cursors` then tells what all of them have.
   */
  readonly each?: readonly Pick<GraphSinkShape, "guard" | "cursors">[]
  /** Cursors of all partitions that ever committed, of one tenant or of all. */
  readonly cursors: (tenant?: string) => Effect.Effect<readonly Cursor[], StoreBroken>
  /** Priority of a source in the merge rule, default 0; a change shows at once. */
  readonly configureSource: (
    tenant: string,
    source: string,
    settings: { readonly priority: number },
  ) => Effect.Effect<void, StoreBroken>
  /**
   * The block as the store takes it, made on the caller's thread, pure. Holding it is lighter than
   * holding the effects, and making it is no work of the commit's. Throws where a record cannot be
   * stored.
   */
  readonly prepare: (block: BlockEffects) => PreparedBlock
  readonly commit: (
    blocks: readonly (BlockEffects | PreparedBlock)[],
  ) => Effect.Effect<readonly BlockOutcome[], LogDamaged | StoreBroken>
  /**
   * Lets dead letters go, or changes what is wrong with them, in one transaction; answers how many
   * of them were there. Of a run, a letter that is gone does not come back when its block does.
   * Needs no epoch: a letter belongs to nobody's partition. At most `deadLettersSettledMax`.
   */
  readonly settleDeadLetters: (
    tenant: string,
    changes: readonly DeadLetterChange[],
  ) => Effect.Effect<number, StoreBroken>
  /** Copies the store as it is now into a new file or folder at `path`. */
  readonly backup: (path: string) => Effect.Effect<void, StoreBroken>
}

export class GraphSink extends Context.Service<GraphSink, GraphSinkShape>()(
  "intelgraph/stores/GraphSink",
) {}

export interface EntityName {
  readonly type: string
  readonly key: string
}

export interface VisibleEntity extends EntityName {
  /** Others point to it and no source describes it. */
  readonly stub: boolean
  readonly properties: Properties
  readonly aliases: readonly Alias[]
  /** Rises with every change of what is visible of it; also after it was gone for a time. */
  readonly revision: number
}

export interface VisibleRelationship {
  readonly type: string
  readonly from: { readonly type: string; readonly key: string }
  readonly to: { readonly type: string; readonly key: string }
  readonly discriminator: string
  readonly derived: boolean
  readonly properties: Properties
}

/** What one record of one source says of an entity: the provenance of a property. */
export interface Assertion {
  readonly source: string
  readonly recordKey: string
  readonly version: Instant | undefined
  readonly run: Run
  readonly ordinal: number
  readonly properties: Properties
}

export interface PropertyFilter {
  readonly name: string
  readonly eq?: PropertyValue
  readonly in?: readonly PropertyValue[]
  readonly gte?: string | number
  readonly lte?: string | number
}

/**
 * One page in the store's order; `after` is the opaque `end` of the page before. A page whose
 * filter looked at `filteredRowsMax` rows ends early: it has fewer rows than asked for, or none,
 * and more.
 */
export interface PageRequest {
  readonly first: number
  readonly after?: string
}

export interface Page<A> {
  readonly items: readonly A[]
  readonly end: string | undefined
  readonly hasMore: boolean
}

export interface Neighborhood {
  /** By distance, then type, then key. */
  readonly entities: readonly (VisibleEntity & { readonly hops: number })[]
  readonly relationships: readonly VisibleRelationship[]
  /** A hop had more than `neighborsNodesPerHopMax` entities. */
  readonly truncated: boolean
}

/** A way through the graph, followed from the entities that a ranking groups by. */
export interface RankStep {
  readonly relationship: string
  readonly direction: "out" | "in"
  /** Type of the entity at the end of the step. */
  readonly type: string
  /** Only entities that this source describes. */
  readonly source?: string
}

export interface RankRequest {
  readonly type: string
  /** Properties that must not be true. */
  readonly unless: readonly string[]
  readonly steps: readonly RankStep[]
  /** Index of the step whose distinct entities are counted. */
  readonly count: number
  readonly first: number
}

export interface RankRow {
  readonly entity: VisibleEntity
  readonly count: number
}

export interface SourceSummary {
  readonly source: string
  readonly counters: SourceCounters
  /** Distinct entities and relationships that this source asserts now. */
  readonly entities: number
  readonly relationships: number
  readonly derived: number
  /** Stubs that relationships of this source point to or from. */
  readonly stubs: number
}

export interface GraphCounts {
  readonly entities: number
  readonly stubs: number
  readonly relationships: number
  readonly derived: number
  readonly assertions: number
  /** Aliases that several entities claim. */
  readonly ambiguous: number
  readonly deadLetters: number
  readonly byType: readonly { readonly type: string; readonly count: number }[]
  readonly byRelationship: readonly { readonly type: string; readonly count: number }[]
}

export interface DeadLetter {
  /** Opaque, stable, of this tenant only. */
  readonly id: string
  readonly source: string
  readonly run: Run
  readonly ordinal: number
  readonly recordKey: string
  readonly file: string
  readonly offset: number
  readonly lengthBytes: number
  readonly reason: DeadLetterReason
  readonly detail: string
  readonly fingerprint: string
  readonly bytes: Uint8Array
}

/** What becomes of a dead letter; one without a fault of its own is gone. */
export interface DeadLetterChange extends Pick<DeadLetter, "source" | "run" | "ordinal"> {
  readonly fault: Pick<DeadLetter, "reason" | "detail" | "fingerprint"> | undefined
}

export type RunDeadLetter = Pick<DeadLetter, "ordinal" | "recordKey" | "reason" | "detail">

/**
 * A place in a tenant's change feed: behind these changes of each partition. `feed` names the feed:
 * another one (a store that was made anew or restored) begins its sequences again.
 */
export interface FeedPosition {
  readonly feed: string
  /** By partition; 0 before the first change. Partitions beyond its end are at 0. */
  readonly sequences: readonly number[]
}

/** One change of what is visible of an entity, in the order of the tenant's revisions. */
export interface EntityChange {
  readonly kind: "created" | "updated" | "removed"
  readonly type: string
  readonly key: string
  /** What this change made of the entity's revision; unique and rising within the tenant. */
  readonly revision: number
  /** The entity as it is when the change is read, which may be of a later revision. */
  readonly entity: VisibleEntity | undefined
  /** Behind this change. */
  readonly position: FeedPosition
}

export interface ChangesPage {
  readonly changes: readonly EntityChange[]
  /** Behind all that was looked at, also where none of it is of the types asked for. */
  readonly position: FeedPosition
  /** There are more by now. */
  readonly hasMore: boolean
}

/** A page of entities with where the feed stood when it was read. */
export interface SnapshotPage extends Page<VisibleEntity> {
  readonly position: FeedPosition
  /** The highest revision of the tenant by then: what is above it has happened since. */
  readonly revision: number
}

/**
 * The change feed (contracts §9): written in the sink's transactions. Of a tenant at least the last
 * `changesKeptMax` changes are kept, unless they are older than `changesKeptMillisMax`; old ones go
 * when new ones come.
 */
export interface ChangeFeedShape {
  /** Where the feed ends now. Read before a snapshot: all later changes are behind it. */
  readonly position: (tenant: string) => Read<FeedPosition>
  /** Before the oldest change that is kept. */
  readonly oldest: (tenant: string) => Read<FeedPosition>
  /** A page of `GraphReadsShape.entities`, and the feed at the same moment. */
  readonly snapshot: (
    tenant: string,
    query: { readonly type?: string },
    page: PageRequest,
  ) => Read<SnapshotPage>
  /**
   * The next changes behind `after`, at most `first` (`changesPageMax`); fewer, or none, where
   * `changesLookedMax` were looked at. `undefined` where that place is not kept any more, is of
   * another feed or none of this one's.
   */
  readonly changes: (
    tenant: string,
    query: { readonly types?: readonly string[] },
    page: { readonly first: number; readonly after: FeedPosition },
  ) => Read<ChangesPage | undefined>
  /**
   * Calls back, outside of any read, after commits of this process that changed what is visible of
   * the tenant; several may share a call. Returns how to stop. Without a writer nothing is told:
   * whoever follows a file that another process writes looks again from time to time.
   */
  readonly watch: (tenant: string, changed: () => void) => () => void
}

type Read<A> = Effect.Effect<A, Invalid | LimitExceeded | StoreBroken>

/** Reads of one tenant. In the embedded store they complete synchronously. */
export interface GraphReadsShape {
  readonly entity: (tenant: string, type: string, key: string) => Read<VisibleEntity | undefined>
  /** What each record says of it, the strongest first. */
  readonly assertions: (tenant: string, type: string, key: string) => Read<readonly Assertion[]>
  /** Several at once, in the order of their names; a name may be given twice. */
  readonly entitiesAt: (
    tenant: string,
    names: readonly EntityName[],
  ) => Read<readonly (VisibleEntity | undefined)[]>
  readonly assertionsOf: (
    tenant: string,
    names: readonly EntityName[],
  ) => Read<readonly (readonly Assertion[])[]>
  /** The same page of the relationships of each. */
  readonly relationshipsOf: (
    tenant: string,
    names: readonly EntityName[],
    query: { readonly type?: string; readonly direction: "out" | "in" | "both" },
    page: PageRequest,
  ) => Read<readonly Page<VisibleRelationship>[]>
  /**
   * In order (type, key). `text` is searched in names and text properties: all words, by prefix.
   * `isPlain`: nobody looks at aliases and revisions, and a store may leave them empty and 0.
   */
  readonly entities: (
    tenant: string,
    query: {
      readonly type?: string
      readonly text?: string
      readonly properties?: readonly PropertyFilter[]
      readonly isPlain?: boolean
    },
    page: PageRequest,
  ) => Read<Page<VisibleEntity>>
  /** Of one entity, in order (type, other end, discriminator). */
  readonly relationships: (
    tenant: string,
    of: { readonly type: string; readonly key: string },
    query: { readonly type?: string; readonly direction: "out" | "in" | "both" },
    page: PageRequest,
  ) => Read<Page<VisibleRelationship>>
  readonly neighbors: (
    tenant: string,
    of: { readonly type: string; readonly key: string },
    query: { readonly hops: number; readonly types?: readonly string[] },
  ) => Read<Neighborhood>
  /** A shortest path, either direction, the same one each time; `undefined` where there is none. */
  readonly path: (
    tenant: string,
    from: { readonly type: string; readonly key: string },
    to: { readonly type: string; readonly key: string },
    hopsMax: number,
  ) => Read<
    | {
        readonly entities: readonly VisibleEntity[]
        readonly relationships: readonly VisibleRelationship[]
      }
    | undefined
  >
  /** Distinct entities reached from each entity of a type; most first, ties by name, then key. */
  readonly rank: (tenant: string, request: RankRequest) => Read<readonly RankRow[]>
  readonly counts: (tenant: string) => Read<GraphCounts>
  readonly sources: (tenant: string) => Read<readonly SourceSummary[]>
  /**
   * What one run of a source has counted so far; all zero for a run that the store does not know.
   */
  readonly runCounters: (tenant: string, source: string, run: Run) => Read<SourceCounters>
  readonly deadLetters: (
    tenant: string,
    query: { readonly source?: string; readonly reason?: string; readonly id?: string },
    page: PageRequest,
  ) => Read<Page<DeadLetter>>
  /** Of one run the first records, by their place in it, that were set aside; without bytes. */
  readonly deadLettersOfRun: (
    tenant: string,
    source: string,
    run: Run,
    first: number,
  ) => Read<readonly RunDeadLetter[]>
  /**
   * Differs from what it was before any commit, of whatever process, that could change what another
   * read of the tenant answers. What was read after it was asked is at least as new.
   */
  readonly version: (tenant: string) => Read<string>
  /**
   * Rises before any commit of this process is acknowledged; while it is the same, so are versions,
   * but for commits that nobody was told of. `undefined` where another process may write.
   */
  readonly acknowledged: () => number | undefined
  readonly tenants: Read<readonly string[]>
  /** SHA-256, hex, over the sorted visible graph: no times of ingest, sequences or epochs. */
  readonly graphHash: (tenant: string) => Read<string>
}

export class GraphReads extends Context.Service<GraphReads, GraphReadsShape>()(
  "intelgraph/stores/GraphReads",
) {}

/** The graph as whoever does not write sees it. */
export interface GraphView {
  /** As the sink tells them. */
  readonly cursors: GraphSinkShape["cursors"]
  readonly reads: GraphReadsShape
  readonly feed: ChangeFeedShape
}

export interface GraphStore extends GraphView {
  readonly sink: GraphSinkShape
}
