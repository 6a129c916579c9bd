/** Actors of any node by address, while their shards move. */
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { type Address, shardOfAddress } from "../../protocols/address.ts"
import { Invalid } from "../../protocols/errors.ts"
import { shardCount } from "../../protocols/limits.ts"
import {
  type ActorType,
  makeNodeHost,
  makeSystem,
  NotThere,
  offerActors,
  openRemoteActors,
  type ShardView,
} from "../../runtime/index.ts"
import { supervisor } from "../../supervisors/index.ts"
import { MemoryLines } from "../support/memory-lines.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

type CounterMessage = { readonly kind: "add"; readonly by: number } | { readonly kind: "get" }

/** Adds up, and says where it is. */
const counterType: ActorType<CounterMessage, string> = {
  kind: "counter",
  mailbox: { depthMax: 4, overflow: "refuse" },
  start: (context, node) => {
    let sum = 0
    return {
      receive: (message) => {
        if (message.kind === "add") sum += message.by
        else context.reply({ node, sum })
      },
    }
  },
}

function readMessage(said: unknown) {
  const { kind, by } = said as { readonly kind?: unknown; readonly by?: unknown }
  if (kind === "get") return { value: { kind } } as const
  if (kind === "add" && typeof by === "number") return { value: { kind, by } } as const
  return new Invalid({ what: "message", message: "A counter adds and gets." })
}

const address: Address = { tenant: "demo", kind: "counter", key: "a/b" }
const shard = shardOfAddress(address)
const add = { kind: "add", by: 2 }
const get = { kind: "get" }

/** Who holds the shard of the address, as one node sees it. */
function viewOf(holder: string | undefined, own: string): readonly ShardView[] {
  return Array.from({ length: shardCount }, (_, at) => ({
    shard: at,
    holder:
      at === shard && holder !== undefined
        ? { kind: "lease" as const, node: holder, incarnation: "i", shard, epoch: 1 }
        : undefined,
    share: undefined,
    phase: at === shard && holder === own ? ("open" as const) : undefined,
  }))
}

/** Nodes that see the shard at a holder, each for itself. */
function makeCluster() {
  const lines = new MemoryLines(makeNodeHost())
  const open = async (node: string) => {
    const host = makeNodeHost()
    const system = makeSystem({ host, supervisor })
    const counters = system.virtual(counterType, { argument: node })
    const sees: { holder: string | undefined; looks: number; onLook: () => void } = {
      holder: undefined,
      looks: 0,
      onLook: () => undefined,
    }
    const peers = await runScoped(lines.open({ own: { node, incarnation: "i" }, host }))
    const actors = await runScoped(
      openRemoteActors({
        peers,
        view: () => {
          const shards = viewOf(sees.holder, node)
          sees.onLook()
          return { shards }
        },
        kinds: {
          counter: {
            ...offerActors(counters, readMessage),
            stream: (_tenant, key, message, emit) =>
              Effect.as(
                Effect.forEach([1, 2, 3], (n) => emit([node, key, message, n])),
                "end",
              ),
          },
        },
      }),
    )
    return { node, peers, actors, counters, sees, lines }
  }
  return { lines, open }
}

async function two(holder: string) {
  const { lines, open } = makeCluster()
  const [a, b] = [await open("a"), await open("b")]
  a.sees.holder = holder
  b.sees.holder = holder
  return { lines, open, a, b }
}

const failureOf = <A, E>(effect: Effect.Effect<A, E>) => run(Effect.flip(effect))

describe("an actor by its address", () => {
  test("is one, at the holder of its shard, for every node", async () => {
    const { a, b } = await two("b")
    for (const { actors } of [a, b]) await run(actors.tell(address, add))
    for (const { actors } of [a, b]) {
      expect(actors.locate(address)).toBe("b")
      expect(await run(actors.ask(address, get))).toEqual({ node: "b", sum: 4 })
    }
    expect(b.peers.counters().offered).toBe(2)
    expect(a.counters.activeCount()).toBe(0)
  })

  test("answers by a stream, here and there alike", async () => {
    const { a, b } = await two("b")
    for (const { actors } of [a, b]) {
      const reading = Effect.gen(function* () {
        const { next } = yield* actors.stream(address, "m")
        return [yield* next, yield* next, yield* next, yield* next]
      })
      const chunk = (n: number) => ({ kind: "chunk", value: ["b", "a/b", "m", n] })
      const last = { kind: "last", value: "end" }
      expect(await run(Effect.scoped(reading))).toEqual([chunk(1), chunk(2), chunk(3), last])
    }
  })

  test("refuses as its mailbox and its kind do, here and there alike", async () => {
    const { a, b } = await two("b")
    for (const { actors } of [a, b]) {
      expect(await failureOf(actors.tell(address, { kind: "fly" }))).toBeInstanceOf(Invalid)
      expect(await failureOf(actors.ask(address, { kind: "fly" }))).toBeInstanceOf(Invalid)
    }
    const malformed = a.peers.ask("b", "actor-tell", ["demo", "counter"])
    expect(await failureOf(malformed)).toMatchObject({ _tag: "Invalid" })
    const ghosts = Array.from({ length: 1_000 }, (_, n) => ({
      ...address,
      kind: "ghost",
      key: `${n}`,
    }))
    const ghost = ghosts.find((one) => shardOfAddress(one) === shard) ?? address
    for (const { actors } of [a, b]) {
      expect(await failureOf(actors.tell(ghost, add))).toMatchObject({ _tag: "NotFound" })
    }
  })

  test("is asked for at its new holder where the shard has moved, and once only", async () => {
    const { a, b, open } = await two("b")
    const c = await open("c")
    b.sees.holder = "c"
    c.sees.holder = "c"
    // What this node hears of placement comes after it has asked the former holder.
    let looks = 0
    a.sees.onLook = () => {
      looks += 1
      a.sees.holder = "c"
    }
    await run(a.actors.tell(address, add))
    expect(looks).toBe(2)
    expect(await run(c.actors.ask(address, get))).toEqual({ node: "c", sum: 2 })
    const reading = Effect.flatMap(a.actors.stream(address, "m"), ({ next }) => next)
    a.sees.holder = "b"
    expect(await run(Effect.scoped(reading))).toMatchObject({ value: ["c", "a/b", "m", 1] })
  })

  test("is asked for elsewhere where its node is gone", async () => {
    const { lines, a, b } = await two("b")
    expect(await run(b.actors.ask(address, get))).toEqual({ node: "b", sum: 0 })
    await run(a.actors.tell(address, add))
    lines.vanish(b.peers.own)
    expect(await failureOf(a.actors.tell(address, add))).toBeInstanceOf(NotThere)
    a.sees.onLook = () => {
      a.sees.holder = "a"
    }
    await run(a.actors.tell(address, add))
    expect(await run(a.actors.ask(address, get))).toEqual({ node: "a", sum: 2 })
  })

  test("has nobody while its shard changes hands", async () => {
    const { a, b } = await two("b")
    b.sees.holder = "a"
    const error = await failureOf(a.actors.tell(address, add))
    expect(error).toBeInstanceOf(NotThere)
    expect(error.message).toMatch(/changes hands/)
    a.sees.holder = undefined
    expect(a.actors.locate(address)).toBeUndefined()
    expect(await failureOf(a.actors.ask(address, get))).toBeInstanceOf(NotThere)
  })
})
