/**
 * Messages to actors against other in-process actor libraries and Effect's queue, through the
 * public API with the node's defaults: supervision, counters and limits on. Each of our runs
 * crashes an actor in its middle, waits for the restart, and checks the equations of all mailboxes
 * at its end.
 *
 * Everybody is sent bursts of 1,000, which our default mailbox holds, and then waits until they are
 * handled; nact is also tried with all at once, and its better figure counts.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import nact from "nact"
import { createActor, fromTransition } from "xstate"
import {
  type ActorRef,
  type ActorSystem,
  type ActorType,
  makeNodeHost,
  makeSystem,
} from "../runtime/index.ts"
import { supervisor } from "../supervisors/index.ts"
import { type Bench, breathe, type Contest, compare, millionsPerSecond } from "./measure.ts"

const burst = 1_000
const actorsMany = 1_000
const askMillis = 60_000
const nactAskMillis = 2_000
const nactTriesMax = 3

interface Counter {
  handled: number
}
interface Message {
  readonly amount: number
}

export const actors: Bench = async () => {
  const figures = []
  for (const contest of contests()) figures.push(await compare(contest))
  return figures
}

function contests(): readonly Contest[] {
  const unit = "M/s"
  const toOne = { unit, ours: () => tellOurs(1, 2_000_000) }
  const toMany = { unit, ours: () => tellOurs(actorsMany, 2_000_000) }
  const nactName = "nact"
  return [
    { ...toOne, name: "tell to 1 actor", goal: 10, peerName: nactName, peer: () => tellNact(1) },
    {
      ...toMany,
      name: "tell to 1,000 actors, each message waking",
      goal: 4,
      peerName: nactName,
      peer: () => tellNact(actorsMany),
    },
    {
      unit,
      name: "ask",
      goal: 3,
      peerName: nactName,
      ours: () => askOurs(100_000),
      peer: answered(askNact),
    },
    {
      unit,
      name: "ask, 1,000 open at once",
      goal: 3,
      peerName: nactName,
      ours: () => requestOurs(300_000),
      peer: answered(askNactAtOnce),
    },
    { ...toOne, name: "tell to 1 actor", goal: 1, peerName: "xstate", peer: () => tellXstate(1) },
    {
      ...toMany,
      name: "tell to 1,000 actors, each message waking",
      goal: 1,
      peerName: "xstate",
      peer: () => tellXstate(actorsMany),
    },
    {
      ...toOne,
      name: "tell to 1 actor",
      goal: 1,
      peerName: "Effect Queue, one fiber",
      peer: queueOfEffect,
    },
  ]
}

// Ours.

const adding = (counter: Counter): ActorType<Message | "crash"> => ({
  kind: "adder",
  start: () => {
    let sum = 0
    return {
      receive: (message) => {
        if (message === "crash") throw new Error(`in the middle, at ${sum}`)
        sum += message.amount
        counter.handled += 1
      },
    }
  },
})

const answering: ActorType<Message | "crash"> = {
  kind: "answerer",
  start: (context) => {
    let sum = 0
    return {
      receive: (message) => {
        if (message === "crash") throw new Error("in the middle")
        sum += message.amount
        context.reply(sum)
      },
    }
  },
}

const freshSystem = () => makeSystem({ host: makeNodeHost(), supervisor })

async function tellOurs(count: number, messages: number): Promise<number> {
  const system = freshSystem()
  const counter = { handled: 0 }
  const type = adding(counter)
  const refs: ActorRef<Message | "crash">[] = []
  for (let n = 0; n < count; n++) {
    refs.push(system.spawn(type, { tenant: "bench", key: `a${n}` }, undefined))
  }
  await breathe()
  const message = { amount: 1 }
  const start = performance.now()
  for (let sent = 0; sent < messages; ) {
    if (sent === messages / 2) refs[0]?.tell("crash")
    for (let i = 0; i < burst; i++) {
      const refusal = refs[count === 1 ? 0 : i % count]?.tell(message)
      if (refusal !== undefined) throw refusal
    }
    sent += burst
    while (counter.handled < sent) await breathe()
  }
  const rate = millionsPerSecond(messages, performance.now() - start)
  checkCounts(system, messages)
  return rate
}

function checkCounts(system: ActorSystem, handled: number): void {
  const broken = system.brokenEquations()
  const counters = system.counters()
  const { deadLettered } = counters
  if (broken.length > 0 || counters.handled < handled || deadLettered !== 1) {
    throw new Error(`the counts do not hold: ${broken.join("; ")} ${JSON.stringify(counters)}`)
  }
}

/** One actor asks another, each time when it has the answer. */
async function askOurs(asks: number): Promise<number> {
  const system = freshSystem()
  const asked = system.spawn(answering, { tenant: "bench", key: "asked" }, undefined)
  const half = Effect.gen(function* () {
    for (let n = 0; n < asks / 2; n++) yield* asked.ask<number>({ amount: 1 }, askMillis)
  })
  const crash = Effect.sync(() => void asked.tell("crash"))
  return duration(system, asks, (done) => ({
    kind: "asker",
    start: () => ({
      receive: () =>
        half.pipe(Effect.andThen(crash), Effect.andThen(half), Effect.andThen(Effect.sync(done))),
    }),
  }))
}

