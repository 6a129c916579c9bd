/** What can be subscribed to. */

export const liveSdl = `
"""
What happens in one tenant, as it happens. A subscriber that reads slowly costs the others nothing:
what it misses of \`entityChanged\` is read for it from the feed, of the others it sees the newest.
"""
type Subscription {
  """
  Every change of what is seen of an entity, in the order of its revisions, none left out and none
  twice, also over a break: give the last \`resume\` as \`after\`. One older than the feed keeps
  ends with RESUME_EXPIRED. Relationships that come and go do not change their ends.
  """
  entityChanged(
    "Only entities of these types."
    types: [String!]
    "The last \`resume\` seen, of a subscription with the same types or of a page."
    after: String
  ): EntityChange!
  """
  Each actor of the tenant as it is now, then each one that changes. Of several changes that come
  quickly, or while the subscriber does not read, the newest is shown.
  """
  actorChanged: ActorChange!
  "Each connector of the tenant as it is now, then each one that goes on; the newest where several."
  sourceProgress("Only of this source." source: String): SourceProgress!
}

"One change of what is seen of an entity."
type EntityChange {
  "What happened."
  kind: ChangeKind!
  "Id of the entity."
  id: ID!
  "Type of the entity."
  type: String!
  "Key of the entity."
  key: String!
  "The revision that this change made."
  revision: Count!
  "The entity as it is by now; null where it is gone."
  entity: Entity
  "Pass it as \`after\` to go on behind this change."
  resume: String!
}

"What happened to an entity."
enum ChangeKind {
  "It is there now, described or as a stub."
  CREATED
  "Properties or aliases changed, or it became or ceased to be a stub."
  UPDATED
  "It is gone."
  REMOVED
}

"An actor that changed."
type ActorChange {
  "tenant/kind/key."
  address: String!
  "The actor as it is now; null where it is gone."
  actor: Actor
  "Changes of it that were left out since the one before."
  gap: Count!
}

"A connector as it is now."
type SourceProgress {
  "Name of the source."
  source: String!
  "Name of what it reads."
  file: String!
  "Waiting, hashing, reading, draining, done, skipped, failed or interrupted."
  phase: String!
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
  "Bytes of the file, compressed where it is."
  fileBytes: Count!
  "Bytes of the file read so far."
  fileBytesRead: Count!
  "Blocks that a full mailbox refused, and that were offered again."
  refusedBlocks: Count!
  "Blocks that wait in the mailboxes of the tenant's partitions."
  mailboxDepth: Count!
  "Since it began."
  seconds: Float!
  "Why it failed, where it did."
  error: String
  "States of it that were left out since the one before; 0 in a query."
  gap: Count!
}
`
