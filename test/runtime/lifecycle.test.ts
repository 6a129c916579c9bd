import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { restartIntensityDefault, shutdownMillisMax } from "../../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Supervision } from "../../runtime/index.ts"
import { makeActorWorld } from "../support/actor-world.ts"

/** Does what its messages say, and writes down what happens to it. */
function scripted(log: string[], name: string) {
  return (context: ActorContext<string>) => {
    log.push(`${name} starts`)
    return {
      receive: (message: string) => {
        log.push(`${name}: ${message}`)
        if (message === "crash") throw new Error(`${name} crashed`)
        if (message === "stop") context.stop(context.self)
        if (message === "stash") context.stash("stashed")
        if (message === "slow") return Effect.sleep(50)
        if (message === "for ever") return Effect.never
        return undefined
      },
      stopped: () => void log.push(`${name} ends`),
    }
  }
}

/** A parent with children a, b, c that do what they are told. */
function family(supervision: Supervision, restart?: ActorType<string>["restart"]) {
  const world = makeActorWorld()
  const log: string[] = []
  const children: ActorRef<string>[] = []
  const childType = (name: string): ActorType<string> => ({
    kind: "child",
    ...(restart === undefined ? {} : { restart }),
    start: scripted(log, name),
  })
  const parent = world.spawn<string>(
    (context) => {
      children.length = 0
      for (const name of ["a", "b", "c"]) {
        children.push(context.spawn(childType(name), name, undefined))
      }
      return scripted(log, "parent")(context)
    },
    { supervision },
    "parent",
  )
  world.host.settle()
  const child = (name: string) => world.system.find({ tenant: "demo", kind: "child", key: name })
  return { ...world, log, parent, child, forget: () => void log.splice(0) }
}

test("a crashed actor starts anew and handles what had come, the failed message apart", () => {
  const { host, spawn, system } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(scripted(log, "a"))
  for (const message of ["one", "crash", "two"]) ref.tell(message)
  host.settle()
  ref.tell("three")
  expect(log).toEqual(["a starts", "a: one", "a: crash", "a ends"])
  host.advance(10)
  expect(log.slice(4)).toEqual(["a starts", "a: two", "a: three"])
  expect(ref.counters()).toMatchObject({ handled: 3, deadLettered: 1, queued: 0 })
  expect(system.deadLetters()).toMatchObject([{ message: "crash", error: "a crashed" }])
})

test("a restart keeps the stash: it comes first, in order", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(scripted(log, "a"))
  for (const message of ["stash", "crash", "after"]) ref.tell(message)
  host.advance(10)
  expect(log.slice(-3)).toEqual(["a starts", "a: stashed", "a: after"])
  expect(ref.counters()).toMatchObject({ stashed: 0, handled: 2, deadLettered: 1 })
})

test("an effect that fails ends the incarnation as a throw does, and its asker hears of it", () => {
  const { host, spawn, begin, events } = makeActorWorld()
  let starts = 0
  const ref = spawn<string>(() => {
    starts += 1
    return { receive: () => Effect.sleep(5).pipe(Effect.andThen(Effect.fail("went wrong"))) }
  })
  const asked = begin(ref.ask("question"))
  host.advance(20)
  expect(starts).toBe(2)
  expect(JSON.stringify(asked.exit())).toContain("Unavailable")
  expect(events[0]).toMatchObject({ event: "crashed", error: "went wrong" })
})

test("an ask whose reply was taken fails when the incarnation ends", () => {
  const { host, spawn, begin } = makeActorWorld()
  const ref = spawn<string>((context) => ({
    receive: (message) => {
      if (message === "crash") throw new Error("crash")
      context.takeReply()
    },
  }))
  const asked = begin(ref.ask("question"))
  host.settle()
  expect(asked.exit()).toBeUndefined()
  ref.tell("crash")
  host.settle()
  expect(JSON.stringify(asked.exit())).toContain("Unavailable")
})

test("a message may fail as often as its type allows before it is a dead letter", () => {
  const { host, spawn, system } = makeActorWorld()
  const tries: string[] = []
  const ref = spawn<string>(
    () => ({
      receive: (message) => {
        tries.push(message)
        if (message === "poison") throw new Error("poison")
      },
    }),
    { failuresMax: 3 },
  )
  for (const message of ["before", "poison", "after"]) ref.tell(message)
  host.advance(1000)
  expect(tries).toEqual(["before", "poison", "poison", "poison", "after"])
  expect(ref.counters()).toMatchObject({ handled: 2, deadLettered: 1 })
  expect(system.brokenEquations()).toEqual([])
})

test("permanent comes back always, transient after a crash, temporary never", () => {
  const startsAfter = (restart: "permanent" | "transient" | "temporary", message: string) => {
    const { host, spawn } = makeActorWorld()
    const log: string[] = []
    const ref = spawn<string>(scripted(log, "a"), { restart })
    ref.tell(message)
    host.advance(20)
    const alive = ref.tell("still there?") === undefined
    return [log.filter((line) => line === "a starts").length, alive]
  }
  expect(startsAfter("permanent", "stop")).toEqual([2, true])
  expect(startsAfter("permanent", "crash")).toEqual([2, true])
  expect(startsAfter("transient", "stop")).toEqual([1, false])
  expect(startsAfter("transient", "crash")).toEqual([2, true])
  expect(startsAfter("temporary", "crash")).toEqual([1, false])
})

