import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parkedBlocksMax } from "../../protocols/limits.ts"
import { type Delivery, ShardInbox } from "../../runtime/index.ts"

const lane = { tenant: "demo", partition: 0 }
const block = (sequence: number, bytes = 10): Delivery => ({
  ...lane,
  sequence,
  attempt: 1,
  block: new Uint8Array(bytes),
})
const inboxOf = (bytesMax: number) => new ShardInbox({ bytesMax, bytes: 0 })

describe("the inbox of a shard", () => {
  test("starts nothing above a block that is away until it is back (schedule 2)", () => {
    const inbox = inboxOf(10)
    expect(inbox.arrived(block(1))).toBe("held")
    expect(inbox.arrived(block(2))).toBe("hand-back")
    expect(inbox.arrived(block(3))).toBe("hand-back")
    expect(inbox.start(lane)).toMatchObject({ delivery: { sequence: 1 } })
    expect(inbox.done(lane, 1)).toBe("acknowledge")
    expect(inbox.arrived(block(3))).toBe("hand-back")
    expect(inbox.start(lane)).toBeUndefined()
    expect(inbox.arrived(block(2))).toBe("held")
    expect(inbox.start(lane)).toMatchObject({ delivery: { sequence: 2 } })
  })

  test("drops a second copy and acknowledges what every sink has", () => {
    const inbox = inboxOf(100)
    inbox.opened(lane, 4, [])
    expect(inbox.arrived(block(4))).toBe("acknowledge")
    expect(inbox.arrived(block(5))).toBe("held")
    expect(inbox.arrived(block(5))).toBe("drop")
    inbox.start(lane)
    expect(inbox.arrived(block(5))).toBe("drop")
    expect(inbox.done(lane, 5)).toBe("acknowledge")
    expect(inbox.arrived(block(5))).toBe("acknowledge")
  })

  test("works parked blocks before their successors, until done (schedule 6)", () => {
    const inbox = inboxOf(100)
    for (const sequence of [1, 2, 3]) inbox.arrived(block(sequence))
    expect(inbox.parkable(lane)).toMatchObject({ sequence: 1 })
    inbox.parked(lane, 1)
    expect(inbox.parkable(lane)).toMatchObject({ sequence: 2 })
    expect(inbox.arrived(block(1))).toBe("acknowledge")
    expect(inbox.start(lane)).toEqual({ kind: "parked", sequence: 1 })
    expect(inbox.start(lane)).toMatchObject({ kind: "held", delivery: { sequence: 2 } })
    expect(inbox.done(lane, 1)).toBe("unpark")
    const next = inboxOf(100)
    expect(next.opened(lane, 1, [1, 2])).toEqual([1])
    expect(next.start(lane)).toEqual({ kind: "parked", sequence: 2 })
  })

  test("starts again what was not done when its actor begins anew", () => {
    const inbox = inboxOf(100)
    for (const sequence of [1, 2, 3]) inbox.arrived(block(sequence))
    for (let i = 0; i < 3; i++) inbox.start(lane)
    inbox.done(lane, 1)
    inbox.restart(lane)
    expect(inbox.start(lane)).toMatchObject({ delivery: { sequence: 2 } })
  })

  test("holds one block that is larger than its share, so that it can go on", () => {
    const inbox = inboxOf(10)
    expect(inbox.arrived(block(1, 11))).toBe("held")
    expect(inbox.arrived(block(2, 1))).toBe("hand-back")
  })

  test("refuses to park more than the bound", () => {
    const inbox = inboxOf(2 ** 20)
    for (let sequence = 1; sequence <= parkedBlocksMax; sequence++) {
      inbox.arrived(block(sequence))
      expect(inbox.parkable(lane)).toMatchObject({ sequence })
      inbox.parked(lane, sequence)
    }
    inbox.arrived(block(parkedBlocksMax + 1))
    expect(inbox.parkable(lane)).toMatchObject({ limit: "parkedBlocksMax" })
  })

  test("loses and doubles nothing in any schedule, for one sink and for two", () => {
    const schedules = fc.array(fc.nat(), { minLength: 50, maxLength: 300 })
    fc.assert(
      fc.property(
        schedules,
        fc.constantFrom(1, 2),
        fc.constantFrom(10, 25, 60),
        (draws, sinks, share) => new World(sinks, share).play(draws),
      ),
      { numRuns: 400 },
    )
  })
})

/**
 * A log that redelivers in any order, sinks that apply in order, and an owner that dies at will.
 */
class World {
  /** In the log and not acknowledged. */
  readonly #log = new Set<number>()
  /** In the actor state. */
  readonly #state = new Set<number>()
  readonly #sinks: number[][]
  readonly #shareBytes: number
  #appended = 0
  /** Of this owner: delivered by the log and not handed back. */
  readonly #delivered = new Set<number>()
  /** Handed back: the log may deliver them in any order. */
  readonly #back = new Set<number>()
  #highest = 0
  #inbox: ShardInbox
  #inTurn: number[] = []
  #starts: number[] = []

