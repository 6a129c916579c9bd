import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import {
  actorTimersMax,
  askMillisDefault,
  dispatchBudgetMax,
  stashDepthMax,
  turnBatchMax,
} from "../../protocols/limits.ts"
import type { ActorContext, ActorRef, Behavior } from "../../runtime/index.ts"
import { makeActorWorld, recording } from "../support/actor-world.ts"
import { runSync } from "../support/run.ts"

const failureOf = (exit: unknown): string => JSON.stringify(exit) ?? "still open"

test("handles messages one by one, in the order in which they were told", () => {
  const { host, spawn } = makeActorWorld()
  const log: number[] = []
  const ref = spawn<number>(recording(log))
  for (let n = 0; n < 200; n++) ref.tell(n)
  expect(log).toEqual([])
  host.settle()
  expect(log).toEqual(Array.from({ length: 200 }, (_, n) => n))
})

test("does not begin a turn before the effect of the turn before it has ended", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(() => ({
    receive: (name) =>
      Effect.sync(() => void log.push(`begin ${name}`)).pipe(
        Effect.andThen(Effect.sleep(10)),
        Effect.andThen(Effect.sync(() => void log.push(`end ${name}`))),
      ),
  }))
  ref.tell("a")
  ref.tell("b")
  host.settle()
  expect(log).toEqual(["begin a"])
  expect(ref.counters()).toMatchObject({ inTurn: 1, queued: 1, handled: 0 })
  host.advance(10)
  expect(log).toEqual(["begin a", "end a", "begin b"])
  host.advance(10)
  expect(ref.counters()).toMatchObject({ inTurn: 0, handled: 2 })
})

test("lets as many turns be under way as its mailbox allows, and no more", () => {
  const { host, spawn } = makeActorWorld()
  let open = 0
  let most = 0
  const turn = Effect.sync(() => {
    open += 1
    most = Math.max(most, open)
  }).pipe(
    Effect.andThen(Effect.sleep(5)),
    Effect.andThen(
      Effect.sync(() => {
        open -= 1
      }),
    ),
  )
  const ref = spawn<number>(() => ({ receive: () => turn }), { mailbox: { concurrencyMax: 3 } })
  for (let n = 0; n < 10; n++) ref.tell(n)
  host.advance(100)
  expect(most).toBe(3)
  expect(ref.counters()).toMatchObject({ handled: 10, inTurn: 0 })
})

test("gives other actors their turns before one with a long queue goes on", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const a = spawn<string>(recording(log), {}, "a")
  const b = spawn<string>(recording(log), {}, "b")
  for (let n = 0; n < turnBatchMax * 3; n++) a.tell("a")
  b.tell("b")
  host.settle()
  expect(log.indexOf("b")).toBe(turnBatchMax)
})

test("lets the host do other work when its budget is spent", () => {
  const { host, spawn } = makeActorWorld()
  let handled = 0
  const ref: ActorRef<number> = spawn<number>((context) => ({
    receive: (n) => {
      handled += 1
      if (n < dispatchBudgetMax * 3) context.self.tell(n + 1)
    },
  }))
  ref.tell(1)
  let seenByHost = -1
  host.yield(() => {
    seenByHost = handled
  })
  host.settle()
  expect(seenByHost).toBe(dispatchBudgetMax)
  expect(handled).toBe(dispatchBudgetMax * 3)
})

test("lets the host do other work after each turn of an actor whose turns are heavy", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const heavy = spawn<string>(recording(log), { turnWeight: dispatchBudgetMax }, "heavy")
  for (let n = 0; n < 3; n++) heavy.tell("turn")
  host.yield(() => log.push("host"))
  host.settle()
  expect(log).toEqual(["turn", "host", "turn", "turn"])
})

test("takes what waits as one turn where the behavior takes batches, an ask alone", () => {
  const { host, spawn, begin } = makeActorWorld()
  const batches: string[][] = []
  const ref = spawn<string>((context) => ({
    receive: () => {},
    receiveBatch: (batch) => {
      batches.push([...batch])
      context.reply(batch.length)
    },
  }))
  ref.tell("a")
  ref.tell("b")
  const asked = begin(ref.ask<number>("ask"))
  ref.tell("c")
  host.settle()
  expect(batches).toEqual([["a", "b"], ["ask"], ["c"]])
  expect(asked.exit()).toMatchObject({ _tag: "Success", value: 1 })
  for (let n = 0; n <= turnBatchMax; n++) ref.tell("x")
  host.settle()
  expect(batches.slice(3).map((batch) => batch.length)).toEqual([turnBatchMax, 1])
})

