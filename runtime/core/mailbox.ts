/**
 * The volatile mailbox: lanes, bounds and counters of one actor.
 *
 * Promises: no bound of its type is passed by what others send; nothing that was admitted goes
 * without being counted; the equations of `protocols/counters.ts` hold between any two calls.
 * Control is taken first and has a bound of its own; normal goes before bulk, but bulk gets one
 * turn after `turnBatchMax` others. What one sender sends to one lane is taken in that order.
 * What the actor sends itself (timers, piped results, news of watched actors) passes the bounds.
 * Does not promise: that a message survives the process.
 *
 * A plain mailbox with one ring takes the short way through `admit` and `take`; whatever is rarer
 * lives in `Side`, made when first needed, so that an idle actor pays for none of it.
 */
import type { MailboxCounters } from "../../protocols/counters.ts"
import { DeadlineExceeded, invariant, MailboxFull } from "../../protocols/errors.ts"
import type { Lane } from "../../protocols/lanes.ts"
import {
  controlDepthMax,
  messageBytesEstimate,
  parkedMessagesMax,
  retryMillisMax,
  retryMillisMin,
  stashDepthMax,
  turnBatchMax,
  waitingSendersMax,
} from "../../protocols/limits.ts"
import type { Admission } from "./actor.ts"
import type { Ask, Asks } from "./ask.ts"
import type { Bounds } from "./bounds.ts"
import { closedBit, orderMask, scheduledBit, slowBit } from "./flags.ts"
import type { Host } from "./host.ts"
import { Ring, type RingPool, type Taken } from "./ring.ts"
import { Side, type Waiter } from "./side.ts"

/** What mailboxes of one type share. */
export interface MailboxHome {
  readonly bounds: Bounds
  readonly rings: RingPool
  readonly asks: Asks
  readonly host: Host
}

export abstract class Mailbox<H extends MailboxHome = MailboxHome> {
  readonly home: H
  ring: Ring | undefined = undefined
  side: Side | undefined = undefined
  flags = 0
  offered = 0
  admitted = 0
  handled = 0
  inTurn = 0

  constructor(home: H) {
    this.home = home
    if (!home.bounds.plain) this.flags = slowBit
  }

  /** A message was admitted: see to it that somebody takes it. */
  protected abstract wake(): void
  /** Why a closed mailbox refuses. */
  protected abstract refusal(): Admission
  /** The mailbox as an error names it. */
  protected abstract label(): string

  /** Admits a message within all bounds, or says which one refused it. */
  admit(message: unknown, ask: Ask | undefined, lane: Lane): Admission {
    this.offered += 1
    if ((this.flags & slowBit) !== 0 || lane !== "normal") {
      return this.admitSlow(message, ask, lane)
    }
    let ring = this.ring
    if (ring === undefined) {
      ring = this.home.rings.take(this.flags & orderMask)
      this.ring = ring
    } else if (ring.count >= this.home.bounds.depthMax) {
      return this.overflow(message, ask, "normal", 0, "depth")
    }
    ring.push(message, ask, 0, 0)
    this.admitted += 1
    if ((this.flags & scheduledBit) === 0) this.wake()
    return undefined
  }

  /** Admits past all bounds: what the actor began itself. */
  force(message: unknown): Admission {
    this.offered += 1
    if ((this.flags & closedBit) !== 0) return this.refuse(this.refusal())
    this.keep(message, undefined, "normal", this.sizeOf(message))
    return undefined
  }

  /** Whether a sender that can wait has to, and there is room for one more. */
  mustWait(message: unknown): boolean {
    if (this.home.bounds.overflow !== "wait" || (this.flags & closedBit) !== 0) return false
    const waiting = this.side === undefined ? 0 : this.side.waiters.size
    if (waiting >= waitingSendersMax) return false
    return waiting > 0 || this.limitAgainst(this.sizeOf(message)) !== undefined
  }

  /** Registers a sender that waits; it is offered and admitted when there is room. */
  awaitCredit(waiter: Waiter): void {
    this.flags |= slowBit
    this.needSide().waiters.add(waiter)
  }

  /** The sender waits no longer; nothing of it was offered. */
  leave(waiter: Waiter): void {
    this.side?.waiters.delete(waiter)
  }

  /** Takes the next message for a turn: false where there is none. */
  take(taken: Taken): boolean {
    const ring = this.ring
    if (this.side !== undefined) return this.takeSlow(taken, this.side)
    if (ring === undefined) return false
    ring.shift(taken)
    this.inTurn += 1
    if (ring.count === 0) this.release(ring)
    return true
  }

