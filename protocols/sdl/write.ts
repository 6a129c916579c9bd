/** What can be written. */
import {
  idempotencyKeyBytesMax,
  receiptProblemsMax,
  receiptWaitMillisDefault,
  receiptWaitMillisMax,
  writeRecordsMax,
} from "../limits.ts"

export const writeSdl = `
"Writes of one tenant. The answer waits for the commit; what is not committed by then is pending."
type Mutation {
  """
  Takes in records of a source, as a file of them would be. The same key again changes nothing and
  answers what became of the first; with other records it is refused.
  """
  ingest(
    "Name of the source."
    source: String!
    "Each is one record, ${writeRecordsMax} at most; STIX objects where the format is STIX."
    records: [JSON!]!
    "What the records are."
    format: RecordFormat! = JSON
    "What they mean, as YAML or JSON text; without one each is an entity of type record."
    mapping: String
    "Chosen by the client, new for each; 1 to ${idempotencyKeyBytesMax} printable characters."
    idempotencyKey: String!
    "How long the answer may wait for the commit, in milliseconds, at most ${receiptWaitMillisMax}."
    waitMillis: Int! = ${receiptWaitMillisDefault}
  ): Receipt!
  """
  Takes back what a source said in these records. What no other record says vanishes; an entity that
  others point to stays as a stub.
  """
  retract(
    "Name of the source."
    source: String!
    "Keys of the records within the source, ${writeRecordsMax} at most."
    recordKeys: [String!]!
    "Chosen by the client, new for each; 1 to ${idempotencyKeyBytesMax} printable characters."
    idempotencyKey: String!
    "How long the answer may wait for the commit, in milliseconds, at most ${receiptWaitMillisMax}."
    waitMillis: Int! = ${receiptWaitMillisDefault}
  ): Receipt!
}

"What records given in JSON are."
enum RecordFormat {
  "Anything that a mapping explains."
  JSON
  "Objects of STIX 2.0 or 2.1."
  STIX
}

"""
What became of an ingest or a retraction:
read = accepted + duplicates + refused + deadLettered; given = read + pending.
"""
type Receipt {
  "The key that it was made under."
  idempotencyKey: String!
  "Name of the source."
  source: String!
  "Whether it is over."
  state: ReceiptState!
  "Records that were given; of an upload that is not over, those found in it so far."
  given: Count!
  "Records whose effect is committed and counted."
  read: Count!
  "Records that changed the graph."
  accepted: Count!
  "Records that said nothing new; stale ones included."
  duplicates: Count!
  "Records older than what was known."
  stale: Count!
  "Records that a limit or a rule refused."
  refused: Count!
  "Records that stand aside with bytes and reason."
  deadLettered: Count!
  "Records not committed yet; they will be, also after a crash of the node."
  pending: Count!
  "What was wrong with records that were refused or stand aside; the first ${receiptProblemsMax}."
  problems: [RecordProblem!]!
  "Why it could not be finished, or waits for the node to start anew."
  error: String
}

"Where an ingest or a retraction stands."
enum ReceiptState {
  "Every record is committed or stands aside."
  COMMITTED
  "Taken for good, and not all of it committed."
  PENDING
  "It could not be finished; what was committed stands."
  FAILED
}

"What was wrong with one record."
type RecordProblem {
  "The record's place among those that were given, from 0."
  ordinal: Count!
  "Key of the record, where one was found."
  recordKey: String!
  "Stable code of what was wrong."
  reason: String!
  "What was wrong, in a sentence."
  detail: String!
}
`
