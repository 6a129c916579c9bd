import { expect, test } from "vitest"
import type { ActorContext, ActorType, PassiveStore } from "../../runtime/index.ts"
import { MemoryPassiveStore } from "../../runtime/index.ts"
import { makeActorWorld } from "../support/actor-world.ts"

type Said = number | "sum" | "crash" | "timer" | "me"

/** Adds up what it is told; its state is one number. */
function summing(log: string[] = []): ActorType<Said> {
  return {
    kind: "sum",
    start: (context: ActorContext<Said>, _argument, snapshot) => {
      let sum = snapshot === undefined ? 0 : Buffer.from(snapshot).readDoubleLE(0)
      log.push(`${context.address.key} starts with ${sum}`)
      return {
        receive: (message) => {
          if (message === "sum") context.reply(sum)
          else if (message === "crash") throw new Error("crash")
          else if (message === "timer") context.startTimer("later", 1000, 1)
          else if (message === "me") context.reply(context.self)
          else sum += message
        },
        snapshot: () => {
          const bytes = new Uint8Array(8)
          new DataView(bytes.buffer).setFloat64(0, sum, true)
          return bytes
        },
        stopped: () => void log.push(`${context.address.key} ends`),
      }
    },
  }
}

function summers(
  options: { idleMillis?: number; activeMax?: number; passive?: PassiveStore } = {},
) {
  const { passive, ...virtual } = options
  const world = makeActorWorld(passive === undefined ? {} : { passive })
  const log: string[] = []
  const sums = world.system.virtual(summing(log), { argument: undefined, ...virtual })
  return { ...world, log, sums }
}

test("an actor is there as soon as it is addressed, one for each tenant and key", () => {
  const { sums, answer, log } = summers()
  sums.tell("acme", "a", 1)
  sums.tell("acme", "a", 2)
  sums.tell("other", "a", 10)
  expect(answer(sums.ask("acme", "a", "sum"))).toBe(3)
  expect(answer(sums.ask("other", "a", "sum"))).toBe(10)
  expect(log).toEqual(["a starts with 0", "a starts with 0"])
  expect(sums.activeCount()).toBe(2)
})

test("an idle actor leaves memory with its state and comes back with it", () => {
  const { sums, host, answer, log } = summers({ idleMillis: 1000 })
  sums.tell("acme", "a", 5)
  host.advance(1999)
  expect(sums.activeCount()).toBe(1)
  host.advance(1)
  expect(sums.activeCount()).toBe(0)
  expect(log).toEqual(["a starts with 0", "a ends"])
  expect(answer(sums.ask("acme", "a", "sum"))).toBe(5)
  expect(log.at(-1)).toBe("a starts with 5")
})

test("an actor that is spoken to stays", () => {
  const { sums, host, log } = summers({ idleMillis: 1000 })
  for (let n = 0; n < 10; n++) {
    sums.tell("acme", "a", 1)
    host.advance(900)
  }
  expect(log).toEqual(["a starts with 0"])
})

test("an actor that owes something stays, however long it is idle", () => {
  const { sums, host } = summers({ idleMillis: 100 })
  sums.tell("acme", "a", "timer")
  host.advance(999)
  expect(sums.activeCount()).toBe(1)
  host.advance(500)
  expect(sums.activeCount()).toBe(0)
})

test("an actor with a message is not passivated on demand, an idle one is", () => {
  const { sums, host } = summers()
  sums.tell("acme", "idle", 1)
  host.settle()
  sums.tell("acme", "busy", 1)
  expect(sums.passivate(10)).toBe(1)
  host.settle()
  expect(sums.passivate(0)).toBe(0)
  expect(sums.passivate(10)).toBe(1)
  expect(sums.activeCount()).toBe(0)
})