  /** Messages that wait to be taken. */
  queued(): number {
    const side = this.side
    const own = this.ring === undefined ? 0 : this.ring.count
    if (side === undefined) return own
    return own + (side.control?.count ?? 0) + (side.bulk?.count ?? 0)
  }

  /** Whether the next message to be taken came with an ask. */
  nextIsAsk(): boolean {
    const side = this.side
    if (side?.control !== undefined && side.control.count > 0) return side.control.headIsAsk()
    if (this.ring !== undefined && this.ring.count > 0) return this.ring.headIsAsk()
    return side?.bulk !== undefined && side.bulk.count > 0 && side.bulk.headIsAsk()
  }

  /** A message of a turn goes back to the front, as if it had not been taken. */
  putBack(message: unknown, ask: Ask | undefined): void {
    this.inTurn -= 1
    const bytes = this.sizeOf(message)
    if (this.side !== undefined) this.side.bytes += bytes
    this.needRing().unshift(message, ask, bytes, this.tick())
  }

  /** A message of a turn is put aside. */
  stashOne(message: unknown, ask: Ask | undefined): void {
    const side = this.needSide()
    side.stash ??= new Ring(turnBatchMax)
    invariant(side.stash.count < stashDepthMax, `A stash holds at most ${stashDepthMax} messages.`)
    this.inTurn -= 1
    side.stash.push(message, ask, 0, 0)
  }

  /** All that was put aside comes back in order, before what waits. */
  unstashAll(): void {
    const side = this.side
    const stash = side?.stash
    if (side === undefined || stash === undefined || stash.count === 0) return
    const back: Taken[] = []
    while (stash.count > 0) back.push(takeFrom(stash))
    const ring = this.needRing()
    for (let i = back.length - 1; i >= 0; i--) {
      const one = back[i]
      if (one === undefined) continue
      const bytes = this.sizeOf(one.message)
      side.bytes += bytes
      ring.unshift(one.message, one.ask, bytes, this.tick())
    }
    side.stash = undefined
    if ((this.flags & scheduledBit) === 0) this.wake()
  }

  /** A message of a turn becomes a dead letter. */
  countDead(): void {
    this.inTurn -= 1
    this.needSide().deadLettered += 1
  }

  /** Empties the mailbox for good; each message is counted as a dead letter. */
  drain(each: (message: unknown, ask: Ask | undefined) => void): void {
    const side = this.needSide()
    const taken = { message: undefined, ask: undefined, bytes: 0, tick: 0 }
    for (const ring of [side.stash, side.control, this.ring, side.bulk, side.parked]) {
      while (ring !== undefined && ring.count > 0) {
        ring.shift(taken)
        side.deadLettered += 1
        each(taken.message, taken.ask)
      }
    }
    side.bytes = 0
    if (this.ring !== undefined) this.release(this.ring)
  }

  /** Senders that wait are refused: nobody will give them credit any more. */
  refuseWaiters(): void {
    const waiters = [...(this.side?.waiters ?? [])]
    this.side?.waiters.clear()
    for (const waiter of waiters) {
      this.offered += 1
      waiter.resume(this.refuse(this.refusal()))
    }
  }

  /** Bytes that a message stands for. */
  bytesOf(message: unknown): number {
    return this.home.bounds.sizeOf === undefined ? messageBytesEstimate : this.sizeOf(message)
  }

  counters(): MailboxCounters {
    const side = this.side
    return {
      offered: this.offered,
      admitted: this.admitted,
      refused: side?.refused ?? 0,
      handled: this.handled,
      deadLettered: side?.deadLettered ?? 0,
      expired: side?.expired ?? 0,
      shed: side?.shed ?? 0,
      queued: this.queued(),
      stashed: side?.stash?.count ?? 0,
      parked: side?.parked?.count ?? 0,
      inTurn: this.inTurn,
    }
  }

  protected needSide(): Side {
    this.side ??= new Side()
    return this.side
  }