test("a start that throws is a crash like any other, and no message is lost by it", () => {
  const { host, spawn } = makeActorWorld()
  let starts = 0
  const log: string[] = []
  const ref = spawn<string>(() => {
    starts += 1
    if (starts < 3) throw new Error("not yet")
    return { receive: (message) => void log.push(message) }
  })
  ref.tell("waits")
  host.advance(1000)
  expect(log).toEqual(["waits"])
})

test("an actor that crashes too often is quarantined, refuses, and keeps what it has", () => {
  const { host, spawn, system, events } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(scripted(log, "a"))
  for (let n = 0; n <= restartIntensityDefault; n++) ref.tell("crash")
  ref.tell("kept")
  host.advance(50_000)
  expect(log.filter((line) => line === "a starts").length).toBe(restartIntensityDefault + 1)
  expect(ref.tell("no")).toMatchObject({ _tag: "Quarantined", family: "Refused" })
  expect(system.view().children[0]).toMatchObject({
    state: "quarantined",
    restarts: restartIntensityDefault,
    lastError: "a crashed",
    counters: { queued: 1, refused: 1 },
  })
  expect(events.at(-1)).toMatchObject({ event: "quarantined" })
  expect(system.release(ref.address)).toBe(true)
  expect(system.release(ref.address)).toBe(false)
  host.settle()
  expect(log.at(-1)).toBe("a: kept")
  expect(ref.tell("yes")).toBeUndefined()
  expect(system.brokenEquations()).toEqual([])
})

test("quiet time pays old restarts back: the same crashes over a longer time are fine", () => {
  const { host, spawn } = makeActorWorld({
    supervision: { restartsMax: 2, periodMillis: 1000, backoffMillisMin: 1 },
  })
  const ref = spawn<string>(scripted([], "a"))
  for (let n = 0; n < 20; n++) {
    expect(ref.tell("crash")).toBeUndefined()
    host.advance(500)
  }
  expect(ref.tell("well")).toBeUndefined()
})

test("one-for-one restarts the one that crashed and no other", () => {
  const { host, child, log, forget } = family({})
  forget()
  child("b")?.tell("crash")
  host.advance(10)
  expect(log).toEqual(["b: crash", "b ends", "b starts"])
})

test("one-for-all ends all, last spawned first, and starts them in order of spawning", () => {
  const { host, child, log, forget } = family({ strategy: "one-for-all" })
  forget()
  child("c")?.tell("hello")
  child("b")?.tell("crash")
  host.advance(10)
  expect(log).toEqual([
    ...["c: hello", "b: crash"],
    ...["c ends", "b ends", "a ends"],
    ...["a starts", "b starts", "c starts"],
  ])
})

test("rest-for-one ends and starts those that were spawned after the one that crashed", () => {
  const { host, child, log, forget } = family({ strategy: "rest-for-one" })
  forget()
  child("b")?.tell("crash")
  host.advance(10)
  expect(log).toEqual(["b: crash", "c ends", "b ends", "b starts", "c starts"])
})

test("a group waits for the slow turns of its members before it starts again", () => {
  const { host, child, log, forget } = family({ strategy: "one-for-all" })
  forget()
  child("a")?.tell("slow")
  child("c")?.tell("crash")
  host.advance(40)
  expect(log).toEqual(["a: slow", "c: crash", "c ends", "b ends"])
  host.advance(20)
  expect(log.slice(4)).toEqual(["a ends", "a starts", "b starts", "c starts"])
})

test("a group that crashes too often takes its parent with it, and starts with it anew", () => {
  const { host, child, log, events, parent } = family({
    strategy: "one-for-all",
    restartsMax: 1,
    backoffMillisMin: 1,
  })
  child("a")?.tell("crash")
  host.advance(5)
  parent.tell("kept by the parent")
  child("b")?.tell("crash")
  host.advance(20)
  expect(events.map((one) => one.event)).toContain("escalated")
  expect(log.filter((line) => line === "parent starts").length).toBe(2)
  expect(log.filter((line) => line === "parent: kept by the parent").length).toBe(1)
  expect(log.slice(-3).sort()).toEqual(["a starts", "b starts", "c starts"])
})

test("a parent that crashes ends its children first, last spawned first", () => {
  const { host, log, parent, forget, system } = family({})
  forget()
  parent.tell("crash")
  host.settle()
  expect(log).toEqual(["parent: crash", "c ends", "b ends", "a ends", "parent ends"])
  host.advance(20)
  expect(log.slice(5)).toEqual(["parent starts", "a starts", "b starts", "c starts"])
  expect(system.brokenEquations()).toEqual([])
})

