/**
 * What nodes say to each other of writes, as plain values. What came from another process is read
 * like any input: what does not fit is `Invalid`, and the node that said it is told so.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import { Invalid } from "../../protocols/errors.ts"
import { idempotencyKeyBytesMax, uploadBytesMax } from "../../protocols/limits.ts"
import { MappingSchema } from "../../protocols/mapping.ts"

const Count = Schema.Number.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(0))
const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
/** As the edge lets it in: in a path of the state every text that is well-formed may stand. */
const Key = Schema.String.check(
  Schema.isMaxLength(idempotencyKeyBytesMax),
  Schema.isPattern(/^[\x20-\x7e]+$/),
)
const Recipe = Schema.Struct({
  format: Schema.Literals(["stix", "json", "ndjson", "csv", "retract"]),
  mapping: Schema.NullOr(MappingSchema),
})
const Counters = Schema.Struct({
  read: Count,
  accepted: Count,
  duplicates: Count,
  stale: Count,
  replayed: Count,
  refused: Count,
  deadLettered: Count,
})
const Run = Schema.Struct({ epoch: Count, count: Count })
const End = Schema.Struct({
  state: Schema.Literals(["committed", "failed"]),
  counters: Counters,
  run: Schema.NullOr(Run),
  error: Schema.NullOr(Schema.String),
})

/** To the keeper of a tenant's receipts: this write is here; under which number is it known? */
const Record = Schema.Struct({
  say: Schema.Literal("record"),
  key: Key,
  source: Schema.String,
  /** Of all that the write is. */
  hash: Hash,
  given: Schema.NullOr(Count),
  recipe: Recipe,
  /** Who asks, and has its bytes; `null` of a node that is alone. */
  node: Schema.NullOr(Schema.String),
  /** The number under which that node keeps the bytes on stable storage already. */
  holds: Schema.NullOr(Count),
})

/** To the keeper: this write is over. */
const Settle = Schema.Struct({ say: Schema.Literal("settle"), key: Key, number: Count, end: End })

/** The keeper's answer to `record`: the receipt that stands. */
const Stored = Schema.Struct({
  number: Count,
  source: Schema.String,
  hash: Hash,
  takenAtMillis: Schema.Number,
  given: Schema.NullOr(Count),
  end: Schema.NullOr(End),
  node: Schema.NullOr(Schema.String),
})

/** To who has the source: take this write. */
const Take = Schema.Struct({
  say: Schema.Literal("take"),
  key: Key,
  given: Schema.NullOr(Count),
  recipe: Recipe,
  length: Count.check(Schema.isLessThanOrEqualTo(uploadBytesMax)),
  /** SHA-256 of the bytes, where it is known. */
  bytesHash: Schema.NullOr(Hash),
  /** The bytes; or by what they are asked for, from the node that says this. */
  bytes: Schema.Union([
    Schema.Struct({ here: Schema.Uint8Array }),
    Schema.Struct({ node: Schema.String, transfer: Schema.String }),
  ]),
})

/** To who has the source: how far is this write? */
const Look = Schema.Struct({ say: Schema.Literal("look"), key: Key })

/** `node` has the bytes on stable storage, or the write is over. */
const Taken = Schema.Struct({ node: Schema.NullOr(Schema.String) })

const Looked = Schema.Struct({
  standing: Schema.NullOr(
    Schema.Struct({
      counters: Counters,
      offered: Count,
      fileBytes: Count,
      fileBytesRead: Count,
      run: Schema.NullOr(Run),
      trouble: Schema.NullOr(Schema.String),
    }),
  ),
})

export type RecordMessage = typeof Record.Type
export type SettleMessage = typeof Settle.Type
export type StoredAnswer = typeof Stored.Type
export type TakeMessage = typeof Take.Type
export type TakenAnswer = typeof Taken.Type
export type LookedAnswer = typeof Looked.Type

export type ToKeeper = RecordMessage | SettleMessage
export type ToTaker = TakeMessage | typeof Look.Type

const reading = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = SchemaParser.decodeUnknownResult(schema)
  return (said: unknown): Effect.Effect<S["Type"], Invalid> => {
    const read = decode(said)
    return Result.isSuccess(read) ? Effect.succeed(read.success) : Effect.fail(notSaid())
  }
}

export const readToKeeper = reading(Schema.Union([Record, Settle]))
export const readToTaker = reading(Schema.Union([Take, Look]))
export const readStored = reading(Stored)
export const readTaken = reading(Taken)
export const readLooked = reading(Looked)

const notSaid = () =>
  new Invalid({
    what: "message",
    message: "What another node said of a write is not understood here.",
    next: "Run the same release on all nodes.",
  })