  private admitSlow(message: unknown, ask: Ask | undefined, lane: Lane): Admission {
    if ((this.flags & closedBit) !== 0) return this.refuse(this.refusal())
    const side = this.needSide()
    if (lane === "control") {
      if ((side.control?.count ?? 0) >= controlDepthMax) return this.refuse(this.full("control"))
      this.keep(message, ask, lane, 0)
      return undefined
    }
    const bytes = this.sizeOf(message)
    const parked = side.parked !== undefined && side.parked.count > 0
    const limit = parked || side.waiters.size > 0 ? "depth" : this.limitAgainst(bytes)
    if (limit !== undefined) return this.overflow(message, ask, lane, bytes, limit)
    if (!this.spendToken(side)) return this.refuse(this.fullRate(side))
    this.keep(message, ask, lane, bytes)
    return undefined
  }

  /** A message larger than the whole bound is admitted alone. */
  private limitAgainst(bytes: number): "depth" | "bytes" | undefined {
    const { depthMax, bytesMax } = this.home.bounds
    const side = this.side
    const depth = (this.ring?.count ?? 0) + (side?.bulk?.count ?? 0)
    if (depth >= depthMax) return "depth"
    return depth > 0 && (side?.bytes ?? 0) + bytes > bytesMax ? "bytes" : undefined
  }

  private overflow(
    message: unknown,
    ask: Ask | undefined,
    lane: "normal" | "bulk",
    bytes: number,
    limit: "depth" | "bytes",
  ): Admission {
    const side = this.needSide()
    const policy = this.home.bounds.overflow
    if (policy === "shed-oldest") {
      while (this.limitAgainst(bytes) !== undefined) this.shedOldest(side)
      if (!this.spendToken(side)) return this.refuse(this.fullRate(side))
      this.keep(message, ask, lane, bytes)
      return undefined
    }
    if (policy === "park" && (side.parked?.count ?? 0) < parkedMessagesMax) {
      if (!this.spendToken(side)) return this.refuse(this.fullRate(side))
      side.parked ??= new Ring(turnBatchMax)
      side.parked.push(message, ask, bytes, this.tick())
      this.flags |= slowBit
      this.admitted += 1
      return undefined
    }
    return this.refuse(this.full(limit))
  }

  private shedOldest(side: Side): void {
    const ring = side.bulk !== undefined && side.bulk.count > 0 ? side.bulk : this.ring
    invariant(ring !== undefined && ring.count > 0, "A mailbox over its bound holds a message.")
    const oldest = takeFrom(ring)
    side.bytes -= oldest.bytes
    side.shed += 1
    if (oldest.ask !== undefined) this.home.asks.fail(oldest.ask, this.full("depth"))
  }

  private keep(message: unknown, ask: Ask | undefined, lane: Lane, bytes: number): void {
    this.admitted += 1
    if (lane === "normal") {
      this.needRing().push(message, ask, bytes, this.tick())
    } else {
      const side = this.needSide()
      side[lane] ??= new Ring(turnBatchMax)
      side[lane]?.push(message, ask, bytes, this.tick())
      if (lane === "bulk") this.flags |= slowBit
    }
    if (bytes > 0) this.needSide().bytes += bytes
    if ((this.flags & scheduledBit) === 0) this.wake()
  }

  private takeSlow(taken: Taken, side: Side): boolean {
    const { maxAgeMillis } = this.home.bounds
    const aged = maxAgeMillis !== Number.POSITIVE_INFINITY
    for (;;) {
      const ring = this.nextRing(side)
      if (ring === undefined) return false
      ring.shift(taken)
      side.bytes -= taken.bytes
      if (ring === this.ring && ring.count === 0) this.release(ring)
      const expired = aged && taken.tick + maxAgeMillis < this.home.host.nowMillis()
      // Counted before a waiting sender is told, which may look.
      if (expired) side.expired += 1
      else this.inTurn += 1
      if (side.parked !== undefined || side.waiters.size > 0) this.giveCredit(side)
      if (!expired) return true
      if (taken.ask !== undefined) this.home.asks.fail(taken.ask, this.tooOld())
    }
  }

  private nextRing(side: Side): Ring | undefined {
    if (side.control !== undefined && side.control.count > 0) return side.control
    const { bulk } = side
    const normal = this.ring
    if (bulk === undefined || bulk.count === 0) {
      return normal !== undefined && normal.count > 0 ? normal : undefined
    }
    if (normal === undefined || normal.count === 0 || side.sinceBulk >= turnBatchMax) {
      side.sinceBulk = 0
      return bulk
    }
    side.sinceBulk += 1
    return normal
  }

