/** What a mailbox needs beyond one ring: made when first needed. */
import type { MailboxFull } from "../../protocols/errors.ts"
import type { Admission } from "./actor.ts"
import type { Ring } from "./ring.ts"

/** A sender that waits for credit. */
export interface Waiter {
  readonly message: unknown
  readonly lane: "normal" | "bulk"
  readonly resume: (refusal: Admission) => void
}

export class Side {
  control: Ring | undefined = undefined
  bulk: Ring | undefined = undefined
  stash: Ring | undefined = undefined
  parked: Ring | undefined = undefined
  readonly waiters = new Set<Waiter>()
  bytes = 0
  /** When the rate's burst is whole again. */
  wholeAtMillis = Number.NEGATIVE_INFINITY
  /** A timer is set that gives credit when the rate allows it again. */
  creditTimer = false
  refused = 0
  deadLettered = 0
  expired = 0
  shed = 0
  sinceBulk = 0
  depthFull: MailboxFull | undefined = undefined

  owes(): boolean {
    return (this.stash?.count ?? 0) + (this.parked?.count ?? 0) + this.waiters.size > 0
  }
}
