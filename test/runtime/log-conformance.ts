/**
 * What every adapter of `MessageLog` must do; with the schedules of contracts §13 that a log can
 * show.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { noHash } from "../../protocols/block.ts"
import type { Fenced, LogDamaged, MailboxFull } from "../../protocols/errors.ts"
import { partitionMailboxBlocksMax } from "../../protocols/limits.ts"
import type { Delivery, MessageLogShape, Ownership } from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"

const plenty = 2 ** 30
const tenant = "demo"
const shard = shardOf(tenant, 0)

/** Servers that lost their leader answer nobody until there is another one. */
const again = { times: 100, schedule: Schedule.spaced(100) }
const isUnavailable = ({ _tag }: { readonly _tag: string }): boolean => _tag === "Unavailable"

/** A world of its own per test, and the owner of its shard. */
class Subject {
  world: LogWorld
  owner: Ownership = { shard, epoch: 0 }

  constructor(world: LogWorld) {
    this.world = world
  }

  get log(): MessageLogShape {
    return this.world.log()
  }

  async takeOver(): Promise<Ownership> {
    const [claimed] = await run(this.world.state().claim([shard]))
    if (claimed === undefined) throw new Error("no epoch was given")
    await run(this.log.announce(claimed))
    await run(this.log.open(claimed))
    this.owner = claimed
    return claimed
  }

  crash = () => run(this.world.crash)
  /** As a sender does: what the log does not answer to is offered again (contracts §6). */
  append = (offer: Parameters<MessageLogShape["append"]>[0]) =>
    run(Effect.retry(this.log.append(offer), { ...again, while: isUnavailable }))
  pull = (bytesMax = plenty) => run(this.log.pull(this.owner, bytesMax))
  acknowledge = (of: readonly Delivery[]) => run(this.log.acknowledge(this.owner, of))
}

const sequences = (blocks: readonly Delivery[]) => blocks.map(({ sequence }) => sequence)