test("finds the bad one of a failed batch and loses only that", () => {
  const { host, spawn, system } = makeActorWorld()
  const handled: number[] = []
  const ref = spawn<number>(() => ({
    receive: (n) => {
      if (n === 3) throw new Error("three")
      handled.push(n)
    },
    receiveBatch: (batch) => {
      if (batch.includes(3)) throw new Error("a three among them")
      handled.push(...batch)
    },
  }))
  for (let n = 0; n < 6; n++) ref.tell(n)
  host.advance(1000)
  expect(handled).toEqual([0, 1, 2, 4, 5])
  expect(system.deadLetters()).toMatchObject([{ message: 3, reason: "failed", error: "three" }])
  expect(system.brokenEquations()).toEqual([])
})

test("answers an ask, at once or later", () => {
  const { host, spawn, answer, begin } = makeActorWorld()
  let answerLater: (value: unknown) => void = () => {}
  const ref = spawn<string>((context) => ({
    receive: (message) => {
      if (message === "now") context.reply("done")
      else answerLater = context.takeReply()
    },
  }))
  expect(answer(ref.ask("now"))).toBe("done")
  const asked = begin(ref.ask("later"))
  host.settle()
  expect(asked.exit()).toBeUndefined()
  answerLater("at last")
  answerLater("twice")
  expect(asked.exit()).toMatchObject({ _tag: "Success", value: "at last" })
})

test("answers the ask of a turn that waits for its effect", () => {
  const { host, spawn, begin } = makeActorWorld()
  const ref = spawn<number>((context) => ({
    receive: (n) => Effect.sleep(n).pipe(Effect.andThen(Effect.sync(() => context.reply(n)))),
  }))
  const asked = [begin(ref.ask<number>(20)), begin(ref.ask<number>(10))]
  host.advance(20)
  expect(asked.map((one) => one.exit()?._tag)).toEqual(["Success", undefined])
  host.advance(10)
  expect(asked[1]?.exit()).toMatchObject({ value: 10 })
})

test("gives up an ask at its deadline and not before, the earlier deadline first", () => {
  const { host, spawn, begin } = makeActorWorld()
  const ref = spawn<string>(recording<string>([]))
  const unsaid = begin(ref.ask("nobody answers"))
  host.advance(40)
  const short = begin(ref.ask("nobody answers", 100))
  const later = begin(ref.ask("nobody answers", 100))
  host.advance(99)
  expect(short.exit()).toBeUndefined()
  host.advance(1)
  expect(failureOf(short.exit())).toContain("DeadlineExceeded")
  expect(failureOf(later.exit())).toContain("DeadlineExceeded")
  host.advance(askMillisDefault - 141)
  expect(unsaid.exit()).toBeUndefined()
  host.advance(1)
  expect(failureOf(unsaid.exit())).toContain("DeadlineExceeded")
})

test("keeps one timer for all asks of one time-out", () => {
  const { host, spawn, begin } = makeActorWorld()
  const ref = spawn<string>(recording<string>([]))
  for (let n = 0; n < 100; n++) begin(ref.ask("unanswered", 1000))
  expect(host.timers()).toBe(1)
  host.advance(3000)
  expect(host.timers()).toBe(0)
})

test("an asker that goes away waits no longer, and its answer is dropped", () => {
  const { host, spawn, begin } = makeActorWorld()
  const ref = spawn<string>((context) => ({ receive: () => context.reply("too late") }))
  const asked = begin(ref.ask("question"))
  asked.interrupt()
  host.settle()
  expect(failureOf(asked.exit())).not.toContain("too late")
  expect(ref.counters()).toMatchObject({ handled: 1 })
})

test("tells an asker that the mailbox refused, or that nobody is there", () => {
  const { host, spawn, begin, system } = makeActorWorld()
  const ref = spawn<string>(recording<string>([]), { mailbox: { depthMax: 1 } })
  ref.tell("first")
  expect(failureOf(begin(ref.ask("second")).exit())).toContain("MailboxFull")
  system.stopAt(ref.address)
  host.settle()
  expect(failureOf(begin(ref.ask("third")).exit())).toContain("NotFound")
  expect(ref.tell("fourth")).toMatchObject({ _tag: "NotFound" })
})

test("puts messages aside and takes them up again in order, before newer ones", () => {
  const { host, spawn, begin } = makeActorWorld()
  const log: string[] = []
  let open = false
  const ref = spawn<string>((context) => ({
    receive: (message) => {
      if (message === "open") {
        open = true
        context.unstash()
      } else if (open) {
        log.push(message)
        context.reply(`did ${message}`)
      } else context.stash(message)
    },
  }))
  ref.tell("a")
  const asked = begin(ref.ask("b"))
  host.settle()
  expect(ref.counters()).toMatchObject({ stashed: 2, handled: 0, queued: 0 })
  ref.tell("open")
  ref.tell("c")
  host.settle()
  expect(log).toEqual(["a", "b", "c"])
  expect(asked.exit()).toMatchObject({ value: "did b" })
  expect(ref.counters()).toMatchObject({ stashed: 0, handled: 4 })
})