  /** A place is free: first for what is parked, then for senders that wait. */
  private giveCredit(side: Side): void {
    const { parked } = side
    while (parked !== undefined && parked.count > 0) {
      if (this.limitAgainst(parked.headBytes()) !== undefined) return
      const one = takeFrom(parked)
      side.bytes += one.bytes
      this.needRing().push(one.message, one.ask, one.bytes, one.tick)
    }
    if (parked !== undefined && parked.count === 0) side.parked = undefined
    for (const waiter of side.waiters) {
      const bytes = this.sizeOf(waiter.message)
      if (this.limitAgainst(bytes) !== undefined) return
      if (!this.spendToken(side)) return this.giveCreditLater(side)
      side.waiters.delete(waiter)
      this.offered += 1
      this.keep(waiter.message, undefined, waiter.lane, bytes)
      waiter.resume(undefined)
    }
  }

  /** The rate holds a sender up: nothing that is taken would wake it. */
  private giveCreditLater(side: Side): void {
    if (side.creditTimer) return
    side.creditTimer = true
    const { host } = this.home
    host.after(Math.max(retryMillisMin, this.rateWaitMillis(side, host.nowMillis())), () => {
      side.creditTimer = false
      this.giveCredit(side)
    })
  }

  private release(ring: Ring): void {
    this.ring = undefined
    const order = this.home.rings.give(ring)
    const hint = this.flags & orderMask
    // Decays by one where the ring did not need to grow, so that one burst does not last for ever.
    const next = order > hint ? order : Math.max(0, hint - 1)
    this.flags = (this.flags & ~orderMask) | Math.min(next, orderMask)
  }

  private needRing(): Ring {
    this.ring ??= this.home.rings.take(this.flags & orderMask)
    return this.ring
  }

  private sizeOf(message: unknown): number {
    const { sizeOf } = this.home.bounds
    return sizeOf === undefined ? 0 : sizeOf(message)
  }

  private tick(): number {
    const { bounds, host } = this.home
    return bounds.maxAgeMillis === Number.POSITIVE_INFINITY ? 0 : host.nowMillis()
  }

  /**
   * The rate as a virtual schedule (GCRA, ITU-T I.371): each message moves the instant at which
   * the burst is whole again. The clock is read here, where a message may be refused, and never
   * left to a drain, which would not come while all are refused (architecture D1).
   */
  private spendToken(side: Side): boolean {
    const { ratePerSecondMax } = this.home.bounds
    if (ratePerSecondMax === Number.POSITIVE_INFINITY) return true
    const now = this.home.host.nowMillis()
    if (this.rateWaitMillis(side, now) > 0) return false
    side.wholeAtMillis = Math.max(side.wholeAtMillis, now) + 1000 / ratePerSecondMax
    return true
  }

  /**
   * Milliseconds until there is room for one more message; whole microseconds, so that sums
   * agree.
   */
  private rateWaitMillis(side: Side, now: number): number {
    const { ratePerSecondMax, rateBurst } = this.home.bounds
    const room = ((rateBurst - 1) * 1000) / ratePerSecondMax
    return Math.round((side.wholeAtMillis - room - now) * 1000) / 1000
  }

  protected refuse(refusal: Admission): Admission {
    this.needSide().refused += 1
    return refusal
  }

  private full(limit: "depth" | "bytes" | "control"): MailboxFull {
    const side = this.needSide()
    // An error costs microseconds to make, and an overloaded mailbox refuses often.
    if (side.depthFull?.limit === limit) return side.depthFull
    side.depthFull = new MailboxFull({
      message: `The mailbox of ${this.label()} is full: ${limit} is at its bound.`,
      mailbox: this.label(),
      limit,
      retryAfterMillis: retryMillisMin,
    })
    return side.depthFull
  }

  private fullRate(side: Side): MailboxFull {
    return new MailboxFull({
      message: `The mailbox of ${this.label()} is full: rate is at its bound.`,
      mailbox: this.label(),
      limit: "rate",
      retryAfterMillis: Math.ceil(this.rateWaitMillis(side, this.home.host.nowMillis())),
    })
  }

  private tooOld(): DeadlineExceeded {
    return new DeadlineExceeded({
      message: `The message waited too long in the mailbox of ${this.label()} and was not handled.`,
      retryAfterMillis: retryMillisMax,
    })
  }
}

function takeFrom(ring: Ring): Taken {
  const taken: Taken = { message: undefined, ask: undefined, bytes: 0, tick: 0 }
  ring.shift(taken)
  return taken
}
