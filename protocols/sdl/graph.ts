/** The graph, as it is answered. */
import { neighborsNodesPerHopMax, pageSizeDefault, pageSizeMax } from "../limits.ts"

export const graphSdl = `
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
  "Rises with every change of what is seen of it; also after it was gone for a time."
  revision: Count!
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
  """
  Pass it as \`after\` to entityChanged, with the same type or without one, for all that changed
  since before this page was read. A change of no higher revision than the page showed is in it.
  """
  resume: String!
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
