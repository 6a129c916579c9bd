/** What a look at a log shows, whatever log it is, and what a check of it finds. */
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { noHash } from "../../protocols/block.ts"
import { inspectedBlocksMax } from "../../protocols/limits.ts"
import {
  type LogCheck,
  type LogInspectionShape,
  logBeginning,
  type Offer,
  type Ownership,
  type StoredBlock,
  verifyLog,
} from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const tenant = "demo"
const shard = shardOf(tenant, 0)

/** A log of a test's own, what is sent to it, and what a look at it shows. */
class Subject {
  readonly world: LogWorld
  readonly sender = new TestSender()

  constructor(world: LogWorld) {
    this.world = world
  }

  async send(...offers: readonly Offer[]): Promise<readonly number[]> {
    const receipts = []
    for (const offer of offers) receipts.push(await run(this.world.log().append(offer)))
    return receipts.map(({ sequence }) => sequence)
  }

  next = (partition = 0, of = tenant) => this.sender.next(partition, 64, of)
  look = (): Promise<LogInspectionShape> => runScoped(this.world.inspection)
  forge = (block: Uint8Array) => run(this.world.forge({ tenant, partition: 0, block }))

  async takeOver(): Promise<Ownership> {
    const [owner] = await run(this.world.state().claim([shard]))
    if (owner === undefined) throw new Error("no epoch was given")
    await run(this.world.log().open(owner))
    return owner
  }

  /** Handles the blocks at these places of what waits, and no others. */
  async handle(owner: Ownership, ...places: readonly number[]): Promise<void> {
    const log = this.world.log()
    const held = await run(log.pull(owner, 2 ** 30))
    const handled = held.filter((_, n) => places.includes(n))
    await run(log.acknowledge(owner, handled))
    await run(
      log.handBack(
        owner,
        held.filter((one) => !handled.includes(one)),
      ),
    )
  }

  async verify(cursors: Parameters<typeof verifyLog>[1] = []): Promise<LogCheck> {
    return run(verifyLog(await this.look(), cursors, () => undefined))
  }
}

const placesOf = (blocks: readonly StoredBlock[]) =>
  blocks.map(({ partition, sequence }) => [partition, sequence])

