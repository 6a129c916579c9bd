/**
 * How a shard changes hands, as a state machine without time or I/O (contracts §6): lease, epoch,
 * own epoch into the guard of every sink, only then the cursors, then the log's tails against them,
 * and last the log is opened. The order is what keeps an old owner from committing unseen: once
 * every guard is higher, what the cursors say cannot move under another's hands. What the log needs
 * before it can be opened is no part of this order: it is told of the epoch once that is claimed.
 *
 * Promises: asks for one step at a time, in this order, and ends in `owned` or at the first
 * refusal. What may fail beneath: any step; the takeover is then begun anew, with new epochs. An
 * epoch that was claimed and not used does no harm. Does not promise to keep what was taken: a
 * higher epoch fences it.
 */
import type { Partition } from "../../protocols/address.ts"
import { invariant, LogDamaged } from "../../protocols/errors.ts"
import type { Ownership, Tail } from "./log.ts"

/** How far a sink has committed a partition. */
export interface SinkCursor extends Partition {
  readonly sequence: number
}

export interface Taken {
  readonly owners: readonly Ownership[]
  /** Of the partitions of these shards, as the log had them when it was opened. */
  readonly tails: readonly Tail[]
  /** One list per sink, in the order of the sinks. */
  readonly cursors: readonly (readonly SinkCursor[])[]
}

export type TakeoverStep =
  | { readonly kind: "lease"; readonly shards: readonly number[] }
  | { readonly kind: "claim"; readonly shards: readonly number[] }
  | { readonly kind: "guard"; readonly sink: number; readonly owners: readonly Ownership[] }
  | { readonly kind: "read-cursors"; readonly sink: number }
  | { readonly kind: "read-tails" }
  | { readonly kind: "open"; readonly owners: readonly Ownership[] }
  | { readonly kind: "owned"; readonly taken: Taken }
  | { readonly kind: "refused"; readonly error: LogDamaged }

export type TakeoverAnswer =
  | { readonly kind: "leased"; readonly shards: readonly number[] }
  | { readonly kind: "claimed"; readonly owners: readonly Ownership[] }
  | { readonly kind: "guarded" }
  | { readonly kind: "cursors"; readonly cursors: readonly SinkCursor[] }
  | { readonly kind: "tails"; readonly tails: readonly Tail[] }
  | { readonly kind: "opened"; readonly tails: readonly Tail[] }

export class Takeover {
  readonly #sinks: number
  readonly #cursors: (readonly SinkCursor[])[] = []
  #owners: readonly Ownership[] = []
  #guarded = 0
  #step: TakeoverStep

  constructor(shards: readonly number[], sinks: number) {
    this.#sinks = sinks
    this.#step = { kind: "lease", shards }
  }

  /** What is to be done now. */
  get step(): TakeoverStep {
    return this.#step
  }

  /** The outcome of the step; moves on to the next. */
  answer(answer: TakeoverAnswer): void {
    this.#step = this.#after(answer)
  }

  #after(answer: TakeoverAnswer): TakeoverStep {
    const asked = this.#step.kind
    invariant(answers[answer.kind] === asked, `A takeover asked to ${asked}, not ${answer.kind}.`)
    switch (answer.kind) {
      case "leased":
        return { kind: "claim", shards: answer.shards }
      case "claimed":
        this.#owners = answer.owners
        return this.#guardNext()
      case "guarded":
        this.#guarded++
        return this.#guardNext()
      case "cursors":
        this.#cursors.push(answer.cursors)
        return this.#readNext()
      case "tails": {
        const error = checkCursors(answer.tails, this.#cursors.flat())
        return error ? { kind: "refused", error } : { kind: "open", owners: this.#owners }
      }
      case "opened": {
        const { tails } = answer
        return { kind: "owned", taken: { owners: this.#owners, tails, cursors: this.#cursors } }
      }
    }
  }

  #guardNext(): TakeoverStep {
    return this.#guarded < this.#sinks
      ? { kind: "guard", sink: this.#guarded, owners: this.#owners }
      : this.#readNext()
  }

  #readNext(): TakeoverStep {
    const sink = this.#cursors.length
    return sink < this.#sinks ? { kind: "read-cursors", sink } : { kind: "read-tails" }
  }
}

const answers = {
  leased: "lease",
  claimed: "claim",
  guarded: "guard",
  cursors: "read-cursors",
  tails: "read-tails",
  opened: "open",
} as const

/**
 * A cursor above the log's last sequence: the log lost its tail, or is an old copy, and would use
 * these sequences again for other blocks. Nothing may be ingested then.
 */
export function checkCursors(
  tails: readonly Tail[],
  cursors: readonly SinkCursor[],
): LogDamaged | undefined {
  const last = new Map<string, number>()
  for (const tail of tails) last.set(`${tail.tenant}/${tail.partition}`, tail.lastSequence)
  for (const { tenant, partition, sequence } of cursors) {
    const name = `${tenant}/${partition}`
    const known = last.get(name) ?? 0
    if (sequence <= known) continue
    return new LogDamaged({
      partition: name,
      sequence,
      message:
        `A sink has applied block ${sequence} of ${name}, and the log ends at ${known}: ` +
        "it lost its tail, or is an older copy.",
    })
  }
  return undefined
}
