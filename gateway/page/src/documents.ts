/** Everything that the page asks of the node. A test holds each one against the schema. */

const ref = "id type key name stub"
const found = `${ref} aliases { scheme value }`
const counts = "source read accepted duplicates stale replayed refused deadLettered"
const mailbox =
  "pending offered refused handled deadLettered expired shed queued stashed parked inTurn"
const actor = `address tenant kind key state restarts lastError mailbox { ${mailbox} }`
const progress = `${counts} file phase
  fileBytes fileBytesRead refusedBlocks mailboxDepth seconds error`

/** The tree is as deep as supervisors are: node, tenants, what they run, and theirs. */
const actorTree = `${actor} children { ${actor} children { ${actor} children { ${actor} } } }`

export const statsDocument = `query Stats {
  stats {
    entities stubs relationships derived assertions ambiguous deadLetters
    byType { type count }
    byRelationship { type count }
    sources { ${counts} entities relationships derived stubs }
  }
}`

export const searchDocument = `query Search(
  $type: String, $filter: EntityFilter, $first: Int!, $after: String
) {
  entities(type: $type, filter: $filter, first: $first, after: $after) {
    items { ${found} } end hasMore
  }
}`

export const entityDocument = `query Entity($id: ID!) {
  entity(id: $id) {
    ${found} revision properties
    sources { source recordKey version run ordinal properties }
  }
}`

export const entityNameDocument = `query EntityName($id: ID!) { entity(id: $id) { ${ref} } }`

export const neighborsDocument = `query Neighbors($id: ID!) {
  neighbors(id: $id) {
    entities { hops entity { ${ref} } }
    relationships { type derived from { id } to { id } }
    truncated
  }
}`

export const relationshipsDocument = `query Relationships(
  $id: ID!, $type: String, $first: Int!, $after: String
) {
  entity(id: $id) {
    relationships(type: $type, first: $first, after: $after) {
      items { type derived discriminator from { ${ref} } to { ${ref} } } end hasMore
    }
  }
}`

export const pathDocument = `query Path($from: ID!, $to: ID!) {
  path(from: { id: $from }, to: { id: $to }) {
    entities { ${ref} }
    relationships { type derived from { id } to { id } }
  }
}`

export const actorsDocument = `query Actors { actors { ${actorTree} } }`

export const progressDocument = `query Progress { progress { ${progress} } }`

export const deadLettersDocument = `query DeadLetters(
  $source: String, $reason: String, $first: Int!, $after: String, $bytes: Int!
) {
  deadLetters(source: $source, reason: $reason, first: $first, after: $after) {
    items {
      id source run ordinal recordKey file offset lengthBytes reason detail fingerprint
      bytes(max: $bytes)
    }
    end hasMore
  }
}`

/** Where a subscription to changes begins, so that none is missed before the first arrives. */
export const resumeDocument = "query Resume { entities(first: 1) { resume } }"

export const entityChangedDocument = `subscription EntityChanged($after: String) {
  entityChanged(after: $after) { kind id type key revision resume entity { name stub } }
}`

export const actorChangedDocument = `subscription ActorChanged {
  actorChanged { address gap actor { ${actor} } }
}`

export const sourceProgressDocument = `subscription SourceProgress {
  sourceProgress { ${progress} gap }
}`
