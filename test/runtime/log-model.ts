/**
 * Random schedules of appends, repeats, pulls, acknowledgements, take-overs and crashes, against a
 * model.
 */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import type { Offer, Ownership } from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"

const tenant = "demo"
const partition = 0
const shard = shardOf(tenant, partition)
const depth = 4

interface Stored {
  readonly sequence: number
  readonly block: Uint8Array
}

/** What the log should hold: a list of blocks, and which of them the owner has. */
class Model {
  readonly stored: Stored[] = []
  readonly taken = new Set<number>()
  lastSequence = 0
  newest: (Stored & { readonly offer: Offer }) | undefined
}

type Step =
  | { readonly kind: "append" }
  | { readonly kind: "repeat" }
  | { readonly kind: "take-over" }
  | { readonly kind: "crash" }
  | { readonly kind: "pull"; readonly blocks: number }
  | { readonly kind: "acknowledge" | "hand-back"; readonly picks: readonly number[] }

const picks = fc.array(fc.nat(depth), { maxLength: depth })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ kind: "append" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "repeat" }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("pull" as const), blocks: fc.nat(depth) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), picks }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hand-back" as const), picks }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "take-over" }) },
)

export function logModelConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: message log against a model`, () => {
    test("holds, delivers and forgets what the model does", async () => {
      const schedule = fc.array(step, { minLength: 10, maxLength: 40 })
      const property = fc.asyncProperty(schedule, fc.nat(39), async (steps, crashAt) => {
        const world = await run(make({ mailboxBlocksMax: depth, heldBytesMax: 600 }))
        try {
          await play(world, steps.toSpliced(crashAt, 0, { kind: "crash" }))
        } finally {
          await run(world.close)
        }
      })
      await fc.assert(property, { numRuns: 12 })
    })
  })
}

async function play(world: LogWorld, steps: readonly Step[]): Promise<void> {
  const model = new Model()
  const sender = new TestSender()
  let waiting: Offer | undefined
  let owner = await takeOver(world, model)
  for (const one of steps) {
    if (one.kind === "append") {
      waiting ??= sender.next(partition, 200)
      waiting = await append(world, model, waiting)
    } else if (one.kind === "repeat") await repeat(world, model)
    else if (one.kind === "pull") await pull(world, model, owner, one.blocks)
    else if (one.kind === "take-over") owner = await takeOver(world, model)
    else if (one.kind === "crash") {
      await run(world.crash)
      owner = await takeOver(world, model)
    } else await settle(world, model, owner, one)
    const pending = (await run(world.log().tails)).map((tail) => tail.pending)
    expect(pending).toEqual(model.lastSequence === 0 ? [] : [model.stored.length])
  }
}

async function takeOver(world: LogWorld, model: Model): Promise<Ownership> {
  const [owner] = await run(world.state().claim([shard]))
  if (owner === undefined) throw new Error("no epoch was given")
  await run(world.log().open(owner))
  model.taken.clear()
  return owner
}

async function append(world: LogWorld, model: Model, offer: Offer): Promise<Offer | undefined> {
  if (model.stored.length >= depth) {
    expect((await run(Effect.flip(world.log().append(offer))))._tag).toBe("MailboxFull")
    return offer
  }
  const { sequence, repeated } = await run(world.log().append(offer))
  expect(repeated).toBe(false)
  expect(sequence).toBeGreaterThan(model.lastSequence)
  model.lastSequence = sequence
  model.stored.push({ sequence, block: offer.block })
  model.newest = { sequence, block: offer.block, offer }
  return undefined
}

async function repeat(world: LogWorld, { newest }: Model): Promise<void> {
  if (newest === undefined) return
  const { sequence } = newest
  expect(await run(world.log().append(newest.offer))).toEqual({ sequence, repeated: true })
}

async function pull(world: LogWorld, model: Model, owner: Ownership, blocks: number) {
  const ready = model.stored.filter(({ sequence }) => !model.taken.has(sequence))
  if (ready.length === 0) return
  const bytesMax = blocks * (ready[0]?.block.byteLength ?? 0)
  const delivered = await run(world.log().pull(owner, bytesMax))
  const plain = delivered.map(({ sequence, block }) => ({ sequence, block: Buffer.from(block) }))
  const due = ready.slice(0, Math.max(1, blocks))
  expect(plain).toEqual(due.map((one) => ({ ...one, block: Buffer.from(one.block) })))
  for (const { sequence } of due) model.taken.add(sequence)
}

async function settle(
  world: LogWorld,
  model: Model,
  owner: Ownership,
  { kind, picks: of }: Extract<Step, { picks: readonly number[] }>,
): Promise<void> {
  const held = model.stored.filter(({ sequence }) => model.taken.has(sequence))
  const chosen = held.filter((_, i) => of.includes(i)).map(({ sequence }) => sequence)
  const blocks = chosen.map((sequence) => ({ tenant, partition, sequence }))
  if (kind === "hand-back") await run(world.log().handBack(owner, blocks))
  else await run(world.log().acknowledge(owner, blocks))
  for (const sequence of chosen) {
    model.taken.delete(sequence)
    if (kind === "hand-back") continue
    model.stored.splice(
      model.stored.findIndex((one) => one.sequence === sequence),
      1,
    )
  }
}
