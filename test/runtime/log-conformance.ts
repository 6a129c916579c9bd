/** What every adapter of `MessageLog` must do; with the schedules of contracts §13 that a log can show. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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

export function logConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: message log`, () => {
    let world: LogWorld
    let log: MessageLogShape
    let owner: Ownership

    beforeEach(async () => {
      world = await run(make())
      log = world.log()
      owner = await takeOver()
    })
    afterEach(() => run(world.close))

    const takeOver = async (): Promise<Ownership> => {
      const [claimed] = await run(world.state().claim([shard]))
      if (claimed === undefined) throw new Error("no epoch was given")
      await run(world.log().open(claimed))
      return claimed
    }
    const crash = async () => {
      await run(world.crash)
      log = world.log()
    }
    const append = (offer: Parameters<MessageLogShape["append"]>[0]) => run(log.append(offer))
    const pull = (bytesMax = plenty) => run(log.pull(owner, bytesMax))
    const acknowledge = (blocks: readonly Delivery[]) => run(log.acknowledge(owner, blocks))
    const sequences = (blocks: readonly Delivery[]) => blocks.map(({ sequence }) => sequence)

    describe("append", () => {
      test("numbers the blocks of a partition upwards and delivers them in that order", async () => {
        const sender = new TestSender()
        const offers = [sender.next(0), sender.next(0), sender.next(0)]
        const receipts = []
        for (const offer of offers) receipts.push(await append(offer))
        const delivered = await pull()
        expect(delivered.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
        expect(sequences(delivered)).toEqual(receipts.map(({ sequence }) => sequence))
        expect(sequences(delivered)).toEqual([...sequences(delivered)].sort((a, b) => a - b))
        expect(delivered.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
      })

      test("answers a repeat with the old sequence and stores nothing", async () => {
        const sender = new TestSender()
        const offer = sender.next(0)
        const first = await append(offer)
        expect(await append(offer)).toEqual({ sequence: first.sequence, repeated: true })
        expect(await pull()).toHaveLength(1)
      })

      test("knows a repeat after the block was acknowledged, and after a crash", async () => {
        const sender = new TestSender()
        const offers = [sender.next(0), sender.next(0)]
        for (const offer of offers) await append(offer)
        await acknowledge(await pull())
        const [older, newest] = offers
        if (older === undefined || newest === undefined) throw new Error("two were made")
        expect((await append(newest)).repeated).toBe(true)
        await crash()
        expect((await append(newest)).repeated).toBe(true)
        expect((await append(older)).repeated).toBe(true)
        expect((await run(log.tails)).map(({ pending }) => pending)).toEqual([0])
      })

      test("stores a block once whose answer was lost (schedule 10)", async () => {
        const sender = new TestSender()
        const offer = sender.next(0)
        const fiber = Effect.forkDetach(log.append(offer), { startImmediately: true })
        await run(Effect.flatMap(fiber, Fiber.interrupt))
        const receipt = await append(offer)
        await acknowledge(await pull())
        expect(await append(offer)).toEqual({ sequence: receipt.sequence, repeated: true })
      })

      test("refuses other bytes under a known id (schedule 3)", async () => {
        const before = new TestSender()
        await append(before.next(0, 64))
        const restarted = new TestSender()
        const other = { tenant, partition: 0, block: restarted.block(1, noHash, 65) }
        const error: LogDamaged = await run(Effect.flip(log.append(other) as never))
        expect(error._tag).toBe("LogDamaged")
        await acknowledge(await pull())
        const later: LogDamaged = await run(Effect.flip(log.append(other) as never))
        expect(later._tag).toBe("LogDamaged")
      })

      test("keeps the blocks of a sender's next start apart (schedule 3)", async () => {
        await append(new TestSender().next(0))
        const next = new TestSender("demo/connector/one", { epoch: 1, start: 2 })
        expect((await append(next.next(0))).repeated).toBe(false)
        expect(await pull()).toHaveLength(2)
      })

      test("refuses a gap or a wrong hash in a chain, and takes the right block after it", async () => {
        const sender = new TestSender()
        const offers = [sender.next(0), sender.next(0)]
        const [first, second] = offers
        if (first === undefined || second === undefined) throw new Error("two were made")
        expect((await run(Effect.flip(log.append(second))))._tag).toBe("LogDamaged")
        await append(first)
        const wrong = { tenant, partition: 0, block: sender.block(2, noHash) }
        expect((await run(Effect.flip(log.append(wrong))))._tag).toBe("LogDamaged")
        expect((await append(second)).repeated).toBe(false)
        const delivered = await pull()
        expect(delivered.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
      })
    })

    describe("the bound", () => {
      test("refuses the block that is one too many, and takes it once a slot is free", async () => {
        const sender = new TestSender()
        for (let i = 0; i < partitionMailboxBlocksMax; i++) await append(sender.next(0))
        const extra = sender.next(0)
        const error = (await run(Effect.flip(log.append(extra)))) as MailboxFull
        expect(error).toMatchObject({ _tag: "MailboxFull", limit: "blocks" })
        expect(error.retryAfterMillis).toBeGreaterThan(0)
        const delivered = await pull()
        expect((await run(Effect.flip(log.append(extra))))._tag).toBe("MailboxFull")
        await acknowledge(delivered.slice(3, 4))
        expect((await append(extra)).repeated).toBe(false)
      })

      test("does not touch other partitions", async () => {
        const sender = new TestSender()
        for (let i = 0; i < partitionMailboxBlocksMax; i++) await append(sender.next(0))
        expect((await append(sender.next(1))).repeated).toBe(false)
      })

      test("answers a repeat also when the mailbox is full", async () => {
        const sender = new TestSender()
        for (let i = 1; i < partitionMailboxBlocksMax; i++) await append(sender.next(0))
        const last = sender.next(0)
        await append(last)
        expect((await append(last)).repeated).toBe(true)
      })

      test("tells a waiting sender when a slot is free", async () => {
        const sender = new TestSender()
        await run(log.whenFree({ tenant, partition: 0 }))
        for (let i = 0; i < partitionMailboxBlocksMax; i++) await append(sender.next(0))
        const waiting = run(log.whenFree({ tenant, partition: 0 }))
        await acknowledge((await pull()).slice(0, 1))
        await waiting
        expect((await append(sender.next(0))).repeated).toBe(false)
      })
    })

    describe("pull", () => {
      test("waits until there is a block", async () => {
        const pulled = pull()
        const { sequence } = await append(new TestSender().next(0))
        expect(sequences(await pulled)).toEqual([sequence])
      })

      test("takes no more bytes than allowed, but at least one block", async () => {
        const sender = new TestSender()
        const offers = Array.from({ length: 4 }, () => sender.next(0, 1000))
        for (const offer of offers) await append(offer)
        const size = offers[0]?.block.byteLength ?? 0
        expect(await pull(1)).toHaveLength(1)
        expect(await pull(2 * size)).toHaveLength(2)
        expect(await pull()).toHaveLength(1)
      })

      test("holds nothing when it was interrupted", async () => {
        const fiber = await run(Effect.forkDetach(log.pull(owner, plenty)))
        await run(Fiber.interrupt(fiber))
        await append(new TestSender().next(0))
        expect(await pull()).toHaveLength(1)
      })

      test("delivers again, in order and counted, what was handed back (schedule 2)", async () => {
        const sender = new TestSender()
        for (let i = 0; i < 3; i++) await append(sender.next(0))
        const [first, second, third] = await pull()
        if (!first || !second || !third) throw new Error("three were appended")
        await run(log.handBack(owner, [second, first]))
        const again = await pull()
        expect(sequences(again)).toEqual([first.sequence, second.sequence])
        expect(again.map(({ attempt }) => attempt)).toEqual([2, 2])
        expect(again.map(({ block }) => block)).toEqual([first.block, second.block])
      })
    })

    describe("ownership", () => {
      test("ends an old owner's waiting pull, which takes nothing (schedule 1)", async () => {
        const old = run(Effect.flip(log.pull(owner, plenty)))
        const former = owner
        owner = await takeOver()
        expect(((await old) as Fenced)._tag).toBe("Fenced")
        await append(new TestSender().next(0))
        expect((await run(Effect.flip(log.pull(former, plenty))))._tag).toBe("Fenced")
        expect(await pull()).toHaveLength(1)
      })

      test("gives a new owner exactly what is not acknowledged, in order", async () => {
        const sender = new TestSender()
        for (let i = 0; i < 4; i++) await append(sender.next(0))
        const delivered = await pull()
        await acknowledge(delivered.slice(1, 2))
        const former = owner
        owner = await takeOver()
        const late = await run(Effect.flip(log.acknowledge(former, delivered)))
        expect(late._tag).toBe("Fenced")
        const again = await pull()
        expect(sequences(again)).toEqual(sequences(delivered.filter((_, i) => i !== 1)))
        expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
      })

      test("refuses a lower epoch, also after a crash", async () => {
        const former = owner
        owner = await takeOver()
        expect((await run(Effect.flip(log.open(former))))._tag).toBe("Fenced")
        expect((await run(Effect.flip(log.handBack(former, []))))._tag).toBe("Fenced")
        await crash()
        expect((await run(Effect.flip(log.open(former))))._tag).toBe("Fenced")
      })

      test("tells a new owner the tails of its partitions", async () => {
        const sender = new TestSender()
        const { sequence } = await append(sender.next(0))
        await append(sender.next(1))
        await acknowledge(await pull())
        const [claimed] = await run(world.state().claim([shard]))
        if (claimed === undefined) throw new Error("no epoch was given")
        const tails = await run(log.open(claimed))
        expect(tails).toEqual([{ tenant, partition: 0, lastSequence: sequence, pending: 0 }])
        expect(await run(log.tails)).toHaveLength(2)
      })
    })

    describe("a crash", () => {
      test("loses nothing that was answered and brings back nothing acknowledged", async () => {
        const sender = new TestSender()
        const offers = Array.from({ length: 5 }, () => sender.next(0, 2000))
        for (const offer of offers) await append(offer)
        await acknowledge((await pull()).slice(0, 2))
        const id = log.id
        await crash()
        expect(log.id).toBe(id)
        owner = await takeOver()
        const delivered = await pull()
        const rest = offers.slice(2).map(({ block }) => Buffer.from(block))
        expect(delivered.map(({ block }) => Buffer.from(block))).toEqual(rest)
        expect((await append(sender.next(0))).repeated).toBe(false)
      })

      test("never gives a sequence twice, also when all was acknowledged", async () => {
        const sender = new TestSender()
        const { sequence } = await append(sender.next(0))
        await acknowledge(await pull())
        await crash()
        owner = await takeOver()
        expect((await append(sender.next(0))).sequence).toBeGreaterThan(sequence)
      })

      test("after a commit and before the acknowledgement delivers again (schedule 9)", async () => {
        await append(new TestSender().next(0))
        const before = await pull()
        await crash()
        owner = await takeOver()
        expect(sequences(await pull())).toEqual(sequences(before))
      })
    })

    test("frees slots while trimming is held, and removes the blocks after", async () => {
      const sender = new TestSender()
      await append(sender.next(0))
      const held = log.holdTrimming(
        Effect.gen(function* () {
          yield* log.acknowledge(owner, yield* log.pull(owner, plenty))
          return yield* log.tails
        }),
      )
      expect((await run(held)).map(({ pending }) => pending)).toEqual([0])
      await append(sender.next(0))
      await crash()
      owner = await takeOver()
      expect(await pull()).toHaveLength(1)
    })
  })
}
