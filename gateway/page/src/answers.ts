/** What the node answers to the documents of `documents.ts`. */

export interface EntityRef {
  readonly id: string
  readonly type: string
  readonly key: string
  readonly name: string | null
  readonly stub: boolean
}

export interface Alias {
  readonly scheme: string
  readonly value: string
}

export interface Found extends EntityRef {
  readonly aliases: readonly Alias[]
}

export interface Page<A> {
  readonly items: readonly A[]
  readonly end: string | null
  readonly hasMore: boolean
}

export type Properties = { readonly [name: string]: unknown }

export interface Assertion {
  readonly source: string
  readonly recordKey: string
  readonly version: string | null
  readonly run: string
  readonly ordinal: number
  readonly properties: Properties
}

export interface Entity extends Found {
  readonly revision: number
  readonly properties: Properties
  readonly sources: readonly Assertion[]
}

export interface Link {
  readonly type: string
  readonly derived: boolean
  readonly from: { readonly id: string }
  readonly to: { readonly id: string }
}

export interface Neighborhood {
  readonly entities: readonly { readonly hops: number; readonly entity: EntityRef }[]
  readonly relationships: readonly Link[]
  readonly truncated: boolean
}

export interface Relationship {
  readonly type: string
  readonly derived: boolean
  readonly discriminator: string
  readonly from: EntityRef
  readonly to: EntityRef
}

export interface Path {
  readonly entities: readonly EntityRef[]
  readonly relationships: readonly Link[]
}

export interface TypeCount {
  readonly type: string
  readonly count: number
}

export interface RecordCounts {
  readonly source: string
  readonly read: number
  readonly accepted: number
  readonly duplicates: number
  readonly stale: number
  readonly replayed: number
  readonly refused: number
  readonly deadLettered: number
}

export interface SourceStats extends RecordCounts {
  readonly entities: number
  readonly relationships: number
  readonly derived: number
  readonly stubs: number
}

export interface Stats {
  readonly entities: number
  readonly stubs: number
  readonly relationships: number
  readonly derived: number
  readonly assertions: number
  readonly ambiguous: number
  readonly deadLetters: number
  readonly byType: readonly TypeCount[]
  readonly byRelationship: readonly TypeCount[]
  readonly sources: readonly SourceStats[]
}

export interface Progress extends RecordCounts {
  readonly file: string
  readonly phase: string
  readonly fileBytes: number
  readonly fileBytesRead: number
  readonly refusedBlocks: number
  readonly mailboxDepth: number
  readonly seconds: number
  readonly error: string | null
}

export interface DeadLetter {
  readonly id: string
  readonly source: string
  readonly run: string
  readonly ordinal: number
  readonly recordKey: string
  readonly file: string
  readonly offset: number
  readonly lengthBytes: number
  readonly reason: string
  readonly detail: string
  readonly fingerprint: string
  readonly bytes: string
}

export interface Mailbox {
  readonly pending: number
  readonly offered: number
  readonly refused: number
  readonly handled: number
  readonly deadLettered: number
  readonly expired: number
  readonly shed: number
  readonly queued: number
  readonly stashed: number
  readonly parked: number
  readonly inTurn: number
}

export interface ActorState {
  readonly address: string
  readonly tenant: string
  readonly kind: string
  readonly key: string
  readonly state: string
  readonly restarts: number
  readonly lastError: string | null
  readonly mailbox: Mailbox
}

export interface Actor extends ActorState {
  readonly children?: readonly Actor[]
}

export interface EntityChange {
  readonly kind: "CREATED" | "UPDATED" | "REMOVED"
  readonly id: string
  readonly type: string
  readonly key: string
  readonly revision: number
  readonly resume: string
  readonly entity: { readonly name: string | null; readonly stub: boolean } | null
}

export interface ActorChange {
  readonly address: string
  readonly gap: number
  readonly actor: ActorState | null
}