test("a reference stays good while its actor comes and goes, the actor's own too", () => {
  const { sums, host, answer } = summers()
  const ref = sums.ref("acme", "a")
  expect(ref.address).toEqual({ tenant: "acme", kind: "sum", key: "a" })
  ref.tell(1)
  const self = answer(ref.ask<typeof ref>("me"))
  sums.passivate(10)
  expect(ref.counters().offered).toBe(0)
  self.tell(2)
  host.settle()
  expect(sums.activeCount()).toBe(1)
  expect(answer(ref.ask("sum"))).toBe(3)
})

test("an actor whose state finds no room stays in memory and loses nothing", () => {
  const full: PassiveStore = {
    put: () => false,
    get: () => undefined,
    delete: () => {},
    count: () => 0,
  }
  const { sums, host, answer } = summers({ passive: full, idleMillis: 10 })
  sums.tell("acme", "a", 7)
  host.advance(1000)
  expect(sums.activeCount()).toBe(1)
  expect(answer(sums.ask("acme", "a", "sum"))).toBe(7)
})

test("refuses a message that needs one more actor than allowed, until one has left", () => {
  const { sums, host, begin } = summers({ activeMax: 2 })
  sums.tell("acme", "a", 1)
  sums.tell("acme", "b", 1)
  expect(sums.tell("acme", "c", 1)).toMatchObject({ _tag: "MailboxFull", limit: "concurrency" })
  expect(JSON.stringify(begin(sums.ask("acme", "c", "sum")).exit())).toContain("MailboxFull")
  expect(sums.tell("acme", "b", 1)).toBeUndefined()
  host.settle()
  sums.passivate(1)
  expect(sums.tell("acme", "c", 1)).toBeUndefined()
})

test("refuses a tenant that is no token", () => {
  const { sums } = summers()
  expect(() => sums.tell("*", "a", 1)).toThrow(/refused/)
})

test("a start that crashes does not cost the state that waited for it", () => {
  const { host, system, answer } = makeActorWorld()
  let broken = false
  const sound = summing()
  const sums = system.virtual(
    {
      ...sound,
      start: (...given: Parameters<typeof sound.start>) => {
        if (broken) throw new Error("not now")
        return sound.start(...given)
      },
    },
    { argument: undefined },
  )
  sums.tell("acme", "a", 9)
  host.settle()
  sums.passivate(1)
  broken = true
  sums.tell("acme", "a", 1)
  host.settle()
  broken = false
  host.advance(1000)
  expect(answer(sums.ask("acme", "a", "sum"))).toBe(10)
})

test("one actor that crashes too often is quarantined without the others of its kind", () => {
  const { sums, host, system, answer } = summers()
  sums.tell("acme", "good", 1)
  for (let n = 0; n < 12; n++) sums.tell("acme", "bad", "crash")
  host.advance(50_000)
  expect(sums.tell("acme", "bad", 1)).toMatchObject({ _tag: "Quarantined" })
  expect(answer(sums.ask("acme", "good", "sum"))).toBe(1)
  expect(system.view("acme").children).toMatchObject([
    { address: { key: "*" }, children: [{ address: { key: "bad" }, state: "quarantined" }] },
  ])
})

test("counts of actors that left stay in the totals", () => {
  const { sums, host, system } = summers()
  for (let n = 0; n < 100; n++) sums.tell("acme", `k${n}`, n)
  host.settle()
  sums.passivate(60)
  expect(sums.activeCount()).toBe(40)
  expect(system.counters()).toMatchObject({ offered: 100, handled: 100 })
  expect(system.view().children[0]?.counters.handled).toBe(100)
  expect(system.brokenEquations()).toEqual([])
})

test("sweeps many idle actors in steps, so that the host can do other work in between", () => {
  const store = new MemoryPassiveStore()
  const { sums, host } = summers({ passive: store, idleMillis: 1000 })
  for (let n = 0; n < 5000; n++) sums.tell("acme", `k${n}`, n)
  host.advance(2000)
  expect(sums.activeCount()).toBe(0)
  expect(store.count("acme", "sum")).toBe(5000)
  expect(host.timers()).toBe(0)
})
