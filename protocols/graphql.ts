/**
 * The GraphQL schema as text: what the edge answers (contracts §9). `schema.graphql` beside this
 * file is the same text for tools; a test keeps the two equal.
 *
 * Lists that may be long are pages `{ items, end, hasMore }`: `after` takes the `end` of the page
 * before. Nobody asked for a cursor per item, and without edges a query is two levels flatter.
 */
import {
  deadLetterBytesMax,
  neighborsHopsMax,
  neighborsNodesPerHopMax,
  pageSizeDefault,
  pageSizeMax,
  pathHopsMax,
  rankStepsMax,
} from "./limits.ts"

const querySdl = `
"""
Reads of one tenant's graph, and of the node that holds it. The tenant comes from the request's
access, never from an argument.
"""
type Query {
  "One entity, by its id, or by type and key. Null where there is none."
  entity(
    "The id that another answer showed."
    id: ID
    "Type of the entity, together with key."
    type: String
    "Key of the entity, together with type."
    key: String
  ): Entity
  "Entities in order (type, key)."
  entities(
    "Only this type."
    type: String
    "Further conditions; all of them must hold."
    filter: EntityFilter
    "Page size, at most ${pageSizeMax}."
    first: Int! = ${pageSizeDefault}
    "The end of the page before."
    after: String
  ): EntityPage!
  """
  What is at most \`hops\` relationships away, whichever way they point. Null where the entity is
  not there.
  """
  neighbors(
    "The id that another answer showed."
    id: ID
    "Type of the entity, together with key."
    type: String
    "Key of the entity, together with type."
    key: String
    "Distance, 1 to ${neighborsHopsMax}; each hop adds at most ${neighborsNodesPerHopMax} entities."
    hops: Int! = 1
    "Only over relationships of these types."
    types: [String!]
  ): Neighborhood
  """
  A shortest path, whichever way the relationships point; the same one each time. Null where there
  is none.
  """
  path(
    "Where the path begins."
    from: EntityRef!
    "Where the path ends."
    to: EntityRef!
    "Relationships on the path, at most ${pathHopsMax}."
    hopsMax: Int! = ${pathHopsMax}
  ): Path
  """
  Entities of a type by the number of distinct entities that a way through the graph reaches; most
  first, ties by name, then key.
  """
  rank(
    "Type of the entities to rank."
    type: String!
    "Properties that must not be true, such as revoked."
    unless: [String!]! = []
    "The way, 1 to ${rankStepsMax} steps."
    steps: [RankStep!]!
    "Which step's distinct entities are counted, from 0."
    count: Int! = 0
    "Rows, at most ${pageSizeMax}."
    first: Int! = 10
  ): [RankRow!]!
  "How much the graph holds, and what each source brought."
  stats: Stats!
  "Records that could not be taken in, in the order of their committing, with bytes and reason."
  deadLetters(
    "Only of this source."
    source: String
    "Only for this reason."
    reason: String
    "Page size, at most ${pageSizeMax}."
    first: Int! = ${pageSizeDefault}
    "The end of the page before."
    after: String
  ): DeadLetterPage!
  "The supervision tree from its root. Null where the data directory is read without its node."
  actors: Actor
}

"Any JSON value."
scalar JSON

"A whole number from 0 to 9007199254740991 (2^53 - 1)."
scalar Count

"An entity by its id, or by type and key."
input EntityRef {
  "The id that another answer showed."
  id: ID
  "Type of the entity, together with key."
  type: String
  "Key of the entity, together with type."
  key: String
}

"Conditions on entities; all of them must hold."
input EntityFilter {
  "Words to find in names and text properties; each may be the beginning of a word."
  text: String
  "A condition on one property."
  property: PropertyFilter
}

"Conditions on the property \`name\`; all that are given must hold."
input PropertyFilter {
  "Name of the property."
  name: String!
  "Equal to this value."
  eq: JSON
  "Equal to one of these values."
  in: [JSON!]
  "This or greater: a number, or a text in the order of its UTF-8 bytes."
  gte: JSON
  "This or less: a number, or a text in the order of its UTF-8 bytes."
  lte: JSON
}

"One step of a way through the graph."
input RankStep {
  "Type of the relationship."
  relationship: String!
  "Which way it points, seen from where the step begins: OUT or IN."
  direction: Direction! = OUT
  "Type of the entity at the end of the step."
  type: String!
  "Only entities that this source describes."
  source: String
}

"Which way a relationship points, seen from an entity."
enum Direction {
  "From this entity."
  OUT
  "To this entity."
  IN
  "Either."
  BOTH
}
`

