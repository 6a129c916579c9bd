/** What can be asked. */
import {
  neighborsHopsMax,
  neighborsNodesPerHopMax,
  pageSizeDefault,
  pageSizeMax,
  pathHopsMax,
  rankStepsMax,
} from "../limits.ts"

export const querySdl = `
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
  "The connectors of the tenant, running and ended, as they are now."
  progress: [SourceProgress!]!
  """
  What became of an ingest or a retraction; null where none was made under that key, or longer ago
  than receipts are kept.
  """
  receipt("The key that it was made under." idempotencyKey: String!): Receipt
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
