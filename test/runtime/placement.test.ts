import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { Fenced, InvariantBroken, Unavailable } from "../../protocols/errors.ts"
import {
  checkCursors,
  giveUp,
  type Placement,
  type Tail,
  Takeover,
  takeOver,
} from "../../runtime/index.ts"
import { run } from "../support/run.ts"

/** Of the partition that the log has, and the epoch that is claimed of it. */
const own = shardOf("demo", 0)
const epoch = own * 10

/** Two sinks and a log that write down every call. */
function recorded(overrides: Partial<Placement> = {}) {
  const calls: string[] = []
  const note = <A>(call: string, value: A) =>
    Effect.sync(() => {
      calls.push(call)
      return value
    })
  const tail: Tail = { tenant: "demo", partition: 0, lastSequence: 5, pending: 1 }
  const sink = (name: string) => ({
    guard: (logId: string, guards: readonly { shard: number; epoch: number }[]) =>
      note(`${name} guards ${logId} ${guards.map((g) => `${g.shard}:${g.epoch}`)}`, undefined),
    cursors: () => note(`${name} cursors`, [{ tenant: "demo", partition: 0, sequence: 4 }]),
  })
  const placement: Placement = {
    log: {
      id: "L",
      announce: ({ shard, epoch }) => note(`announce ${shard}:${epoch}`, undefined),
      tailsOf: (shard) => note(`tails ${shard}`, shard === own ? [tail] : []),
      open: ({ shard, epoch }) => note(`open ${shard}:${epoch}`, [tail]),
    },
    state: {
      claim: (shards) =>
        note(
          `claim ${shards}`,
          shards.map((shard) => ({ shard, epoch: shard * 10 })),
        ),
    },
    sinks: [sink("one"), sink("two")],
    shards: [1, own],
    lease: {
      acquire: (shards) => note(`lease ${shards}`, shards.slice(1)),
      release: (shards) => note(`release ${shards}`, undefined),
    },
    ...overrides,
  }
  return { calls, placement }
}

describe("a takeover", () => {
  test("guards every sink, then reads cursors, then opens (schedule 7)", async () => {
    const { calls, placement } = recorded()
    const taken = await run(takeOver(placement))
    expect(calls).toEqual([
      `lease 1,${own}`,
      `claim ${own}`,
      `announce ${own}:${epoch}`,
      `one guards L ${own}:${epoch}`,
      `two guards L ${own}:${epoch}`,
      "one cursors",
      "two cursors",
      "tails 1",
      `tails ${own}`,
      `open ${own}:${epoch}`,
    ])
    expect(taken.owners).toEqual([{ shard: own, epoch }])
    expect(taken.cursors).toMatchObject([[{ sequence: 4 }], [{ sequence: 4 }]])
    expect(taken.tails).toMatchObject([{ lastSequence: 5 }])
  })

  test("opens nothing when a sink knows a higher epoch", async () => {
    const fenced = new Fenced({ shard: own, epoch, current: epoch + 1, message: "taken" })
    const guard = () => Effect.fail(fenced)
    const { calls, placement } = recorded({ sinks: [{ guard, cursors: () => Effect.succeed([]) }] })
    expect(await run(Effect.flip(takeOver(placement)))).toBe(fenced)
    expect(calls).toEqual([`lease 1,${own}`, `claim ${own}`, `announce ${own}:${epoch}`])
  })

  test("opens nothing when a cursor passes the log", async () => {
    const cursor = { tenant: "demo", partition: 0, sequence: 6 }
    const sink = { guard: () => Effect.void, cursors: () => Effect.succeed([cursor]) }
    const { calls, placement } = recorded({ sinks: [sink] })
    expect(await run(Effect.flip(takeOver(placement)))).toMatchObject({ _tag: "LogDamaged" })
    expect(calls.at(-1)).toBe(`tails ${own}`)
  })

  test("leaves cursors of other shards to who owns them", async () => {
    const cursor = { tenant: "demo", partition: 1, sequence: 6 }
    const sink = { guard: () => Effect.void, cursors: () => Effect.succeed([cursor]) }
    const taken = await run(takeOver(recorded({ sinks: [sink] }).placement))
    expect(shardOf("demo", 1)).not.toBe(own)
    expect(taken.cursors).toEqual([[]])
  })

  test("claims a new epoch when it is begun anew", async () => {
    const { calls, placement } = recorded()
    let fails = 1
    const tailsOf = (shard: number) =>
      Effect.suspend(() =>
        fails-- > 0
          ? Effect.fail(new Unavailable({ retryAfterMillis: 1, message: "busy" }))
          : placement.log.tailsOf(shard),
      )
    await run(
      Effect.retry(takeOver({ ...placement, log: { ...placement.log, tailsOf } }), { times: 1 }),
    )
    expect(calls.filter((call) => call === `claim ${own}`)).toHaveLength(2)
  })

  test("gives shards up through the lease", async () => {
    const { calls, placement } = recorded()
    await run(giveUp(placement))
    expect(calls).toEqual([`release 1,${own}`])
  })

  test("does not take an answer to a question that it did not ask", () => {
    const takeover = new Takeover([1], 1)
    expect(() => takeover.answer({ kind: "guarded" })).toThrow(InvariantBroken)
    expect(takeover.step).toEqual({ kind: "lease", shards: [1] })
  })
})

describe("cursors against the log", () => {
  const place = fc.record({ tenant: fc.constantFrom("a", "b"), partition: fc.nat(2) })
  const tails = fc.uniqueArray(
    fc.tuple(place, fc.nat(5)).map(([at, lastSequence]) => ({ ...at, lastSequence, pending: 0 })),
    { selector: ({ tenant, partition }) => `${tenant}${partition}` },
  )
  const cursors = fc.array(
    fc.tuple(place, fc.nat(5)).map(([at, sequence]) => ({ ...at, sequence })),
  )

  test("are damage exactly where one is above the tail of its partition", () => {
    fc.assert(
      fc.property(tails, cursors, (known, found) => {
        const last = (at: { tenant: string; partition: number }) =>
          known.find((tail) => tail.tenant === at.tenant && tail.partition === at.partition)
            ?.lastSequence ?? 0
        const over = found.filter((cursor) => cursor.sequence > last(cursor))
        expect(checkCursors(known, found) !== undefined).toBe(over.length > 0)
      }),
    )
  })
})