const graphSdl = `
"What all sources together say of one thing."
type Entity {
  "Stable, of type and key."
  id: ID!
  "What kind of thing it is, such as attack-pattern."
  type: String!
  "Its name within the type; in STIX the object's id."
  key: String!
  "The property name, where it is a text."
  name: String
  "Per property what is seen: of the source with the higher priority, then the newer version."
  properties: JSON!
  "Other names that sources know it by."
  aliases: [Alias!]!
  "What each record says of it, the strongest first: where every property comes from."
  sources: [Assertion!]!
  "Others point to it and no source describes it."
  stub: Boolean!
  "Its relationships in order (type, other end, discriminator)."
  relationships(
    "Only this type."
    type: String
    "Which way."
    direction: Direction! = BOTH
    "Page size, at most ${pageSizeMax}."
    first: Int! = ${pageSizeDefault}
    "The end of the page before."
    after: String
  ): RelationshipPage!
}

"Another name of an entity, such as mitre-attack T1059."
type Alias {
  "Who gives the name."
  scheme: String!
  "The name."
  value: String!
}

"What one record of one source says of an entity."
type Assertion {
  "Name of the source."
  source: String!
  "Key of the record within the source."
  recordKey: String!
  "The record's own time, RFC 3339; null where it names none."
  version: String
  "The reading of the source that brought it."
  run: String!
  "The record's place in that reading."
  ordinal: Count!
  "What this record says."
  properties: JSON!
}

"That one entity has to do with another."
type Relationship {
  "What it means, such as uses."
  type: String!
  "Where it begins."
  from: Entity!
  "Where it ends."
  to: Entity!
  "Tells apart several of one type between the same two; in STIX the relationship's id."
  discriminator: String!
  "Made from a reference within an entity, not from a record of its own."
  derived: Boolean!
  "What sources say of it, by the same rule as for entities."
  properties: JSON!
}

"A page of entities."
type EntityPage {
  "In order (type, key)."
  items: [Entity!]!
  "Pass it as \`after\` for the next page; null on an empty page."
  end: String
  "There is a next page."
  hasMore: Boolean!
}

"A page of relationships."
type RelationshipPage {
  "In order (type, other end, discriminator)."
  items: [Relationship!]!
  "Pass it as \`after\` for the next page; null on an empty page."
  end: String
  "There is a next page."
  hasMore: Boolean!
}

"What is near an entity."
type Neighborhood {
  "By distance, then type, then key."
  entities: [Neighbor!]!
  "Relationships that were followed or lie among these entities."
  relationships: [Relationship!]!
  "There is more: a hop passed ${neighborsNodesPerHopMax} entities, or relationships their bound."
  truncated: Boolean!
}

"An entity and how far away it is."
type Neighbor {
  "Relationships between here and there."
  hops: Int!
  "The entity."
  entity: Entity!
}

"A shortest path between two entities."
type Path {
  "From the first to the last."
  entities: [Entity!]!
  "One fewer than entities, in order."
  relationships: [Relationship!]!
}

"An entity with what a ranking counted for it."
type RankRow {
  "The entity that was ranked."
  entity: Entity!
  "Distinct entities that its way reaches."
  count: Count!
}
`

const nodeSdl = `
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
  "Absolute path of the file that it was read from, on the machine of the node."
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

/** The schema definition language of the whole edge. */
export const schemaSdl = [querySdl, graphSdl, nodeSdl].map((part) => part.trim()).join("\n\n")