test("bounds what may be put aside", () => {
  const { host, spawn, events } = makeActorWorld()
  const ref = spawn<number>((context) => ({ receive: (n) => context.stash(n) }), {
    mailbox: { depthMax: stashDepthMax + 1 },
  })
  for (let n = 0; n < stashDepthMax; n++) ref.tell(n)
  host.settle()
  expect(ref.counters().stashed).toBe(stashDepthMax)
  expect(events).toEqual([])
  ref.tell(stashDepthMax)
  host.settle()
  expect(events[0]).toMatchObject({ event: "crashed" })
  expect(ref.counters()).toMatchObject({ deadLettered: 1 })
})

test("fires a timer once, or again and again, and not when it was cancelled or set anew", () => {
  const { host, spawn } = makeActorWorld()
  const log: [string, number][] = []
  const ref = spawn<string>((context) => ({
    receive: (message) => {
      if (message === "begin") {
        context.startTimer("once", 10, "once")
        context.startTimer("anew", 10, "never")
        context.startTimer("anew", 20, "anew")
        context.startTimer("tick", 15, "tick", { repeat: true })
        context.startTimer("gone", 5, "gone")
        context.cancelTimer("gone")
      } else log.push([message, host.nowMillis()])
      if (message === "tick" && host.nowMillis() >= 30) context.cancelTimer("tick")
    },
  }))
  ref.tell("begin")
  host.advance(200)
  expect(log).toEqual([
    ["once", 10],
    ["tick", 15],
    ["anew", 20],
    ["tick", 30],
  ])
  expect(host.timers()).toBe(0)
})

test("delivers a timer that fires while the mailbox is full", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(
    (context) => {
      context.startTimer("wake", 5, "timer")
      return {
        receive: (message) => {
          log.push(message)
          return message === "long" ? Effect.sleep(10) : undefined
        },
      }
    },
    { mailbox: { depthMax: 1 } },
  )
  ref.tell("long")
  host.settle()
  ref.tell("fills")
  expect(ref.tell("one more")).toMatchObject({ limit: "depth" })
  host.advance(20)
  expect(log).toEqual(["long", "fills", "timer"])
})

test("bounds the timers of an actor", () => {
  const { host, spawn, events } = makeActorWorld()
  const start = (count: number) => (context: ActorContext<string>) => {
    for (let n = 0; n < count; n++) context.startTimer(`t${n}`, 1000, "x")
    return { receive: () => {} }
  }
  spawn(start(actorTimersMax), {}, "a")
  host.settle()
  expect(events).toEqual([])
  spawn(start(actorTimersMax + 1), { restart: "temporary" }, "b")
  host.settle()
  expect(events[0]).toMatchObject({ event: "crashed" })
})

test("pipes the exit of an effect to itself, past all limits, beside its turns", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(
    (context) => ({
      receive: (message) => {
        log.push(message)
        if (message !== "begin") return
        context.pipe(Effect.sleep(5).pipe(Effect.as("slow")), (exit) => `${exit._tag} slow`)
        context.pipe(Effect.fail("no"), (exit) => `${exit._tag} at once`)
      },
    }),
    { mailbox: { depthMax: 1 } },
  )
  ref.tell("begin")
  host.settle()
  expect(log).toEqual(["begin", "Failure at once"])
  host.advance(5)
  expect(log).toEqual(["begin", "Failure at once", "Success slow"])
})

test("interrupts what an incarnation piped when it ends, and its message never comes", () => {
  const { host, spawn, system } = makeActorWorld()
  const log: string[] = []
  let interrupted = false
  const ref = spawn<string>((context) => ({
    receive: (message) => {
      log.push(message)
      if (message === "crash") throw new Error("crash")
      if (message === "pipe") {
        const effect = Effect.sleep(50).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              interrupted = true
            }),
          ),
        )
        context.pipe(effect, () => "piped")
      }
    },
  }))
  ref.tell("pipe")
  ref.tell("crash")
  host.settle()
  expect(interrupted).toBe(true)
  host.advance(1000)
  ref.tell("after")
  host.settle()
  expect(log).toEqual(["pipe", "crash", "after"])
  expect(system.brokenEquations()).toEqual([])
})