/** One actor keeps 1,000 requests open. */
async function requestOurs(asks: number): Promise<number> {
  const system = freshSystem()
  const asked = system.spawn(answering, { tenant: "bench", key: "asked" }, undefined)
  const message = { amount: 1 }
  return duration(system, asks, (done) => ({
    kind: "asker",
    start: (context) => {
      let [open, begun] = [0, 0]
      const begin = () => {
        if (begun === asks / 2) asked.tell("crash")
        for (; open < burst; open++) {
          begun += 1
          context.request<Message | "crash", number>(asked, message, () => "answer", askMillis)
        }
      }
      return {
        receive: (said) => {
          if (said === "answer") open -= 1
          if (open > 0) return
          if (begun < asks) begin()
          else done()
        },
      }
    },
  }))
}

/** Times an actor of this type from its first message to its calling `done`. */
function duration(
  system: ActorSystem,
  asks: number,
  make: (done: () => void) => ActorType<"begin" | "answer">,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const done = () => {
      const rate = millionsPerSecond(asks, performance.now() - start)
      setImmediate(() => {
        try {
          checkCounts(system, asks)
          resolve(rate)
        } catch (error) {
          reject(error)
        }
      })
    }
    system.spawn(make(done), { tenant: "bench", key: "asker" }, undefined).tell("begin")
  })
}

// Peers.

type Asked = { readonly amount: number; readonly sender?: nact.Ref<number> }

const nactMessages = 200_000

async function tellNact(count: number): Promise<number> {
  const inBursts = await tellNactBy(count, burst)
  const atOnce = await tellNactBy(count, nactMessages)
  return Math.max(inBursts, atOnce)
}

async function tellNactBy(count: number, size: number): Promise<number> {
  const system = nact.start()
  let handled = 0
  let sum = 0
  const refs: nact.Ref<Message>[] = []
  for (let n = 0; n < count; n++) {
    refs.push(
      nact.spawnStateless(
        system,
        (message: Message) => {
          sum += message.amount
          handled += 1
        },
        `a${n}`,
      ),
    )
  }
  const message = { amount: 1 }
  const start = performance.now()
  for (let sent = 0; sent < nactMessages; ) {
    for (let i = 0; i < size; i++) {
      const ref = refs[count === 1 ? 0 : i % count]
      if (ref !== undefined) nact.dispatch(ref, message)
    }
    sent += size
    while (handled < sent) await breathe()
  }
  const rate = millionsPerSecond(nactMessages, performance.now() - start)
  nact.stop(system)
  if (sum !== nactMessages) throw new Error(`nact handled ${sum}`)
  return rate
}

function nactAsked(system: nact.ActorSystemRef): nact.Ref<Asked> {
  return nact.spawn(
    system,
    (sum = 0, message: Asked) => {
      if (message.sender !== undefined) nact.dispatch(message.sender, sum + message.amount)
      return sum + message.amount
    },
    "asked",
  )
}

/**
 * nact draws the ids of its askers from 2^32 numbers: in a run of thousands two of them may be the
 * same, and one gets no answer. Such a run is measured again.
 */
const answered =
  (measure: () => Promise<number>, triesLeft = nactTriesMax): (() => Promise<number>) =>
  () =>
    measure().catch((error: unknown) => {
      if (triesLeft <= 1) throw error
      return answered(measure, triesLeft - 1)()
    })

async function askNact(): Promise<number> {
  const asks = 30_000
  const system = nact.start()
  const asked = nactAsked(system)
  const start = performance.now()
  for (let n = 0; n < asks; n++) {
    await nact.query(asked, (sender: nact.Ref<number>) => ({ amount: 1, sender }), nactAskMillis)
  }
  const rate = millionsPerSecond(asks, performance.now() - start)
  nact.stop(system)
  return rate
}

async function askNactAtOnce(): Promise<number> {
  const asks = 50_000
  const system = nact.start()
  const asked = nactAsked(system)
  const ask = () =>
    nact.query(asked, (sender: nact.Ref<number>) => ({ amount: 1, sender }), nactAskMillis)
  const start = performance.now()
  for (let n = 0; n < asks; n += burst) {
    await Promise.all(Array.from({ length: burst }, ask))
  }
  const rate = millionsPerSecond(asks, performance.now() - start)
  nact.stop(system)
  return rate
}

async function tellXstate(count: number): Promise<number> {
  const messages = 500_000
  let handled = 0
  const logic = fromTransition((sum: number, event: { type: "add"; amount: number }) => {
    handled += 1
    return sum + event.amount
  }, 0)
  const refs = Array.from({ length: count }, () => createActor(logic).start())
  const event = { type: "add", amount: 1 } as const
  const start = performance.now()
  for (let sent = 0; sent < messages; sent += burst) {
    for (let i = 0; i < burst; i++) refs[count === 1 ? 0 : i % count]?.send(event)
    while (handled < sent) await breathe()
  }
  const rate = millionsPerSecond(messages, performance.now() - start)
  for (const ref of refs) ref.stop()
  return rate
}

/** Runs inside an actor's turn, since effects run nowhere else here. */
function queueOfEffect(): Promise<number> {
  const messages = 500_000
  return new Promise((resolve) => {
    const contest = Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Message>()
      let handled = 0
      const take = Effect.gen(function* () {
        for (;;) {
          yield* Queue.take(queue)
          handled += 1
        }
      })
      yield* Effect.forkChild(take)
      const message = { amount: 1 }
      const start = performance.now()
      for (let sent = 0; sent < messages; ) {
        for (let i = 0; i < burst; i++) Queue.offerUnsafe(queue, message)
        sent += burst
        while (handled < sent) yield* Effect.promise(breathe)
      }
      resolve(millionsPerSecond(messages, performance.now() - start))
    })
    const type: ActorType<"begin"> = { kind: "queue", start: () => ({ receive: () => contest }) }
    freshSystem().spawn(type, { tenant: "bench", key: "queue" }, undefined).tell("begin")
  })
}
