/**
 * The ring beneath a mailbox: one array with four slots a message (message, ask, bytes, tick),
 * which is what made sends cheap (architecture D1). Rings double up to the mailbox's bound and go
 * back to a shared pool when they are empty, so that an idle mailbox holds none.
 */
import { ringsKeptMax } from "../../protocols/limits.ts"
import type { Ask } from "./ask.ts"

const stride = 4
/** Small, so that many actors with a message each stay within the processor's caches. */
const sizeMin = 2

/** What was taken from a ring; one object is used again and again. */
export interface Taken {
  message: unknown
  ask: Ask | undefined
  bytes: number
  tick: number
}

export class Ring {
  slots: unknown[]
  mask: number
  head = 0
  count = 0

  constructor(size: number) {
    this.slots = new Array<unknown>(size * stride).fill(undefined)
    this.mask = size - 1
  }

  push(message: unknown, ask: Ask | undefined, bytes: number, tick: number): void {
    if (this.count > this.mask) this.grow()
    const at = ((this.head + this.count) & this.mask) * stride
    const slots = this.slots
    slots[at] = message
    slots[at + 1] = ask
    slots[at + 2] = bytes
    slots[at + 3] = tick
    this.count += 1
  }

  /** In front of all others. */
  unshift(message: unknown, ask: Ask | undefined, bytes: number, tick: number): void {
    if (this.count > this.mask) this.grow()
    this.head = (this.head - 1) & this.mask
    const at = this.head * stride
    this.slots[at] = message
    this.slots[at + 1] = ask
    this.slots[at + 2] = bytes
    this.slots[at + 3] = tick
    this.count += 1
  }

  /** The oldest into `taken`. The ring must not be empty. */
  shift(taken: Taken): void {
    const at = this.head * stride
    const slots = this.slots
    taken.message = slots[at]
    taken.ask = slots[at + 1] as Ask | undefined
    taken.bytes = slots[at + 2] as number
    taken.tick = slots[at + 3] as number
    slots[at] = undefined
    slots[at + 1] = undefined
    this.head = (this.head + 1) & this.mask
    this.count -= 1
  }

  /** Whether the oldest message came with an ask. */
  headIsAsk(): boolean {
    return this.slots[this.head * stride + 1] !== undefined
  }

  /** Bytes of the oldest message. */
  headBytes(): number {
    return this.slots[this.head * stride + 2] as number
  }

  private grow(): void {
    const size = this.mask + 1
    const slots = new Array<unknown>(size * 2 * stride).fill(undefined)
    for (let i = 0; i < this.count; i++) {
      const from = ((this.head + i) & this.mask) * stride
      for (let k = 0; k < stride; k++) slots[i * stride + k] = this.slots[from + k]
    }
    this.slots = slots
    this.mask = size * 2 - 1
    this.head = 0
  }
}

/** Empty rings by size. A mailbox asks for the size that it filled last time. */
export class RingPool {
  private readonly bySize: Ring[][] = []

  /** `order` 0 is a ring for 2 messages, each further order doubles it. */
  take(order: number): Ring {
    return this.bySize[order]?.pop() ?? new Ring(sizeMin << order)
  }

  /** Takes an empty ring back; returns its order. */
  give(ring: Ring): number {
    const order = 31 - Math.clz32((ring.mask + 1) / sizeMin)
    let kept = this.bySize[order]
    if (kept === undefined) {
      for (let i = this.bySize.length; i <= order; i++) this.bySize.push([])
      kept = this.bySize[order] ?? []
    }
    if (kept.length < Math.max(1, ringsKeptMax >> order)) kept.push(ring)
    return order
  }
}