  constructor(sinks: number, shareBytes: number) {
    this.#sinks = Array.from({ length: sinks }, () => [])
    this.#shareBytes = shareBytes
    this.#inbox = this.#takeOver()
  }

  play(draws: readonly number[]): void {
    for (const draw of draws) this.#step(draw % 16, Math.floor(draw / 16))
    this.#drain()
    const all = Array.from({ length: this.#appended }, (_, i) => i + 1)
    for (const applied of this.#sinks) expect(applied).toEqual(all)
    expect([this.#log.size, this.#state.size]).toEqual([0, 0])
  }

  #drain(): void {
    for (let i = 0; i < 40 * (this.#appended + 1); i++) {
      this.#deliver(i)
      this.#start()
      for (let sink = 0; sink < this.#sinks.length; sink++) this.#apply(sink)
    }
  }

  #step(kind: number, draw: number): void {
    if (kind < 3 && this.#log.size < 8) this.#log.add(++this.#appended)
    else if (kind < 7) this.#deliver(draw)
    else if (kind < 10) this.#start()
    else if (kind < 13) this.#apply(draw % this.#sinks.length)
    else if (kind === 13) this.#park(draw)
    else if (kind === 14) this.#secondCopy(draw)
    else if (draw % 4 === 0) this.#inbox = this.#takeOver()
    else if (draw % 4 === 1) {
      this.#inbox.restart(lane)
      this.#inTurn = []
      this.#starts = []
    }
  }

  #takeOver(): ShardInbox {
    const inbox = inboxOf(this.#shareBytes)
    const covered = Math.min(...this.#sinks.map((applied) => applied.length))
    for (const done of inbox.opened(lane, covered, [...this.#state])) this.#state.delete(done)
    this.#delivered.clear()
    this.#back.clear()
    this.#highest = 0
    this.#inTurn = []
    this.#starts = []
    return inbox
  }

  #deliver(draw: number): void {
    const fresh = [...this.#log].find(
      (sequence) => sequence > this.#highest && !this.#delivered.has(sequence),
    )
    const ways = [...this.#back, ...(fresh === undefined ? [] : [fresh])]
    const sequence = ways[draw % Math.max(1, ways.length)]
    if (sequence === undefined) return
    this.#highest = Math.max(this.#highest, sequence)
    this.#back.delete(sequence)
    this.#delivered.add(sequence)
    this.#arrive(sequence)
  }

  #secondCopy(draw: number): void {
    const ways = [...this.#delivered].filter((sequence) => this.#log.has(sequence))
    const sequence = ways[draw % Math.max(1, ways.length)]
    if (sequence !== undefined) this.#arrive(sequence)
  }

  #arrive(sequence: number): void {
    const arrival = this.#inbox.arrived(block(sequence))
    if (arrival === "acknowledge") this.#acknowledge(sequence)
    if (arrival !== "hand-back") return
    this.#delivered.delete(sequence)
    this.#back.add(sequence)
  }

  #start(): void {
    const start = this.#inbox.start(lane)
    if (start === undefined) return
    const sequence = start.kind === "held" ? start.delivery.sequence : start.sequence
    if (start.kind === "parked") expect(this.#state.has(sequence)).toBe(true)
    expect(sequence).toBeGreaterThan(this.#starts.at(-1) ?? 0)
    this.#starts.push(sequence)
    this.#inTurn.push(sequence)
  }

  /** One sink commits its next block of those in turn; the last sink's commit makes it done. */
  #apply(sink: number): void {
    const applied = this.#sinks[sink] ?? []
    const next = this.#inTurn.find((sequence) => sequence > applied.length)
    if (next !== undefined) applied.push(next)
    this.#settle()
  }

  #settle(): void {
    const covered = Math.min(...this.#sinks.map((applied) => applied.length))
    while (this.#inTurn[0] !== undefined && this.#inTurn[0] <= covered) {
      const sequence = this.#inTurn.shift() ?? 0
      const from = this.#inbox.done(lane, sequence)
      if (from === "acknowledge") this.#acknowledge(sequence)
      if (from === "unpark") this.#state.delete(sequence)
    }
  }

  /** A block goes to the state; the owner may die before it acknowledges it. */
  #park(draw: number): void {
    const parkable = this.#inbox.parkable(lane)
    if (parkable === undefined || !("sequence" in parkable)) return
    const { sequence } = parkable
    this.#state.add(sequence)
    if (draw % 3 === 0) {
      this.#inbox = this.#takeOver()
      return
    }
    this.#inbox.parked(lane, sequence)
    this.#acknowledge(sequence)
  }

  #acknowledge(sequence: number): void {
    const covered = Math.min(...this.#sinks.map((applied) => applied.length))
    expect(sequence <= covered || this.#state.has(sequence)).toBe(true)
    this.#log.delete(sequence)
    this.#delivered.delete(sequence)
  }
}