test("hears of the end of those it watches, why, and once", () => {
  const { host, spawn, system } = makeActorWorld()
  const log: string[] = []
  const boom: Behavior<string> = {
    receive: () => {
      throw new Error("boom")
    },
  }
  const crashes = spawn<string>(() => boom, { restart: "temporary" }, "crashes")
  const stops = spawn<string>(recording<string>([]), {}, "stops")
  const unwatched = spawn<string>(recording<string>([]), {}, "unwatched")
  const watcher = spawn<string>(
    (context) => {
      for (const ref of [crashes, stops, unwatched]) {
        context.watch(ref, (reason) => `${ref.address.key} ${reason}`)
      }
      context.unwatch(unwatched)
      return {
        receive: (message) => {
          log.push(message)
          if (message === "late") context.watch(crashes, (reason) => `gone already: ${reason}`)
        },
      }
    },
    {},
    "watcher",
  )
  host.settle()
  crashes.tell("go")
  system.stopAt(stops.address)
  system.stopAt(unwatched.address)
  host.settle()
  expect(log.sort()).toEqual(["crashes crashed", "stops stopped"])
  watcher.tell("late")
  host.settle()
  expect(log.slice(2)).toEqual(["late", "gone already: crashed"])
})

test("counts a message given up by hand, and keeps it with its reason", () => {
  const { host, spawn, system, begin } = makeActorWorld()
  const ref = spawn<string>((context) => ({
    receive: (message) => context.deadLetter(message, "makes no sense"),
  }))
  const asked = begin(ref.ask("???"))
  host.settle()
  expect(ref.counters()).toMatchObject({ handled: 0, deadLettered: 1 })
  expect(system.deadLetters()).toMatchObject([{ message: "???", reason: "makes no sense" }])
  expect(system.deadLetterCounts()).toEqual(new Map([["makes no sense", 1]]))
  expect(failureOf(asked.exit())).toContain("Unavailable")
})

test("shows one turn in so many to the observer, with its time and outcome", () => {
  const samples: unknown[] = []
  const { host, spawn } = makeActorWorld({
    observer: { everyTurns: 2, turn: (sample) => void samples.push(sample) },
  })
  const ref = spawn<string>(() => ({
    receive: (message) => {
      if (message === "crash") throw new Error("crash")
      return message === "slow" ? Effect.sleep(7) : undefined
    },
  }))
  ref.tell("quick")
  ref.tell("slow")
  ref.tell("quick")
  ref.tell("crash")
  host.advance(10)
  expect(samples).toMatchObject([
    { address: { tenant: "demo", key: "a" }, durationMillis: 7, outcome: "handled", messages: 1 },
    { durationMillis: 0, outcome: "failed" },
  ])
})

test("a handler may resume another actor's turn without mixing up the two", () => {
  const { host, spawn, begin } = makeActorWorld()
  const gate = runSync(Deferred.make<string>())
  const waits = spawn<string>(
    (context) => ({
      receive: (message) =>
        Deferred.await(gate).pipe(
          Effect.andThen((said) => Effect.sync(() => context.reply(`${message} ${said}`))),
        ),
    }),
    {},
    "waits",
  )
  const opens = spawn<string>(
    (context) => ({
      receive: () => {
        Deferred.doneUnsafe(gate, Effect.succeed("opened"))
        context.reply("I opened")
      },
    }),
    {},
    "opens",
  )
  const first = begin(waits.ask("waited:"))
  host.settle()
  const second = begin(opens.ask("open"))
  host.settle()
  expect(first.exit()).toMatchObject({ value: "waited: opened" })
  expect(second.exit()).toMatchObject({ value: "I opened" })
})

test("asks another actor and tells itself the answer, or why there is none", () => {
  const { host, spawn, system } = makeActorWorld()
  const log: string[] = []
  const other = spawn<string>(
    (context) => ({
      receive: (message) => {
        if (message === "crash") throw new Error("crash")
        if (message !== "silence") context.reply(`${message}!`)
      },
    }),
    {},
    "other",
  )
  const asker = spawn<string>(
    (context) => ({
      receive: (message) => {
        if (message.startsWith("heard")) log.push(message)
        else if (message === "end") throw new Error("end")
        else {
          context.request<string, string>(
            other,
            message,
            (exit) => `heard ${exit._tag === "Success" ? exit.value : exit._tag}`,
            20,
          )
        }
      },
    }),
    { mailbox: { depthMax: 4 } },
    "asker",
  )
  for (const message of ["hello", "crash", "silence"]) asker.tell(message)
  host.settle()
  expect(log).toEqual(["heard hello!", "heard Failure"])
  host.advance(20)
  expect(log).toEqual(["heard hello!", "heard Failure", "heard Failure"])
  asker.tell("silence")
  asker.tell("end")
  host.advance(1000)
  expect(log.length).toBe(3)
  expect(system.brokenEquations()).toEqual([])
})