export function inspectionConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: a look at the log`, () => {
    let subject: Subject | undefined
    beforeEach(async () => {
      subject = new Subject(await run(make()))
    })
    afterEach(async () => {
      if (subject !== undefined) await run(subject.world.close)
    })
    const now = () => {
      if (subject === undefined) throw new Error("a test has its own log")
      return subject
    }
    looks(now)
    checks(now)
    damages(now)
  })
}

function looks(now: () => Subject): void {
  test("shows what waits, in order and as it was sent, and goes on behind it", async () => {
    const at = now()
    const offers = [at.next(0), at.next(1), at.next(0), at.next(0, "other")]
    const [first = 0, of1 = 0, third = 0, ofOther = 0] = await at.send(...offers)
    const log = await at.look()
    expect(log.id).toBe(at.world.log().id)
    const all = await run(log.blocks({ tenant }, logBeginning))
    const of0 = all.blocks.filter(({ partition }) => partition === 0)
    expect(placesOf(of0)).toEqual([
      [0, first],
      [0, third],
    ])
    expect(of0.map(({ block }) => Buffer.from(block))).toEqual(
      [offers[0], offers[2]].map((offer) => Buffer.from(offer?.block ?? [])),
    )
    expect(
      placesOf((await run(log.blocks({ tenant, partition: 1 }, logBeginning))).blocks),
    ).toEqual([[1, of1]])
    const { blocks } = await run(log.blocks({ tenant: "other" }, logBeginning))
    expect(blocks).toMatchObject([{ tenant: "other", partition: 0, sequence: ofOther }])
    expect((await run(log.blocks({ tenant }, all.place))).blocks).toEqual([])
    const [later = 0] = await at.send(at.next(1))
    expect(placesOf((await run(log.blocks({ tenant }, all.place))).blocks)).toEqual([[1, later]])
    const tails = await run(log.tails)
    expect(tails).toHaveLength(3)
    expect(tails).toEqual(expect.arrayContaining([...(await run(at.world.log().tails))]))
  })

  test("goes through more than one page", async () => {
    const at = now()
    const count = inspectedBlocksMax + 3
    const offers = Array.from({ length: count }, (_, n) => at.next(n % 5))
    await at.send(...offers)
    const log = await at.look()
    const first = await run(log.blocks({}, logBeginning))
    const second = await run(log.blocks({}, first.place))
    expect([first.blocks.length, second.blocks.length]).toEqual([inspectedBlocksMax, 3])
    expect((await run(log.blocks({}, second.place))).blocks).toEqual([])
    expect(await at.verify()).toMatchObject({ partitions: 5, blocks: count, damage: undefined })
  })

  test("holds nothing: its owner gets all, and what is handled is gone", async () => {
    const at = now()
    await at.send(at.next(), at.next(), at.next())
    const log = await at.look()
    const before = await run(log.blocks({}, logBeginning))
    const owner = await at.takeOver()
    const held = await run(at.world.log().pull(owner, 2 ** 30))
    expect(held.map(({ sequence }) => [0, sequence])).toEqual(placesOf(before.blocks))
    expect(await run(log.blocks({}, logBeginning))).toEqual(before)
    await run(at.world.log().acknowledge(owner, held))
    expect((await run(log.blocks({}, logBeginning))).blocks).toEqual([])
    expect(await run(log.tails)).toMatchObject([{ pending: 0 }])
  })
}

function checks(now: () => Subject): void {
  test("finds a log whole, also where blocks were handled before and between", async () => {
    const at = now()
    expect(await at.verify()).toEqual({ partitions: 0, blocks: 0, bytes: 0, chains: 0 })
    await at.send(...Array.from({ length: 6 }, () => at.next()))
    const other = new TestSender("demo/connector/two")
    await at.send(other.next(0))
    expect(await at.verify()).toMatchObject({ partitions: 1, blocks: 7, chains: 2 })
    const owner = await at.takeOver()
    await at.handle(owner, 0, 1, 3)
    const check = await at.verify()
    expect(check).toMatchObject({ blocks: 4, chains: 2, damage: undefined })
    expect(check.bytes).toBeGreaterThan(0)
  })

  test("passes over a second copy of a block", async () => {
    const at = now()
    await at.send(at.next(), at.next())
    await at.forge(at.sender.block(1, noHash))
    await at.send(at.next(1))
    expect(await at.verify()).toMatchObject({ blocks: 4, damage: undefined })
  })

  test("finds a sink that is ahead of the log", async () => {
    const at = now()
    const [sequence = 0] = await at.send(at.next())
    const cursor = { tenant, partition: 0, sequence }
    expect(await at.verify([cursor])).toMatchObject({ damage: undefined })
    const ahead = { ...cursor, sequence: sequence + 1 }
    const { damage } = await at.verify([cursor, ahead])
    expect(damage).toMatchObject(ahead)
    expect(damage?.message).toContain("its end is lost")
  })
}

function damages(now: () => Subject): void {
  test.each([
    ["that is none", () => new Uint8Array([1, 2, 3]), "cannot be read"],
    ["that does not follow", (of: TestSender) => of.block(3, noHash), "does not follow its chain"],
    ["whose predecessor is lost", (of: TestSender) => of.block(9, noHash), "is lost"],
    ["that has come with other bytes", (of: TestSender) => of.block(2, noHash), "other bytes"],
  ])("finds a block %s, and names the place", async (_, block, message) => {
    const at = now()
    const [, second = 0] = await at.send(at.next(), at.next())
    await at.forge(block(at.sender))
    const { damage, blocks } = await at.verify()
    expect(damage?.message).toContain(message)
    expect(damage).toMatchObject({ tenant, partition: 0 })
    expect(damage?.sequence).toBeGreaterThan(second)
    expect(blocks).toBe(3)
  })

  test("finds a block that does not follow one that was handled", async () => {
    const at = now()
    await at.send(at.next(), at.next())
    await at.handle(await at.takeOver(), 0, 1)
    await at.forge(at.sender.block(3, noHash))
    expect((await at.verify()).damage?.message).toContain("does not follow its chain")
  })
}