export function logConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: message log`, () => {
    let subject: Subject | undefined
    beforeEach(async () => {
      subject = new Subject(await run(make()))
      await subject.takeOver()
    })
    afterEach(async () => {
      if (subject !== undefined) await run(subject.world.close)
    })
    const now = () => {
      if (subject === undefined) throw new Error("a test has its own log")
      return subject
    }
    appends(now)
    chains(now)
    bounds(now)
    pulls(now)
    ownership(now)
    crashes(now)
    trimming(now)
  })
}

function appends(now: () => Subject): void {
  describe("append", () => {
    test("numbers the blocks of a partition upwards and delivers them so", async () => {
      const at = now()
      const sender = new TestSender()
      const offers = [sender.next(0), sender.next(0), sender.next(0)]
      const receipts = []
      for (const offer of offers) receipts.push(await at.append(offer))
      const delivered = await at.pull()
      expect(delivered.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
      expect(sequences(delivered)).toEqual(receipts.map(({ sequence }) => sequence))
      expect(sequences(delivered)).toEqual([...sequences(delivered)].sort((a, b) => a - b))
      expect(delivered.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
    })

    test("answers a repeat with the old sequence and stores nothing", async () => {
      const at = now()
      const sender = new TestSender()
      const offer = sender.next(0)
      const first = await at.append(offer)
      expect(await at.append(offer)).toEqual({ sequence: first.sequence, repeated: true })
      expect(await at.pull()).toHaveLength(1)
    })

    test("knows a repeat after the block was acknowledged, and after a crash", async () => {
      const at = now()
      const sender = new TestSender()
      const offers = [sender.next(0), sender.next(0)]
      for (const offer of offers) await at.append(offer)
      await at.acknowledge(await at.pull())
      const [older, newest] = offers
      if (older === undefined || newest === undefined) throw new Error("two were made")
      expect((await at.append(newest)).repeated).toBe(true)
      await at.crash()
      expect((await at.append(newest)).repeated).toBe(true)
      expect((await at.append(older)).repeated).toBe(true)
      expect((await run(at.log.tails)).map(({ pending }) => pending)).toEqual([0])
    })

    test("stores a block once whose answer was lost (schedule 10)", async () => {
      const at = now()
      const sender = new TestSender()
      const offer = sender.next(0)
      const fiber = Effect.forkDetach(at.log.append(offer), { startImmediately: true })
      await run(Effect.flatMap(fiber, Fiber.interrupt))
      const receipt = await at.append(offer)
      await at.acknowledge(await at.pull())
      expect(await at.append(offer)).toEqual({ sequence: receipt.sequence, repeated: true })
    })
  })
}

function chains(now: () => Subject): void {
  describe("the chain of a sender", () => {
    test("refuses other bytes under a known id (schedule 3)", async () => {
      const at = now()
      const before = new TestSender()
      await at.append(before.next(0, 64))
      const restarted = new TestSender()
      const other = { tenant, partition: 0, block: restarted.block(1, noHash, 65) }
      const error: LogDamaged = await run(Effect.flip(at.log.append(other) as never))
      expect(error._tag).toBe("LogDamaged")
      await at.acknowledge(await at.pull())
      const later: LogDamaged = await run(Effect.flip(at.log.append(other) as never))
      expect(later._tag).toBe("LogDamaged")
    })

    test("keeps the blocks of a sender's next start apart (schedule 3)", async () => {
      const at = now()
      await at.append(new TestSender().next(0))
      const next = new TestSender("demo/connector/one", { epoch: 1, start: 2 })
      expect((await at.append(next.next(0))).repeated).toBe(false)
      expect(await at.pull()).toHaveLength(2)
    })

    test("refuses a gap or a wrong hash, and takes the right block after it", async () => {
      const at = now()
      const sender = new TestSender()
      const offers = [sender.next(0), sender.next(0)]
      const [first, second] = offers
      if (first === undefined || second === undefined) throw new Error("two were made")
      expect((await run(Effect.flip(at.log.append(second))))._tag).toBe("LogDamaged")
      await at.append(first)
      const wrong = { tenant, partition: 0, block: sender.block(2, noHash) }
      expect((await run(Effect.flip(at.log.append(wrong))))._tag).toBe("LogDamaged")
      expect((await at.append(second)).repeated).toBe(false)
      const delivered = await at.pull()
      expect(delivered.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
    })
  })
}

function bounds(now: () => Subject): void {
  describe("the bound", () => {
    test("refuses the block that is one too many, and takes it once a slot is free", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 0; i < partitionMailboxBlocksMax; i++) await at.append(sender.next(0))
      const extra = sender.next(0)
      const error = (await run(Effect.flip(at.log.append(extra)))) as MailboxFull
      expect(error).toMatchObject({ _tag: "MailboxFull", limit: "blocks" })
      expect(error.retryAfterMillis).toBeGreaterThan(0)
      const delivered = await at.pull()
      expect((await run(Effect.flip(at.log.append(extra))))._tag).toBe("MailboxFull")
      await at.acknowledge(delivered.slice(3, 4))
      expect((await at.append(extra)).repeated).toBe(false)
    })

    test("does not touch other partitions", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 0; i < partitionMailboxBlocksMax; i++) await at.append(sender.next(0))
      expect((await at.append(sender.next(1))).repeated).toBe(false)
    })

    test("answers a repeat also when the mailbox is full", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 1; i < partitionMailboxBlocksMax; i++) await at.append(sender.next(0))
      const last = sender.next(0)
      await at.append(last)
      expect((await at.append(last)).repeated).toBe(true)
    })

    test("tells a waiting sender when a slot is free", async () => {
      const at = now()
      const sender = new TestSender()
      await run(at.log.whenFree({ tenant, partition: 0 }))
      for (let i = 0; i < partitionMailboxBlocksMax; i++) await at.append(sender.next(0))
      const waiting = run(at.log.whenFree({ tenant, partition: 0 }))
      await at.acknowledge((await at.pull()).slice(0, 1))
      await waiting
      expect((await at.append(sender.next(0))).repeated).toBe(false)
    })
  })
}

function pulls(now: () => Subject): void {
  describe("pull", () => {
    test("waits until there is a block", async () => {
      const at = now()
      const pulled = at.pull()
      const { sequence } = await at.append(new TestSender().next(0))
      expect(sequences(await pulled)).toEqual([sequence])
    })

    test("takes no more bytes than allowed, but at least one block", async () => {
      const at = now()
      const sender = new TestSender()
      const offers = Array.from({ length: 4 }, () => sender.next(0, 1000))
      for (const offer of offers) await at.append(offer)
      const size = offers[0]?.block.byteLength ?? 0
      expect(await at.pull(1)).toHaveLength(1)
      expect(await at.pull(2 * size)).toHaveLength(2)
      expect(await at.pull()).toHaveLength(1)
    })

    test("holds nothing when it was interrupted", async () => {
      const at = now()
      const fiber = await run(Effect.forkDetach(at.log.pull(at.owner, plenty)))
      await run(Fiber.interrupt(fiber))
      await at.append(new TestSender().next(0))
      expect(await at.pull()).toHaveLength(1)
    })

    test("delivers again, in order and counted, what was handed back (schedule 2)", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 0; i < 3; i++) await at.append(sender.next(0))
      const [first, second, third] = await at.pull()
      if (!first || !second || !third) throw new Error("three were appended")
      await run(at.log.handBack(at.owner, [second, first]))
      const again = await at.pull()
      expect(sequences(again)).toEqual([first.sequence, second.sequence])
      expect(again.map(({ attempt }) => attempt)).toEqual([2, 2])
      expect(again.map(({ block }) => block)).toEqual([first.block, second.block])
    })
  })
}

function ownership(now: () => Subject): void {
  describe("ownership", () => {
    test("ends an old owner's waiting pull (schedule 1)", async () => {
      const at = now()
      const old = run(Effect.flip(at.log.pull(at.owner, plenty)))
      const former = at.owner
      at.owner = await at.takeOver()
      expect(((await old) as Fenced)._tag).toBe("Fenced")
      await at.append(new TestSender().next(0))
      expect((await run(Effect.flip(at.log.pull(former, plenty))))._tag).toBe("Fenced")
      expect(await at.pull()).toHaveLength(1)
    })

    test("gives a new owner exactly what is not acknowledged, in order", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 0; i < 4; i++) await at.append(sender.next(0))
      const delivered = await at.pull()
      await at.acknowledge(delivered.slice(1, 2))
      const former = at.owner
      at.owner = await at.takeOver()
      const late = await run(Effect.flip(at.log.acknowledge(former, delivered)))
      expect(late._tag).toBe("Fenced")
      const again = await at.pull()
      expect(sequences(again)).toEqual(sequences(delivered.filter((_, i) => i !== 1)))
      expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
    })

    test("delivers all that is not acknowledged once more when it is opened anew", async () => {
      const at = now()
      const sender = new TestSender()
      for (let i = 0; i < 3; i++) await at.append(sender.next(0))
      const delivered = await at.pull()
      await at.acknowledge(delivered.slice(0, 1))
      await run(at.log.open(at.owner))
      expect(sequences(await at.pull())).toEqual(sequences(delivered.slice(1)))
    })

    test("refuses a lower epoch, also after a crash", async () => {
      const at = now()
      const former = at.owner
      at.owner = await at.takeOver()
      expect((await run(Effect.flip(at.log.open(former))))._tag).toBe("Fenced")
      expect((await run(Effect.flip(at.log.handBack(former, []))))._tag).toBe("Fenced")
      await at.crash()
      expect((await run(Effect.flip(at.log.open(former))))._tag).toBe("Fenced")
    })

    test("tells a new owner the tails of its partitions", async () => {
      const at = now()
      const sender = new TestSender()
      const { sequence } = await at.append(sender.next(0))
      await at.append(sender.next(1))
      await at.acknowledge(await at.pull())
      const [claimed] = await run(at.world.state().claim([shard]))
      if (claimed === undefined) throw new Error("no epoch was given")
      const tails = await run(at.log.open(claimed))
      expect(tails).toEqual([{ tenant, partition: 0, lastSequence: sequence, pending: 0 }])
      expect(await run(at.log.tails)).toHaveLength(2)
    })
  })
}

function crashes(now: () => Subject): void {
  describe("a crash", () => {
    test("loses nothing that was answered and brings back nothing acknowledged", async () => {
      const at = now()
      const sender = new TestSender()
      const offers = Array.from({ length: 5 }, () => sender.next(0, 2000))
      for (const offer of offers) await at.append(offer)
      await at.acknowledge((await at.pull()).slice(0, 2))
      const id = at.log.id
      await at.crash()
      expect(at.log.id).toBe(id)
      at.owner = await at.takeOver()
      const delivered = await at.pull()
      const rest = offers.slice(2).map(({ block }) => Buffer.from(block))
      expect(delivered.map(({ block }) => Buffer.from(block))).toEqual(rest)
      expect((await at.append(sender.next(0))).repeated).toBe(false)
    })

    test("never gives a sequence twice, also when all was acknowledged", async () => {
      const at = now()
      const sender = new TestSender()
      const { sequence } = await at.append(sender.next(0))
      await at.acknowledge(await at.pull())
      await at.crash()
      at.owner = await at.takeOver()
      expect((await at.append(sender.next(0))).sequence).toBeGreaterThan(sequence)
    })

    test("after a commit and before the acknowledgement delivers again (schedule 9)", async () => {
      const at = now()
      await at.append(new TestSender().next(0))
      const before = await at.pull()
      await at.crash()
      at.owner = await at.takeOver()
      expect(sequences(await at.pull())).toEqual(sequences(before))
    })
  })
}

function trimming(now: () => Subject): void {
  test("frees slots while trimming is held, and removes the blocks after", async () => {
    const at = now()
    const sender = new TestSender()
    await at.append(sender.next(0))
    const held = at.log.holdTrimming(
      Effect.gen(function* () {
        yield* at.log.acknowledge(at.owner, yield* at.log.pull(at.owner, plenty))
        return yield* at.log.tails
      }),
    )
    expect((await run(held)).map(({ pending }) => pending)).toEqual([0])
    await at.append(sender.next(0))
    await at.crash()
    at.owner = await at.takeOver()
    expect(await at.pull()).toHaveLength(1)
  })
}
