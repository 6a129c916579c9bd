/** What a node shows of itself. */
import { deadLetterBytesMax } from "../limits.ts"

export const nodeSdl = `
"How much the graph holds."
type Stats {
  "Entities that some source describes."
  entities: Count!
  "Entities that others point to and no source describes; counted beside the others."
  stubs: Count!
  "Relationships that a record of their own describes."
  relationships: Count!
  "Relationships made from references within entities; counted beside the others."
  derived: Count!
  "Rows of provenance: what one record says of one thing."
  assertions: Count!
  "Aliases that several entities claim."
  ambiguous: Count!
  "Records that stand aside."
  deadLetters: Count!
  "Entities per type, without stubs."
  byType: [TypeCount!]!
  "Relationships per type."
  byRelationship: [TypeCount!]!
  "What each source brought."
  sources: [SourceStats!]!
}

"A type and how many there are of it."
type TypeCount {
  "The type."
  type: String!
  "How many."
  count: Count!
}

"Counters of a source: read = accepted + duplicates + refused + deadLettered."
type SourceStats {
  "Name of the source."
  source: String!
  "Records read."
  read: Count!
  "Records that changed the graph."
  accepted: Count!
  "Records that said nothing new; stale ones included."
  duplicates: Count!
  "Records older than what was known."
  stale: Count!
  "Records sent again after a crash; outside the equation."
  replayed: Count!
  "Records that a limit or a rule refused."
  refused: Count!
  "Records that stand aside with bytes and reason."
  deadLettered: Count!
  "Entities that it describes now."
  entities: Count!
  "Relationships that it describes now, in records of their own."
  relationships: Count!
  "Relationships made from references within its entities."
  derived: Count!
  "Stubs that its relationships point to or from."
  stubs: Count!
}

"A page of dead letters."
type DeadLetterPage {
  "In the order of their committing."
  items: [DeadLetter!]!
  "Pass it as \`after\` for the next page; null on an empty page."
  end: String
  "There is a next page."
  hasMore: Boolean!
}

"A record that could not be taken in."
type DeadLetter {
  "Stable, of this tenant only."
  id: ID!
  "Name of the source."
  source: String!
  "The reading of the source."
  run: String!
  "The record's place in that reading."
  ordinal: Count!
  "Key of the record, where one was found."
  recordKey: String!
  """
  Absolute path of the file that it was read from, on the machine of the node; of a write over the
  edge \`write:\` and its idempotency key.
  """
  file: String!
  "Bytes of the uncompressed source before it."
  offset: Count!
  "Its length in bytes, kept or not."
  lengthBytes: Count!
  "Stable code of what was wrong."
  reason: String!
  "What was wrong, in a sentence."
  detail: String!
  "The same fault of the same bytes has the same one."
  fingerprint: String!
  "The record's first bytes, base64."
  bytes("How many, at most ${deadLetterBytesMax}." max: Int! = 1024): String!
}

"An actor with its children."
type Actor {
  "tenant/kind/key."
  address: String!
  "Whose it is."
  tenant: String!
  "What it does."
  kind: String!
  "Its name among those of its kind."
  key: String!
  "Running, restarting, quarantined, stopping or passive."
  state: String!
  "How often it was restarted."
  restarts: Count!
  "Why it was restarted last."
  lastError: String
  "Its mailbox."
  mailbox: Mailbox!
  "The actors that it supervises."
  children: [Actor!]!
}

"""
Counters of a mailbox: offered = admitted + refused;
admitted = handled + deadLettered + expired + shed + pending.
"""
type Mailbox {
  "Messages that wait or are being handled: queued + stashed + parked + inTurn."
  pending: Count!
  "Messages that somebody tried to send."
  offered: Count!
  "Messages that were taken in."
  admitted: Count!
  "Messages that a limit kept out."
  refused: Count!
  "Messages whose turn is over."
  handled: Count!
  "Messages that were set aside with a reason."
  deadLettered: Count!
  "Messages that waited too long."
  expired: Count!
  "Messages dropped by count, in telemetry lanes only."
  shed: Count!
  "Messages that wait."
  queued: Count!
  "Messages that the actor put aside for later."
  stashed: Count!
  "Messages kept durably aside."
  parked: Count!
  "Messages whose turn is under way."
  inTurn: Count!
}
`
