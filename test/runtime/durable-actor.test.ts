/** Actors that keep durable state: through passivation, crashes, and another owner. */
import * as Effect from "effect/Effect"
import { expect, onTestFinished, test } from "vitest"
import { shardOfAddress } from "../../protocols/address.ts"
import {
  type ActorStateShape,
  type ActorType,
  type Durable,
  type DurableKind,
  makeNodeHost,
  makeSystem,
  type Ownership,
  openDurable,
} from "../../runtime/index.ts"
import { supervisor } from "../../supervisors/index.ts"
import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { run } from "../support/run.ts"

type Total = { readonly total: number }
const totals: DurableKind<Total, number> = {
  kind: "till",
  version: 1,
  initial: { total: 0 },
  apply: ({ total }, paid) => ({ total: total + paid }),
  eventsPerSnapshotMax: 3,
}

/** Opens its state in its first turn: turns of an actor come one after the other. */
const till: ActorType<number | "crash", { state: ActorStateShape; owner: Ownership }> = {
  kind: "till",
  start: (context, { state, owner }) => {
    let durable: Durable<Total, number> | undefined
    return {
      receive: (message) =>
        Effect.gen(function* () {
          if (message === "crash") return yield* Effect.die("crash")
          durable ??= yield* openDurable(state, owner, context.address, totals)
          if (message !== 0) yield* durable.persist([message])
          context.reply(durable.state.total)
        }),
    }
  },
}

const address = { tenant: "demo", kind: "till", key: "a" }

test("an actor with durable state goes on where it was, also on another node", async () => {
  const world = await run(makeEmbeddedWorld())
  onTestFinished(() => run(world.close))
  const state = world.state()
  const node = async () => {
    const [owner] = await run(state.claim([shardOfAddress(address)]))
    if (owner === undefined) throw new Error("no epoch was given")
    const system = makeSystem({ host: makeNodeHost(), supervisor })
    onTestFinished(() => run(system.stop))
    const tills = system.virtual(till, { argument: { state, owner } })
    const told = (paid: number) => run(tills.ask<number>("demo", "a", paid))
    return { system, tills, told }
  }
  const first = await node()
  for (const [paid, total] of [
    [1, 1],
    [2, 3],
    [3, 6],
    [4, 10],
  ] as const) {
    expect(await first.told(paid)).toBe(total)
  }
  expect(first.tills.passivate(1)).toBe(1)
  expect(first.tills.activeCount()).toBe(0)
  expect(await first.told(0)).toBe(10)
  first.tills.tell("demo", "a", "crash")
  expect(await first.told(5)).toBe(15)

  const second = await node()
  expect(await second.told(6)).toBe(21)
  const refused = await run(Effect.flip(first.tills.ask("demo", "a", 7)))
  expect(refused._tag).toBe("Unavailable")
  expect(first.system.deadLetters().map(({ message }) => message)).toEqual(["crash", 7])
  expect(first.system.deadLetters().at(-1)?.error).toMatch(/owned under epoch 2/)
  expect(await second.told(0)).toBe(21)
})