test("a stop makes dead letters of what was not handled, and counts each", () => {
  const { host, spawn, system, begin } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(scripted(log, "a"))
  for (const message of ["stash", "stop", "unhandled"]) ref.tell(message)
  const asked = begin(ref.ask("asked"))
  host.settle()
  expect(ref.counters()).toMatchObject({ handled: 1, deadLettered: 3, queued: 0, stashed: 0 })
  expect(system.deadLetters().map((letter) => [letter.message, letter.reason])).toEqual([
    ["stashed", "stopped"],
    ["unhandled", "stopped"],
    ["asked", "stopped"],
  ])
  expect(JSON.stringify(asked.exit())).toContain("Unavailable")
  expect(system.find(ref.address)).toBeUndefined()
  expect(system.counters()).toMatchObject({ admitted: 4, handled: 1, deadLettered: 3 })
})

test("the system stops everything, last spawned first, and says when it is done", () => {
  const { host, spawn, system, begin } = makeActorWorld()
  const log: string[] = []
  const first = spawn<string>(scripted(log, "first"), {}, "first")
  spawn<string>(scripted(log, "second"), {}, "second")
  host.settle()
  log.length = 0
  first.tell("slow")
  host.settle()
  const stopped = begin(system.stop)
  host.settle()
  expect(stopped.exit()).toBeUndefined()
  expect(log).toEqual(["first: slow", "second ends"])
  host.advance(50)
  expect(log.at(-1)).toBe("first ends")
  expect(stopped.exit()).toMatchObject({ _tag: "Success" })
  expect(() => spawn<string>(scripted(log, "late"), {}, "late")).toThrow(/ending/)
})

test("a turn that does not end is cut off, and what it had taken is a dead letter", () => {
  const { host, spawn, system, events } = makeActorWorld()
  const ref = spawn<string>(scripted([], "a"))
  ref.tell("for ever")
  host.settle()
  system.stopAt(ref.address)
  host.advance(shutdownMillisMax - 1)
  expect(system.find(ref.address)).toBeDefined()
  host.advance(1)
  expect(system.find(ref.address)).toBeUndefined()
  expect(events).toMatchObject([{ event: "cut-off", turns: 1 }])
  expect(system.deadLetters()).toMatchObject([{ message: "for ever", reason: "cut off" }])
  expect(ref.counters()).toMatchObject({ inTurn: 0, deadLettered: 1 })
})

test("an actor that stops itself lets its other open turns end first, and takes up no more", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(scripted(log, "a"), { mailbox: { concurrencyMax: 2 } })
  for (const message of ["slow", "stop", "never"]) ref.tell(message)
  host.advance(49)
  expect(log).toEqual(["a starts", "a: slow", "a: stop"])
  host.advance(1)
  expect(log.at(-1)).toBe("a ends")
  expect(ref.counters()).toMatchObject({ handled: 2, deadLettered: 1 })
})

test("an address is taken as long as its actor lives, and free afterwards", () => {
  const { host, spawn, system } = makeActorWorld()
  const ref = spawn<string>(scripted([], "a"))
  expect(() => spawn<string>(scripted([], "b"))).toThrow(/already/)
  host.settle()
  system.stopAt(ref.address)
  host.settle()
  expect(spawn<string>(scripted([], "c"))).not.toBe(ref)
})

test("refuses a tenant that is no token", () => {
  const { system } = makeActorWorld()
  const type: ActorType<string> = { kind: "tested", start: scripted([], "a") }
  expect(() => system.spawn(type, { tenant: "acme.corp", key: "a" }, undefined)).toThrow(/refused/)
})

test("shows a tenant's actors also below those of the node, and those not", () => {
  const { host, system } = makeActorWorld()
  const leaf: ActorType<string> = { kind: "leaf", start: scripted([], "leaf") }
  const node: ActorType<string> = {
    kind: "node",
    start: (context) => {
      for (const tenant of ["acme", "other"]) context.spawn(leaf, tenant, undefined, { tenant })
      return { receive: () => {} }
    },
  }
  system.spawn(node, { tenant: "system", key: "n" }, undefined)
  host.settle()
  expect(system.view("acme").children).toMatchObject([
    { address: { tenant: "acme", kind: "leaf", key: "acme" }, children: [] },
  ])
})

test("shows the tree of one tenant without the actors of another", () => {
  const { host, system } = makeActorWorld()
  const leaf: ActorType<string> = { kind: "leaf", start: scripted([], "leaf") }
  const tree: ActorType<string> = {
    kind: "tree",
    start: (context) => {
      context.spawn(leaf, context.address.tenant, undefined)
      return { receive: () => {} }
    },
  }
  for (const tenant of ["acme", "other"]) system.spawn(tree, { tenant, key: "t" }, undefined)
  host.settle()
  expect(system.view().children.length).toBe(2)
  expect(system.view("acme").children).toMatchObject([
    { address: { tenant: "acme", kind: "tree" }, children: [{ address: { key: "acme" } }] },
  ])
})
